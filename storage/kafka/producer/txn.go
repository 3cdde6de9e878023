package producer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// transaction is the sender's side of transactions (KIP-98). Their life:
//
//	BeginTxn         open: a partition joins before its first batch is sent
//	BeginCommit      ending: its batches are sent and acknowledged, then the
//	                 coordinator commits it; meanwhile BeginTxn opens the next one,
//	                 whose batches wait in their queues
//	Commit is done   the next one's batches are sent
//
// The first failure of a batch or of a commit fails the transaction: everything
// else that belongs to it, or to the one behind it, is dropped, and only AbortTxn
// is possible.
type transaction struct {
	id      string // "" for a producer without transactions
	number  uint64 // of the transaction that is sent; batches bear theirs
	open    bool   // what is appended belongs to a transaction
	started bool   // the coordinator knows of it
	failed  error
	ending  *Commit      // that was asked for
	asked   bool         // the coordinator was asked for it
	later   int          // batches handed over that belong to the next transaction
	wanting []*partition // to be added
	adding  bool
}

// Commit is the end of a transaction that BeginCommit has asked for.
type Commit struct {
	over chan none
	err  error
}

// Done is closed when the outcome is known.
func (c *Commit) Done() <-chan struct{} { return c.over }

// Err is the outcome, once Done is closed; nil when the transaction is committed.
func (c *Commit) Err() error { return c.err }

func (c *Commit) finish(err error) {
	if err != nil {
		c.err = fmt.Errorf("committing a transaction: %w", err)
	}
	close(c.over)
}

// txnEvent runs on the sender.
type txnEvent func(s *sender)

// commitWanted asks for the end of the open transaction.
type commitWanted struct{ c *Commit }

// took counts a batch that was handed over.
func (t *transaction) took(s *sender, b *batch) {
	b.txn = t.number
	if t.ending != nil {
		b.txn++
		t.later++
	}
	s.pending++
}

// resolved counts a batch off.
func (t *transaction) resolved(s *sender, b *batch) {
	if b.txn != t.number {
		t.later--
	}
	s.pending--
}

// admits reports whether a partition may send its first batch, and adds it to the
// transaction where that is what is missing.
func (t *transaction) admits(p *partition) bool {
	switch {
	case t.id == "":
		return true
	case p.queue[0].txn != t.number:
		return false // the end of a transaction schedules it again
	case p.inTxn:
		return true
	}
	if (t.open || t.ending != nil) && !p.joining {
		p.joining = true
		t.wanting = append(t.wanting, p)
	}
	return false
}

// addPartitions adds what wants to join, one request at a time.
func (t *transaction) addPartitions(s *sender) {
	if t.failed != nil {
		for _, p := range t.wanting {
			p.joining = false
		}
		t.wanting = nil
	}
	if t.adding || len(t.wanting) == 0 {
		return
	}
	parts := t.wanting
	t.wanting, t.adding = nil, true
	id := s.id
	go func() {
		err := s.addToTxn(s.life, id, parts)
		s.p.mail.post(txnEvent(func(s *sender) { s.txn.added(s, parts, err) }))
	}()
}

func (t *transaction) added(s *sender, parts []*partition, err error) {
	t.adding = false
	t.started = t.started || err == nil
	for _, p := range parts {
		p.joining = false
		p.inTxn = err == nil
		s.schedule(p)
	}
	if errors.Is(err, ErrFenced) {
		s.fail(err)
	} else if err != nil {
		t.fail(err)
	}
}

// begin opens the next transaction.
func (t *transaction) begin() error {
	switch {
	case t.open:
		return errors.New("the previous one is still open")
	case t.failed != nil:
		return fmt.Errorf("the previous one must be aborted: %w", t.failed)
	}
	t.open = true
	return nil
}

// end notes that the open transaction shall end.
func (t *transaction) end(c *Commit) {
	if !t.open {
		c.finish(errNotOpen)
		return
	}
	t.open, t.ending = false, c
}

var errNotOpen = errors.New("no transaction is open")

