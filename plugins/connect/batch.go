package connect

import (
	"sync"
	"unsafe"

	"github.com/millrace/millrace/plugins/data"
)

// Batch is a list of source records with the memory that their values use.
// The runtime owns batches and hands the same few to Poll in turn.
type Batch struct {
	Arena   data.Arena
	Records []SourceRecord
	// Limits at which a task should return the batch. A single record may
	// exceed MaxBytes, which counts all memory of the arena.
	MaxRecords int
	MaxBytes   int

	shared *Batches // nil for memory of its own
	memory data.Memory
	lent   *[]SourceRecord // a list of the shared ones; Records is in it
	own    []SourceRecord  // set aside meanwhile
	short  bool            // the list should not have been lent
}

// Add appends an empty record and returns it. The pointer is valid until the
// next Add.
func (b *Batch) Add() *SourceRecord {
	n := len(b.Records)
	if n == cap(b.Records) && b.shared != nil && b.lent == nil && n >= ownRecords {
		b.borrow()
	}
	if n < cap(b.Records) {
		b.Records = b.Records[:n+1]
		b.Records[n] = SourceRecord{}
	} else {
		b.Records = append(b.Records, SourceRecord{})
	}
	r := &b.Records[n]
	r.Partition, r.Timestamp = NoPartition, NoTimestamp
	return r
}

// Full reports whether the batch has reached one of its limits, or has taken all the
// memory that it may have at the moment.
func (b *Batch) Full() bool {
	return len(b.Records) >= b.MaxRecords || b.Arena.Size() >= b.MaxBytes || b.Arena.Short() || b.short
}

// Reset empties the batch for the next Poll.
func (b *Batch) Reset() {
	clear(b.Records)
	b.Records = b.Records[:0]
	if b.lent != nil {
		b.giveBack()
	}
	b.Arena.Reset()
}

// Batches makes batches that share their memory: one that is empty holds next to
// nothing. A Batches may be used from any goroutine.
type Batches struct {
	arenas  *data.Pool
	lists   sync.Pool // of *[]SourceRecord with room for records
	records int
	bytes   int
}

// ownRecords is how long a list of records a batch keeps when it is empty.
const ownRecords = 64

// NewBatches makes batches of at most so many records and about so many bytes.
func NewBatches(records, bytes int) *Batches {
	return &Batches{arenas: data.NewPool(), records: records, bytes: bytes}
}

// New makes a batch whose memory is counted by m.
func (s *Batches) New(m data.Memory) *Batch {
	return &Batch{MaxRecords: s.records, MaxBytes: s.bytes, Arena: s.arenas.Arena(m), shared: s, memory: m}
}

// listBytes is the memory of a list that is lent.
func (s *Batches) listBytes() int { return s.records * int(unsafe.Sizeof(SourceRecord{})) }

func (s *Batches) list() *[]SourceRecord {
	if l, ok := s.lists.Get().(*[]SourceRecord); ok {
		return l
	}
	l := make([]SourceRecord, 0, s.records)
	return &l
}

// borrow moves the records to a list that is as long as a batch can be.
func (b *Batch) borrow() {
	b.short = !b.memory.Take(b.shared.listBytes())
	b.lent = b.shared.list()
	b.own = b.Records
	b.Records = append(*b.lent, b.own...)
	clear(b.own)
}

func (b *Batch) giveBack() {
	if cap(b.Records) > cap(*b.lent) { // the task has added more, and they were moved once again
		clear((*b.lent)[:cap(*b.lent)])
	}
	b.memory.Give(b.shared.listBytes())
	b.shared.lists.Put(b.lent)
	b.Records, b.lent, b.own = b.own[:0], nil, nil
	b.short = false
}
