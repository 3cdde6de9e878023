package worker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/storage/offset"
)

// boundary says where transactions end (transaction.boundary).
type boundary string

const (
	boundaryPoll      boundary = "poll"
	boundaryInterval  boundary = "interval"
	boundaryConnector boundary = "connector"
)

// transactions is what makes delivery exactly once (ExactlyOnceWorkerSourceTask,
// KIP-618): records and the offsets that follow from them are written in the
// same transaction. It belongs to the goroutine that converts, apart from marks.
//
// The order of one transaction:
//
//  1. begin, before the first record
//  2. records, as without transactions
//  3. the newest offset of each source partition, into the offset topic
//  4. commit; only then may the task hear of its offsets
//
// While a commit is under way the next transaction takes records already; the
// producer sends them after it.
//
// An abort that the connector asks for drops the records, but its offsets are
// still written, in a transaction of their own, lest the task read the same
// records again.
type transactions struct {
	t        *sourceTask
	boundary boundary
	interval time.Duration
	topic    string // of offsets
	open     bool
	size     int           // records in the open transaction
	began    time.Time     // when the open transaction began
	ending   *ending       // of the transaction before, nil when there is none
	took     time.Duration // the end of the last one
	marks    *marks        // nil unless the connector says where transactions end
}

// ending is a transaction whose commit is under way.
type ending struct {
	commit *producer.Commit
	asked  time.Time
	size   int
	points []connect.CommittedOffset // that it commits
}

// Under load, batches that follow one another share a transaction, until it has
// lasted worthwhile times as long as the end of the last one took, but never for
// longer than longest: then ends cost a few percent of the time, however slow the
// coordinator is. A source that brings nothing for as long as idle, or a small part
// of what an end takes, is not under load, and its transaction ends.
const (
	worthwhile = 20
	longest    = time.Second
	idle       = 2 * time.Millisecond
	idleShare  = 8 // of what the last end took
)

// newTransactions reads a connector's boundaries. topic is where offsets go.
func (t *sourceTask) newTransactions(config map[string]string, topic string) (*transactions, error) {
	x := &transactions{t: t, topic: topic, interval: t.w.cfg.FlushInterval, boundary: boundaryPoll}
	if text := strings.ToLower(strings.TrimSpace(config["transaction.boundary"])); text != "" {
		x.boundary = boundary(text)
	}
	switch x.boundary {
	case boundaryPoll, boundaryInterval:
	case boundaryConnector:
		x.marks = newMarks()
	default:
		return nil, &connect.ConfigError{Key: "transaction.boundary", Err: fmt.Errorf("%q is not one of poll, interval, connector", x.boundary)}
	}
	if text := strings.TrimSpace(config["transaction.boundary.interval.ms"]); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 0 {
			return nil, &connect.ConfigError{Key: "transaction.boundary.interval.ms", Err: fmt.Errorf("%q is not a number of milliseconds", text)}
		}
		x.interval = time.Duration(ms) * time.Millisecond
	}
	return x, nil
}

// transactionalID is Java's, as Java workers fence it.
func transactionalID(group, connector string, task int) string {
	return group + "-" + connector + "-" + strconv.Itoa(task)
}

// convert empties batches into transactions until there are no more.
func (x *transactions) convert() error {
	t := x.t
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if wait, ends := x.patience(); ends {
			timer.Reset(wait)
			due = timer.C
		}
		var err error
		select {
		case b, more := <-t.full:
			if !more {
				return x.end()
			}
			err = x.whole(b)
		case <-due:
			err = x.commit(t.working)
		case <-x.ended():
			err = x.settle(t.working)
		case <-t.inflight.failed:
			err = t.inflight.failure()
		}
		if err != nil {
			return x.failed(err)
		}
	}
}

// whole writes a batch and gives it back.
func (x *transactions) whole(b *connect.Batch) error {
	t := x.t
	if err := x.batch(t.working, b); err != nil {
		return err
	}
	t.recycle(b)
	if x.boundary == boundaryPoll && x.ending == nil && x.longEnough() {
		return x.commit(t.working)
	}
	if len(t.full) == 0 {
		t.producer.Flush()
	}
	return nil
}

// patience is how long the open transaction waits for a batch before it ends, if it
// does without; it does not end before the one before it has.
func (x *transactions) patience() (wait time.Duration, ends bool) {
	switch {
	case !x.open, x.ending != nil:
	case x.boundary == boundaryInterval:
		return max(x.interval-x.t.w.cfg.Now().Sub(x.began), 0), true
	case x.boundary == boundaryPoll:
		return min(max(idle, x.took/idleShare), longest), true
	}
	return 0, false
}

// longEnough reports whether the open transaction should end, for boundaryPoll.
func (x *transactions) longEnough() bool {
	return x.t.w.cfg.Now().Sub(x.began) >= min(worthwhile*x.took, longest)
}

// batch writes a batch's records, ending transactions where the connector says.
func (x *transactions) batch(ctx context.Context, b *connect.Batch) error {
	x.t.began()
	start := 0
	for _, m := range x.marks.take(b) {
		if m.record < start || m.record >= len(b.Records) {
			continue
		}
		if err := x.records(ctx, b, start, m.record+1); err != nil {
			return err
		}
		start = m.record + 1
		if m.abort {
			if err := x.abort(ctx); err != nil {
				return err
			}
		}
		if err := x.commit(ctx); err != nil {
			return err
		}
	}
	return x.records(ctx, b, start, len(b.Records))
}