// proceed asks the coordinator for the end of the transaction, once nothing of it
// is on its way.
func (t *transaction) proceed(s *sender) {
	if t.ending == nil || t.asked || s.pending > t.later || t.adding {
		return // a late request would be taken for that of a fenced producer
	}
	if t.failed != nil || !t.started {
		t.ended(s, t.failed)
		return
	}
	t.asked = true
	id := s.id
	go func() {
		err := s.endTxn(s.life, id, true)
		s.p.mail.post(txnEvent(func(s *sender) { s.txn.ended(s, err) }))
	}()
}

// ended takes the outcome of a commit.
func (t *transaction) ended(s *sender, err error) {
	c := t.ending
	t.ending, t.asked = nil, false
	switch {
	case err == nil:
		t.next(s)
	case errors.Is(err, ErrFenced):
		s.fail(err)
	default:
		t.fail(err)
	}
	c.finish(err)
}

// fail makes the transaction one that can only be aborted.
func (t *transaction) fail(err error) {
	if t.id != "" && t.failed == nil {
		t.failed = err
	}
}

// next goes on to the next transaction.
func (t *transaction) next(s *sender) {
	t.started, t.failed, t.later = false, nil, 0
	t.number++
	for _, topic := range s.topics {
		for _, p := range topic.known {
			p.inTxn = false
			s.schedule(p)
		}
	}
}

// onSender runs f on the sender and waits for it.
func (p *Producer) onSender(ctx context.Context, f func(s *sender)) error {
	ran := make(chan none)
	p.mail.post(txnEvent(func(s *sender) { f(s); close(ran) }))
	select {
	case <-ran:
		return nil
	case <-p.done:
		return p.endedBy()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// BeginTxn opens a transaction: what is appended from now on belongs to it. The
// commit of the one before may still be under way.
func (p *Producer) BeginTxn(ctx context.Context) error {
	var refused error
	err := p.onSender(ctx, func(s *sender) { refused = s.txn.begin() })
	if err = cmp.Or(err, refused); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	return nil
}

// BeginCommit ends the open transaction and returns at once: it is committed when
// everything in it is written. Before that, at most one more may be open. After an
// error of the commit that is not ErrFenced, AbortTxn drops both.
func (p *Producer) BeginCommit(ctx context.Context) (*Commit, error) {
	p.Flush()
	if err := p.awaitCommit(ctx); err != nil {
		return nil, err
	}
	c := &Commit{over: make(chan none)}
	if !p.mail.post(commitWanted{c}) {
		c.finish(p.endedBy())
	}
	p.commit = c
	return c, nil
}

// awaitCommit waits for the commit that is under way, if there is one.
func (p *Producer) awaitCommit(ctx context.Context) error {
	if p.commit == nil {
		return nil
	}
	select {
	case <-p.commit.over:
		return p.commit.err
	case <-ctx.Done():
		return fmt.Errorf("committing a transaction: %w", context.Cause(ctx))
	}
}

// CommitTxn waits until everything in the transaction is written and commits it.
// After an error that is not ErrFenced and not ctx's, AbortTxn ends the
// transaction; when ctx ended the outcome is open.
func (p *Producer) CommitTxn(ctx context.Context) error {
	if _, err := p.BeginCommit(ctx); err != nil {
		return err
	}
	return p.awaitCommit(ctx)
}

// AbortTxn drops what was not sent yet and aborts the transaction; one that is
// being committed is waited for. The producer goes on with a new epoch, as
// sequence numbers of dropped batches are gone.
func (p *Producer) AbortTxn(ctx context.Context) error {
	if err := p.awaitCommit(ctx); err != nil && ctx.Err() != nil {
		return fmt.Errorf("aborting a transaction: %w", err)
	}
	err := p.onSender(ctx, func(s *sender) { s.txn.fail(ErrAborted) })
	if err == nil {
		err = p.Wait(ctx)
	}
	var t transaction
	var id identity
	if err == nil {
		err = p.onSender(ctx, func(s *sender) { t, id = s.txn, s.id })
	}
	if err == nil && t.started {
		err = p.send.endTxn(ctx, id, false)
	}
	if err == nil {
		id, err = p.send.initTransactional(ctx, id)
	}
	if err == nil {
		err = p.onSender(ctx, func(s *sender) { s.txn.open = false; s.txn.next(s); s.adopt(id) })
	}
	if err != nil {
		return fmt.Errorf("aborting a transaction: %w", err)
	}
	p.commit = nil
	return nil
}
