package connect

import "github.com/millrace/millrace/plugins/data"

// Converter turns Connect data into the bytes of a Kafka record and back. An
// instance belongs to one goroutine and may cache what it compiled per schema.
type Converter interface {
	// Append appends the serialised value to dst. null reports that the record's
	// key or value is Kafka's null (then out is dst unchanged). Headers may be
	// added through h, which is nil where headers are not supported.
	Append(dst []byte, topic string, h *[]Header, schema *data.Schema, v data.Value) (out []byte, null bool, err error)
	// Parse reads a serialised key or value; b is nil for Kafka's null. Values
	// may refer to b and use memory of a.
	Parse(a *data.Arena, topic string, h []Header, b []byte) (*data.Schema, data.Value, error)
}

// HeaderConverter turns a header's value into bytes and back.
type HeaderConverter interface {
	AppendHeader(dst []byte, topic, key string, schema *data.Schema, v data.Value) (out []byte, null bool, err error)
	ParseHeader(a *data.Arena, topic, key string, b []byte) (*data.Schema, data.Value, error)
}

// Transform changes one record (a single message transform). It returns
// keep = false to drop the record. Memory for new values comes from a.
type Transform interface {
	Apply(a *data.Arena, r *Record) (keep bool, err error)
	Close() error
}

// SinkTransform is implemented by transforms that need what only a sink record
// has, such as its offset in Kafka. For a sink record the runtime calls
// ApplySink instead of Apply.
type SinkTransform interface {
	ApplySink(a *data.Arena, r *SinkRecord) (keep bool, err error)
}

// Predicate tells whether a transform applies to a record.
type Predicate interface {
	Test(r *Record) (bool, error)
	Close() error
}
