package kafka

import "time"

// Isolation says whether a reader sees records of open and aborted transactions.
type Isolation int8

// The isolation levels of isolation.level.
const (
	ReadUncommitted Isolation = iota
	ReadCommitted
)

// AnyPartition leaves the choice of partition to the key, as Java's default
// partitioner makes it (murmur2).
const AnyPartition int32 = -1

// Record is one record of a topic.
type Record struct {
	Partition int32
	Offset    int64 // set on reading
	Timestamp time.Time
	Key       []byte // nil means null
	Value     []byte // nil means null: a tombstone in a compacted topic
	Headers   []Header
}

// Header is one record header.
type Header struct {
	Key   string
	Value []byte // nil means null
}
