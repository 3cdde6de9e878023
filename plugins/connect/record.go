package connect

import "github.com/millrace/millrace/plugins/data"

// NoPartition stands in Record.Partition when the partition follows from the key.
const NoPartition int32 = -1

// NoTimestamp stands in Record.Timestamp when the record has none.
const NoTimestamp int64 = -1

// Header is one record header. Connect allows several with the same key.
type Header struct {
	Key    string
	Schema *data.Schema
	Value  data.Value
}

// Record is what source and sink records share (ConnectRecord). A nil schema
// means schemaless data.
type Record struct {
	Topic       string
	Partition   int32 // Kafka partition or NoPartition
	Timestamp   int64 // milliseconds since 1970 or NoTimestamp
	KeySchema   *data.Schema
	Key         data.Value
	ValueSchema *data.Schema
	Value       data.Value
	Headers     []Header
}

// SourceRecord is a record on its way from a source task to Kafka.
type SourceRecord struct {
	Record
	Source *SourcePartition
	Offset Offset
}

// SourcePartition names a part of a source that has an offset of its own. A
// task makes one for each and uses the same pointer in all records: the
// runtime tells partitions apart by identity and writes Key to the offset topic.
type SourcePartition struct {
	// Key holds strings, integers and booleans, as the offset topic's JSON can.
	Key map[string]any
}

// Offset is a position in a source partition, in a form that costs no
// allocation per record: a base that many records share, and a number that
// tells them apart. The runtime renders only the offsets that it writes.
type Offset struct {
	Base OffsetBase
	N    int64
}

// Map renders the offset as it is written to the offset topic; nil for the zero Offset.
func (o Offset) Map() map[string]any {
	if o.Base == nil {
		return nil
	}
	return o.Base.SourceOffset(o.N)
}

// OffsetBase renders offsets. It must be immutable once a record carries it,
// and safe to use from any goroutine.
type OffsetBase interface {
	// SourceOffset returns the offset's fields: string, int64, bool, float64 or nil.
	SourceOffset(n int64) map[string]any
}

// FixedOffset is an Offset made from a ready map.
func FixedOffset(m map[string]any) Offset { return Offset{Base: fixedOffset(m)} }

type fixedOffset map[string]any

func (f fixedOffset) SourceOffset(int64) map[string]any { return f }

// SinkRecord is a record on its way from Kafka to a sink task.
type SinkRecord struct {
	Record
	KafkaOffset   int64
	TimestampType TimestampType
	// Original position, before transforms changed topic or partition.
	OriginalTopic     string
	OriginalPartition int32
	OriginalOffset    int64
}

// TimestampType says what a record's timestamp means.
type TimestampType int8

// The timestamp types of Kafka's record format.
const (
	NoTimestampType TimestampType = -1
	CreateTime      TimestampType = 0
	LogAppendTime   TimestampType = 1
)
