package worker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// inflight knows the records of a task that are on their way, and up to which
// of them everything is done: the commit point of each source partition is its
// longest acknowledged prefix (SubmittedRecords). The appending goroutine
// submits, the producer's sender acknowledges, the committer takes.
type inflight struct {
	mu         sync.Mutex // guards all below
	partitions []*prefix
	index      map[*connect.SourcePartition]int
	recent     int // of the partition that was used last
	err        error
	failed     chan struct{} // closed with the first error
	written    func(n int64) // counts acknowledged records
	submittedN uint64
	doneN      uint64
	batches    []batchMark // that have records on their way, oldest first
	// tolerate says whether records that failed with an error count as done.
	tolerate func(err error) bool
}

// prefix is what is on its way of one source partition.
type prefix struct {
	source  *connect.SourcePartition
	entries []entry // a ring whose length is a power of two; see at
	first   uint64  // oldest sequence number that is not yet done
	next    uint64  // of the next record
	done    connect.Offset
	moved   bool // done has not been taken yet
	last    connect.Offset
	fresh   bool // last has not been taken yet
}

// batchMark says when a batch began, and how many records were submitted before it.
type batchMark struct {
	before uint64
	at     time.Time
}

type entry struct {
	offset connect.Offset
	acked  bool
}

// A tag names a record: the number of its source partition in the high bits,
// its sequence number in the low ones, so that records which follow one another
// have tags that do.
const seqBits = 44

// untracked is the tag of records that have no place among those of the task.
const untracked = uint64(1) << 63

// letterTag marks the tag of a record whose dead letter is written in its stead: a
// failure to write that is never tolerated.
const letterTag = uint64(1) << 62

// fewEntries is the least size of a ring.
const fewEntries = 256

func newInflight() *inflight {
	return &inflight{index: map[*connect.SourcePartition]int{}, failed: make(chan struct{}), written: func(int64) {}, tolerate: func(error) bool { return false }}
}

// submit takes a record and returns its tag.
func (f *inflight) submit(source *connect.SourcePartition, offset connect.Offset) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, p := f.partition(source)
	seq := p.push(offset)
	f.submittedN++
	return uint64(i)<<seqBits | seq
}

// drop counts a record as done that is not written: a transform or a tolerance
// rule has dropped it.
func (f *inflight) drop(source *connect.SourcePartition, offset connect.Offset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, p := f.partition(source)
	p.ack(p.push(offset), 1)
}

func (f *inflight) partition(source *connect.SourcePartition) (int, *prefix) {
	if f.recent < len(f.partitions) && f.partitions[f.recent].source == source {
		return f.recent, f.partitions[f.recent]
	}
	i, ok := f.index[source]
	if !ok {
		i = len(f.partitions)
		f.index[source] = i
		f.partitions = append(f.partitions, &prefix{source: source})
	}
	f.recent = i
	return i, f.partitions[i]
}

func (p *prefix) push(offset connect.Offset) uint64 {
	if p.next-p.first == uint64(len(p.entries)) {
		p.grow()
	}
	seq := p.next
	if offset.Base != nil { // a record may have no offset
		p.last, p.fresh = offset, true
	}
	*at(p.entries, seq) = entry{offset: offset}
	p.next++
	return seq
}

func (p *prefix) grow() {
	bigger := make([]entry, max(fewEntries, 2*len(p.entries)))
	for seq := p.first; seq < p.next; seq++ {
		*at(bigger, seq) = *at(p.entries, seq)
	}
	p.entries = bigger
}

// shrink lets go of a ring that was large, once nothing is on its way.
func (p *prefix) shrink() {
	if p.first == p.next && len(p.entries) > fewEntries {
		p.entries = nil
	}
}

// at is where an entry stands in a ring.
func at(ring []entry, seq uint64) *entry { return &ring[seq&uint64(len(ring)-1)] }

func (p *prefix) ack(seq uint64, n uint32) {
	for i := range uint64(n) {
		at(p.entries, seq+i).acked = true
	}
	for p.first < p.next {
		e := at(p.entries, p.first)
		if !e.acked {
			return
		}
		if e.offset.Base != nil {
			p.done, p.moved = e.offset, true
		}
		*e = entry{}
		p.first++
	}
}

// Done implements producer.Acks.
func (f *inflight) Done(tags []producer.Tags, err error) {
	// What a transaction has dropped is done with, if the connector wanted so.
	done := err == nil || errors.Is(err, producer.ErrAborted) || !hasLetters(tags) && f.tolerate(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !done {
		f.fail(err)
		return
	}
	n := int64(0)
	for _, t := range tags {
		if t.First >= untracked {
			continue
		}
		f.partitions[t.First&^letterTag>>seqBits].ack(t.First&(1<<seqBits-1), t.N)
		f.doneN += uint64(t.N)
		if t.First < letterTag {
			n += int64(t.N)
		}
	}
	if err == nil {
		f.written(n)
	}
}

func hasLetters(tags []producer.Tags) bool {
	return slices.ContainsFunc(tags, func(t producer.Tags) bool { return t.First < untracked && t.First >= letterTag })
}

func (f *inflight) fail(err error) {
	if f.err == nil {
		f.err = fmt.Errorf("writing records to Kafka: %w", err)
		close(f.failed)
	}
}

// failure is the first error with which a record could not be written.
func (f *inflight) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// take returns the commit points that have moved since they were last taken.
func (f *inflight) take() []connect.CommittedOffset {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []connect.CommittedOffset
	for _, p := range f.partitions {
		if p.moved {
			out = append(out, connect.CommittedOffset{Source: p.source, Offset: p.done})
		}
		p.moved = false
		p.shrink()
	}
	return out
}

// submitted returns the newest offset of each source partition that has had
// records since the last call, acknowledged or not.
func (f *inflight) submitted() []connect.CommittedOffset {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []connect.CommittedOffset
	for _, p := range f.partitions {
		if p.fresh {
			out = append(out, connect.CommittedOffset{Source: p.source, Offset: p.last})
		}
		p.fresh = false
	}
	return out
}

// putBack makes commit points count as moved again that could not be stored.
func (f *inflight) putBack(offsets []connect.CommittedOffset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range offsets {
		f.partitions[f.index[o.Source]].moved = true
	}
}

// began notes that the records of a batch are about to be submitted.
func (f *inflight) began(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	f.batches = append(f.batches, batchMark{f.submittedN, at})
}

// forget drops the marks of batches whose records are done. Records may be done in
// another order than they were submitted in; for the age of the oldest their number
// is good enough.
func (f *inflight) forget() {
	n := 0
	for n+1 < len(f.batches) && f.batches[n+1].before <= f.doneN {
		n++
	}
	f.batches = append(f.batches[:0], f.batches[n:]...)
}

// age is how long the oldest record on its way has been so.
func (f *inflight) age(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	if f.doneN >= f.submittedN || len(f.batches) == 0 {
		return 0
	}
	return max(now.Sub(f.batches[0].at), 0)
}

// pending is the number of records on their way.
func (f *inflight) pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := uint64(0)
	for _, p := range f.partitions {
		n += p.next - p.first
	}
	return int(n)
}