func (x *transactions) records(ctx context.Context, b *connect.Batch, from, to int) error {
	if from >= to {
		return nil
	}
	if err := x.begin(ctx); err != nil {
		return err
	}
	x.size += to - from
	return x.t.encoder.encode(ctx, b, from, to)
}

func (x *transactions) begin(ctx context.Context) error {
	if x.open {
		return nil
	}
	x.open, x.began = true, x.t.w.cfg.Now()
	return x.t.producer.BeginTxn(ctx)
}

// commit writes the offsets of what was written and begins to commit both.
func (x *transactions) commit(ctx context.Context) error {
	if err := x.settle(ctx); err != nil {
		return err
	}
	points := x.t.inflight.submitted()
	if len(points) == 0 && !x.open {
		return nil
	}
	if err := x.begin(ctx); err != nil {
		return err
	}
	for _, p := range points {
		if err := x.offset(ctx, p); err != nil {
			return err
		}
	}
	asked := x.t.w.cfg.Now()
	c, err := x.t.producer.BeginCommit(ctx)
	if err != nil {
		return err
	}
	x.ending = &ending{commit: c, asked: asked, size: x.size, points: points}
	x.open, x.size = false, 0
	return nil
}

// ended tells when the outcome of the commit under way is known.
func (x *transactions) ended() <-chan struct{} {
	if x.ending == nil {
		return nil
	}
	return x.ending.commit.Done()
}

// settle waits for the commit under way. Where it has failed, what was meant for it
// and for the open transaction is still to be aborted.
func (x *transactions) settle(ctx context.Context) error {
	e := x.ending
	if e == nil {
		return nil
	}
	select {
	case <-e.commit.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	x.ending = nil
	x.t.metrics.Committed(e.asked, e.commit.Err())
	if err := e.commit.Err(); err != nil {
		x.open = true
		return err
	}
	x.took = x.t.w.cfg.Now().Sub(e.asked)
	x.t.metrics.TransactionSize.Note(float64(e.size))
	x.t.committed(ctx, e.points)
	return nil
}

// offset appends the record of an offset.
func (x *transactions) offset(ctx context.Context, p connect.CommittedOffset) error {
	key, err := offset.Key(x.t.id.Connector, p.Source.Key)
	if err != nil {
		return err
	}
	value, err := offset.Value(p.Offset.Map())
	if err != nil {
		return err
	}
	topic, err := x.t.producer.Topic(ctx, x.topic)
	if err != nil {
		return fmt.Errorf("offset topic %s: %w", x.topic, err)
	}
	a, err := x.t.producer.Begin(ctx, topic, -1, key, x.t.w.cfg.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("offset topic %s: %w", x.topic, err)
	}
	a.SetValue(append(a.Value(), value...), value == nil)
	return a.End(untracked)
}

// abort drops the open transaction's records.
func (x *transactions) abort(ctx context.Context) error {
	if err := x.settle(ctx); err != nil || !x.open {
		return err
	}
	x.t.log.Info("aborting a transaction, as the connector asks")
	if err := x.t.producer.AbortTxn(ctx); err != nil {
		return err
	}
	x.open, x.size = false, 0
	return nil
}

// end finishes when polls have stopped: what the connector has not ended itself
// is dropped and read again.
func (x *transactions) end() error {
	if err := x.t.inflight.failure(); err != nil {
		return x.failed(err)
	}
	if x.boundary == boundaryConnector {
		return x.failed(x.settle(x.t.working))
	}
	err := x.commit(x.t.working)
	if err == nil {
		err = x.settle(x.t.working)
	}
	return x.failed(err)
}

// failed drops the open transaction, if there is one, and says why.
func (x *transactions) failed(err error) error {
	x.dropOpen()
	return err
}

// dropOpen aborts the open transaction. What is being committed counts.
func (x *transactions) dropOpen() {
	ctx, cancel := context.WithTimeout(x.t.working, x.t.w.cfg.GracefulTimeout)
	defer cancel()
	if err := x.settle(ctx); err != nil {
		x.t.log.Debug("the commit under way has failed", "error", err)
	}
	if !x.open {
		return
	}
	x.open = false
	if err := x.t.producer.AbortTxn(ctx); err != nil {
		x.t.log.Debug("the open transaction could not be aborted; the next start of the task does", "error", err)
	}
}

// marks are the ends of transactions in batches, as a connector defines them
// (TransactionContext). Poll's goroutine notes them, convert's takes them, as the
// batch goes from one to the other.
type marks struct {
	mu      sync.Mutex
	byBatch map[*connect.Batch][]mark
}

type mark struct {
	record int
	abort  bool
}

func newMarks() *marks { return &marks{byBatch: map[*connect.Batch][]mark{}} }

// CommitAfter implements connect.TransactionContext.
func (m *marks) CommitAfter(b *connect.Batch, record int) { m.add(b, mark{record, false}) }

// AbortAfter implements connect.TransactionContext.
func (m *marks) AbortAfter(b *connect.Batch, record int) { m.add(b, mark{record, true}) }

func (m *marks) add(b *connect.Batch, k mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byBatch[b] = append(m.byBatch[b], k)
}

// take returns a batch's marks in the order in which they were made.
func (m *marks) take(b *connect.Batch) []mark {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.byBatch[b]
	delete(m.byBatch, b)
	return out
}
