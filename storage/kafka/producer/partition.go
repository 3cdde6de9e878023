package producer

import (
	"slices"
	"time"
)

// noBroker stands for an unknown leader.
const noBroker int32 = -1

// partition is what the sender knows of a partition. The appending goroutine
// reads topic and id only.
type partition struct {
	topic *Topic
	id    int32

	leader   int32    // broker id or noBroker
	queue    []*batch // to be sent, oldest first
	inFlight int
	via      int32 // leader to which batches are on their way
	queued   bool  // stands in a broker's ready list, or among the leaderless

	next        int32 // sequence number of the next batch that gets one
	acked       int32 // the one after the last acknowledged record's
	established bool  // a batch was acknowledged under the present producer id

	// recovering holds back the queue until everything on its way is back.
	recovering bool
	// repairing sends one batch at a time until none is left that was on its way
	// when one failed: a broker recognises the last five batches of a producer
	// only, so nothing may be written behind a batch in doubt.
	repairing bool
	numbered  int  // batches with a sequence number whose fate is open
	gap       bool // a numbered batch was given up: number the rest anew
	failures  int  // in a row
	notBefore time.Time

	inTxn   bool // was added to the present transaction
	joining bool // is being added
}

// mostInFlight is how many batches of a partition may be on their way.
func (p *partition) mostInFlight(idempotent bool) int {
	if !idempotent || !p.established || p.repairing {
		return 1
	}
	return 5
}

// sendable reports whether the first batch of the queue may be sent now.
func (p *partition) sendable(idempotent bool, now time.Time) bool {
	if len(p.queue) == 0 || p.inFlight >= p.mostInFlight(idempotent) || now.Before(p.notBefore) {
		return false
	}
	if (p.recovering || p.gap || p.via != p.leader) && p.inFlight > 0 {
		return false // a new leader knows only what the old one has passed on
	}
	return !p.gap
}

// pop takes the first batch for sending and gives it its sequence number.
func (p *partition) pop(idempotent bool) *batch {
	b := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	if idempotent && b.seq == noSequence {
		b.seq = p.next
		p.numbered++
		p.next = addSequence(p.next, b.count)
	}
	p.recovering = false
	p.via = p.leader
	p.inFlight++
	return b
}

// push adds a new batch, or its records to the last one when that was not sent
// yet and both fit; merged tells that b itself is free.
func (p *partition) push(b *batch, memory *memory) (merged bool, err error) {
	if n := len(p.queue); n > 0 {
		last := p.queue[n-1]
		size := len(last.buf) + len(b.buf) + 4*int(b.count) // offsets may take more room
		if last.txn == b.txn && last.seq == noSequence && last.attempts == 0 && size <= int(p.topic.limit.Load()) {
			if size <= cap(last.buf) || memory.grow(last, memory.class(size)) {
				return true, last.absorb(b)
			}
		}
	}
	p.queue = append(p.queue, b)
	return false, nil
}

// putBack returns a batch to its place in the queue.
func (p *partition) putBack(b *batch) {
	i := 0
	for i < len(p.queue) && p.queue[i].order < b.order {
		i++
	}
	p.queue = slices.Insert(p.queue, i, b)
}

// oldest reports whether no batch before b waits in the queue.
func (p *partition) oldest(b *batch) bool { return len(p.queue) == 0 || p.queue[0].order > b.order }

// resolve notes that the fate of a batch is known.
func (p *partition) resolve(b *batch) {
	if b.seq != noSequence {
		p.numbered--
	}
	if p.numbered == 0 {
		p.repairing = false
	}
}

// renumber takes back the sequence numbers of all waiting batches.
func (p *partition) renumber(next int32) {
	for _, b := range p.queue {
		b.seq = noSequence
	}
	p.next, p.acked, p.gap = next, next, false
	p.numbered, p.repairing = 0, false
}

// doubtful reports whether a waiting batch may have been written already.
func (p *partition) doubtful() bool {
	return slices.ContainsFunc(p.queue, func(b *batch) bool { return b.maybeStored })
}
