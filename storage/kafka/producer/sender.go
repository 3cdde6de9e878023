package producer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// noProducer is the producer id of batches without one.
const noProducer int64 = -1

// identity is a producer id with its epoch.
type identity struct {
	id    int64
	epoch int16
}

// phases of the sender's identity.
type idPhase uint8

const (
	idMissing idPhase = iota
	idPending         // asked for
	idReady
)

// sender is the goroutine that decides what is sent when. All its fields are its
// own, apart from fatal, which others read once it has ended.
type sender struct {
	p    *Producer
	cfg  *Config
	log  *slog.Logger
	life context.Context

	topics     []*Topic
	brokers    map[int32]*broker
	leaderless []*partition
	delayed    []*partition // wait for notBefore
	requests   []*request   // free
	again      []*partition // collect's, for their memory
	later      []*partition
	moved      bool // a partition went to another broker's ready list

	order   uint64
	pending int // batches handed over whose fate is open
	flying  int // of them, on their way
	idle    []chan<- none
	closing bool

	id      identity
	idPhase idPhase
	idAfter time.Time // no attempt before
	renew   bool      // take a new producer id once nothing is on its way
	plain   bool      // without producer id

	txn   transaction
	meta  metadataState
	sweep time.Time // next look for batches that took too long

	fatal error

	unreached kafka.Repeats // of requests to the coordinator; any goroutine's
}

func newSender(p *Producer, life context.Context) *sender {
	return &sender{p: p, cfg: &p.cfg, log: p.cfg.Logger, life: life, brokers: map[int32]*broker{}, txn: transaction{id: p.cfg.TransactionalID}}
}

// run is the sender's loop: take events, look at the clock, send what may be sent.
func (s *sender) run() {
	defer close(s.p.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var events []event
	for !s.ended() {
		select {
		case <-s.p.mail.wake:
		case <-timer.C:
		}
		events = s.p.mail.take(events)
		for _, e := range events {
			s.handle(e)
		}
		now := time.Now()
		s.tick(now)
		s.dispatch(now)
		s.tellIdle()
		timer.Reset(s.nextWake(now))
	}
	s.shutDown()
}

func (s *sender) ended() bool { return s.fatal != nil || s.closing }

func (s *sender) handle(e event) {
	switch e := e.(type) {
	case *batch:
		s.accept(e)
	case *request:
		s.answered(e, time.Now())
	case topicWanted:
		s.topics = append(s.topics, e.t)
		e.t.index = len(s.topics)
		s.meta.wanted = true
		s.meta.after = time.Time{}
	case topicDropped:
		s.dropTopic(e.t)
	case metadataWanted:
		s.meta.wanted = true
	case metadataDone:
		s.onMetadata(e)
	case connDown:
		s.onConnDown(e, time.Now())
	case identityDone:
		s.onIdentity(e)
	case idleWanted:
		s.idle = append(s.idle, e.idle)
	case closeWanted:
		s.closing = true
	case txnEvent:
		e(s)
	case commitWanted:
		s.txn.end(e.c)
	}
}

// orderSpan leaves room between batches for the parts that they may be split
// into: a batch has fewer records.
const orderSpan = 1 << 32

// accept queues a sealed batch.
func (s *sender) accept(b *batch) {
	part := b.part
	s.order += orderSpan
	b.order, b.span = s.order, orderSpan
	s.txn.took(s, b)
	if s.txn.failed != nil {
		s.complete(b, s.txn.failed)
		return
	}
	merged, err := part.push(b, s.p.memory)
	switch {
	case err != nil:
		s.complete(b, err)
		return
	case merged:
		s.txn.resolved(s, b)
		s.p.memory.release(b)
	}
	s.schedule(part)
}

// complete reports the fate of a batch and frees it.
func (s *sender) complete(b *batch, err error) {
	s.cfg.Acks.Done(b.tags, err)
	b.part.resolve(b)
	s.txn.resolved(s, b)
	s.p.memory.release(b)
}

func (s *sender) tellIdle() {
	if s.pending > 0 || s.txn.adding || s.txn.ending != nil {
		return
	}
	for _, c := range s.idle {
		close(c)
	}
	s.idle = s.idle[:0]
}

// tick does what only time brings about.
func (s *sender) tick(now time.Time) {
	s.delayed = slices.DeleteFunc(s.delayed, func(p *partition) bool {
		if now.Before(p.notBefore) {
			return false
		}
		s.schedule(p)
		return true
	})
	if s.pending > 0 && !now.Before(s.sweep) {
		s.sweep = now.Add(s.sweepEvery())
		s.expire(now)
	}
	s.refresh(now)
}

// sweepEvery is how often batches are looked at that take too long.
func (s *sender) sweepEvery() time.Duration {
	return min(max(s.cfg.DeliveryTimeout/8, 10*time.Millisecond), time.Second)
}

// nextWake is how long the sender may sleep when nothing is posted.
func (s *sender) nextWake(now time.Time) time.Duration {
	next := now.Add(s.cfg.MetadataMaxAge)
	if s.pending > 0 {
		next = now.Add(s.sweepEvery())
	}
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	for _, p := range s.delayed {
		earlier(p.notBefore)
	}
	earlier(s.meta.due(s.cfg.MetadataMaxAge))
	earlier(s.idAfter)
	for _, b := range s.brokers {
		earlier(b.notBefore)
	}
	return max(next.Sub(now), time.Millisecond)
}

// expire gives up batches that could not be written in delivery.timeout.ms.
// What is on its way is bounded by request.timeout.ms instead.
func (s *sender) expire(now time.Time) {
	for _, t := range s.topics {
		for _, p := range t.known {
			for len(p.queue) > 0 && now.Sub(p.queue[0].created) > s.cfg.DeliveryTimeout {
				b := p.queue[0]
				p.queue = p.queue[1:]
				s.refuse(b, &TimeoutError{
					What: fmt.Sprintf("Expiring %d record(s) for %s-%d:%d ms has passed since batch creation",
						b.count, t.name, p.id, now.Sub(b.created).Milliseconds()),
					Cause: b.lastErr,
				})
			}
		}
	}
}

// fail ends the producer.
func (s *sender) fail(err error) {
	if s.fatal == nil {
		s.fatal = err
	}
}

// failLogin ends the producer because brokers do not let it in, and says which
// settings to look at, if its client knows.
func (s *sender) failLogin(err error) {
	s.fail(s.cfg.Advised(err))
}

// shutDown closes all connections and fails what is left, once no connection
// holds a batch any more.
func (s *sender) shutDown() {
	err := s.fatal
	if err == nil {
		err = ErrClosed
	}
	s.p.cancel()
	for _, b := range s.brokers {
		b.close()
	}
	s.p.wg.Wait()
	for _, e := range s.p.mail.close() {
		switch e := e.(type) {
		case *batch:
			s.txn.took(s, e)
			s.complete(e, err)
		case *request:
			s.answered(e, time.Now())
		case topicWanted:
			e.t.failed = err
			close(e.t.ready)
		case idleWanted:
			s.idle = append(s.idle, e.idle)
		case commitWanted:
			e.c.finish(err)
		}
	}
	if s.txn.ending != nil {
		s.txn.ended(s, err)
	}
	s.dropAll(err)
	s.tellIdle()
}

// dropAll fails every batch that waits or was lost with a connection.
func (s *sender) dropAll(err error) {
	for _, b := range s.brokers {
		for _, r := range b.out {
			for _, batch := range r.batches {
				batch.part.inFlight--
				s.flying--
				s.complete(batch, err)
			}
		}
		b.out = nil
	}
	s.dropWaiting(err)
}

// dropWaiting fails every batch that is not on its way.
func (s *sender) dropWaiting(err error) {
	for _, t := range s.topics {
		for _, p := range t.known {
			for _, b := range p.queue {
				s.complete(b, err)
			}
			p.queue = nil
		}
	}
}

// schedule puts a partition where its leader's connection, or the search for a
// leader, finds it.
func (s *sender) schedule(p *partition) {
	if p.queued || len(p.queue) == 0 {
		return
	}
	p.queued = true
	if b := s.brokers[p.leader]; b != nil {
		b.ready = append(b.ready, p)
		return
	}
	s.leaderless = append(s.leaderless, p)
	s.meta.wanted = true
}

// dispatch sends what may be sent.
func (s *sender) dispatch(now time.Time) {
	if s.txn.failed != nil {
		s.dropWaiting(s.txn.failed)
	}
	s.txn.proceed(s)
	if s.fatal != nil || !s.identified(now) {
		return
	}
	for s.moved = true; s.moved; {
		s.moved = false
		for _, b := range s.brokers {
			s.feed(b, now)
		}
	}
	s.txn.addPartitions(s)
}

// feed hands a broker what it has room for.
func (s *sender) feed(b *broker, now time.Time) {
	for b.free(now, s.cfg.MaxInFlight) {
		r := s.collect(b, now)
		if r == nil {
			return
		}
		s.hand(b, r)
	}
}

// collect makes a request of the batches that a broker's partitions have ready,
// the ones that waited longest first; nil when there are none.
func (s *sender) collect(b *broker, now time.Time) *request {
	var r *request
	again, later := s.again[:0], s.later[:0]
	for i, p := range b.ready {
		if r != nil && r.bytes >= s.cfg.MaxRequestSize {
			later = append(later, b.ready[i:]...)
			break
		}
		p.queued = false
		switch {
		case p.leader != b.id:
			s.schedule(p)
			s.moved = true
		case !p.sendable(!s.plain, now) || !s.txn.admits(p):
			// What made it wait schedules it again.
		case r != nil && r.bytes+len(p.queue[0].buf) > s.cfg.MaxRequestSize:
			p.queued = true
			later = append(later, p)
		default:
			if r == nil {
				r = s.newRequest()
			}
			batch := p.pop(!s.plain)
			r.batches = append(r.batches, batch)
			r.bytes += len(batch.buf)
			if len(p.queue) > 0 {
				p.queued = true
				again = append(again, p)
			}
		}
	}
	b.ready = append(append(b.ready[:0], later...), again...)
	s.again, s.later = again, later
	return r
}

func (s *sender) newRequest() *request {
	if n := len(s.requests); n > 0 {
		r := s.requests[n-1]
		s.requests = s.requests[:n-1]
		return r
	}
	return new(request)
}

func (s *sender) freeRequest(r *request) {
	clear(r.batches)
	clear(r.cuts)
	clear(r.parts)
	*r = request{batches: r.batches[:0], results: r.results[:0], scratch: r.scratch[:0], cuts: r.cuts[:0], parts: r.parts[:0], joined: r.joined[:0]}
	s.requests = append(s.requests, r)
}

// hand gives a request to a broker's connection, which has room for it.
func (s *sender) hand(b *broker, r *request) {
	slices.SortStableFunc(r.batches, func(x, y *batch) int { return x.part.topic.index - y.part.topic.index })
	if b.conn == nil {
		b.conn = s.connect(b)
	}
	r.id, r.conn = s.id, b.conn
	s.flying += len(r.batches)
	b.out = append(b.out, r)
	b.conn.reqs <- r
}

// answered takes back a request with its results.
func (s *sender) answered(r *request, now time.Time) {
	b := r.conn.broker
	if i := slices.Index(b.out, r); i >= 0 {
		b.out = slices.Delete(b.out, i, i+1)
	}
	b.failures = 0
	if r.throttleMS > 0 {
		b.notBefore = now.Add(time.Duration(r.throttleMS) * time.Millisecond)
	}
	for i, batch := range r.batches {
		s.result(batch, r.results[i], now)
	}
	s.freeRequest(r)
}

// result decides what becomes of a batch.
func (s *sender) result(b *batch, res result, now time.Time) {
	p := b.part
	p.inFlight--
	s.flying--
	v := judge(res.code)
	if s.txn.id != "" && v == reorder && sarama.KError(res.code) == sarama.ErrInvalidProducerEpoch {
		v = fenced
	}
	switch v {
	case done:
		p.acked, p.established, p.failures = addSequence(b.seq, b.count), true, 0
		s.complete(b, nil)
	case fenced:
		s.fail(ErrFenced)
		s.complete(b, ErrFenced)
	case tooLarge:
		s.tooLarge(b, now)
	case refused:
		s.refuse(b, s.brokerError(b, res))
	case reorder:
		s.outOfOrder(b, res, now)
	default:
		if v == moved {
			s.lostLeader(p)
		}
		b.maybeStored = b.maybeStored || v == doubtful
		s.retry(b, s.brokerError(b, res), now)
	}
	s.settle(p)
	s.schedule(p)
}

func (s *sender) brokerError(b *batch, res result) error {
	return &BrokerError{Topic: b.part.topic.name, Partition: b.part.id, Code: sarama.KError(res.code), Message: res.message, User: s.cfg.User}
}

// retry puts a batch back to be sent again.
func (s *sender) retry(b *batch, cause error, now time.Time) {
	p := b.part
	b.attempts++
	b.lastErr = cause
	if b.attempts > s.cfg.Retries {
		s.refuse(b, cause)
		return
	}
	if s.txn.failed != nil {
		s.complete(b, s.txn.failed)
		return
	}
	p.putBack(b)
	p.repairing = true
	if p.recovering {
		return // one failure, of which this is the echo
	}
	p.recovering = true
	p.failures++
	p.notBefore = now.Add(backoff(s.cfg.RetryBackoff, s.cfg.RetryBackoffMax, p.failures))
	s.delayed = append(s.delayed, p)
	if p.failures&(p.failures-1) == 0 { // the 1st, 2nd, 4th, 8th...
		s.log.Warn("a batch could not be written and will be sent again", "topic", p.topic.name, "partition", p.id,
			"records", b.count, "failures", p.failures, "error", cause)
	}
}

// refuse gives a batch up.
func (s *sender) refuse(b *batch, err error) {
	p := b.part
	if b.seq != noSequence {
		p.gap, p.recovering = true, true
		s.renew = s.renew || b.maybeStored && s.txn.id == ""
	}
	s.txn.fail(err)
	s.complete(b, err)
	s.settle(p)
}

// settle closes the gap that a batch left, once nothing of its partition is on
// its way.
func (s *sender) settle(p *partition) {
	if !p.gap || p.inFlight > 0 || s.renew || s.txn.id != "" {
		return // after a failed transaction, sequence numbers start anew
	}
	if p.doubtful() {
		s.renew = true // the broker may be ahead of us
		return
	}
	p.renumber(p.acked)
}

// tooLarge splits a batch that the broker finds too large, and keeps later ones
// below its size.
func (s *sender) tooLarge(b *batch, now time.Time) {
	p := b.part
	if b.count == 1 {
		s.refuse(b, &RecordTooLarge{Topic: p.topic.name, Key: b.firstKey()})
		return
	}
	p.topic.limit.Store(max(min(p.topic.limit.Load(), int64(len(b.buf)/2)), smallBuffer))
	tail := s.p.memory.force(p, len(b.buf))
	if err := b.split(tail); err != nil {
		s.p.memory.release(tail)
		s.refuse(b, err)
		return
	}
	s.pending++
	tail.txn = b.txn
	if tail.seq != noSequence {
		p.numbered++
	}
	s.log.Info("a batch is larger than the broker allows and was split", "topic", p.topic.name, "partition", p.id, "records", b.count+tail.count)
	p.putBack(b)
	p.putBack(tail)
	p.recovering, p.repairing = true, true
}

// outOfOrder handles a sequence number that the broker does not expect. Behind a
// batch that failed that is natural. For the oldest batch it means that the
// broker has lost what it knew of this producer.
func (s *sender) outOfOrder(b *batch, res result, now time.Time) {
	err := s.brokerError(b, res)
	if b.part.oldest(b) && !b.part.recovering {
		if s.txn.id != "" {
			s.refuse(b, err)
			return
		}
		s.log.Warn("the broker does not know this producer's batches any more; taking a new producer id",
			"topic", b.part.topic.name, "partition", b.part.id, "error", err)
		s.renew = true
	}
	s.retry(b, err, now)
}

// backoff doubles from first to most.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := first
	for range min(failures-1, 30) {
		if d >= most {
			break
		}
		d *= 2
	}
	return min(d, most)
}
