package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/worker/budget"
	"github.com/millrace/millrace/worker/metrics"
)

// Limits of a batch, and how many batches go round between the goroutine that
// polls and the one that converts.
const (
	batchRecords = 1024
	batchBytes   = 2 << 20
	batchCount   = 3
)

// leastMemory is what batches of a task may take however little the others leave it.
const leastMemory = data.SmallestLoan

// sourceTask runs a source task with at-least-once delivery. Its goroutines:
//
//	poll      owns the task; fills batches
//	convert   owns the encoder and the producer's appending side; empties them
//	commit    writes commit points to the offset store
//
// A batch belongs to poll or convert, whichever took it from its channel last.
type sourceTask struct {
	lifecycle
	config map[string]string // of the task
	task   connect.SourceTask

	offsets  *offsetStore
	txn      *transactions // nil unless delivery is exactly once
	encoder  *encoder
	producer *producer.Producer
	inflight *inflight
	release  func() // gives the client back

	free, full chan *connect.Batch
	memory     *budget.Account // of the batches
	metrics    *metrics.SourceTask
	own        *metrics.Plugin // the task's own metrics
	started    atomic.Bool     // the task may be sent signals, while polls go on

	uncommitted kafka.Repeats // of commits that fail
}

// newSourceTask builds all that the task needs. Nothing runs yet.
func (w *Worker) newSourceTask(ctx context.Context, p *connect.Plugin, start TaskStart) (_ *sourceTask, err error) {
	t := &sourceTask{
		config: maps.Clone(start.TaskConfig), task: p.NewSourceTask(), inflight: newInflight(),
		free: make(chan *connect.Batch, batchCount), full: make(chan *connect.Batch, batchCount),
		memory: w.memory.Account(leastMemory, w.memory.Limit()),
	}
	t.begin(w, p, start)
	t.metrics = w.cfg.Metrics.SourceTask(taskInfo(start.ID, p), t.inflight.pending, func() time.Duration { return t.inflight.age(w.cfg.Now()) })
	t.common, t.own = t.metrics.Task, t.metrics.Plugin()
	if _, ok := t.task.(connect.ProgressReporter); ok {
		t.metrics.Progress(func() metrics.Progress {
			p, _ := t.progress()
			return metrics.Progress{Rows: p.Rows, EstimatedRows: p.EstimatedRows, Percent: p.Percent, Remaining: p.Remaining}
		})
	}
	t.inflight.written = t.metrics.Written.Add
	for range batchCount {
		t.free <- w.batches.New(t.memory)
	}
	defer func() {
		if err != nil {
			t.abandon()
			t.close(ctx)
			t.metrics.Close()
		}
	}()
	// Taking over the transactional id comes before offsets are read: until then
	// an earlier task of the same number may still write some.
	if err := t.newProducer(ctx, start); err != nil {
		return nil, err
	}
	if start.ExactlyOnce && start.Verify != nil {
		if err := start.Verify(ctx); err != nil {
			return nil, err
		}
	}
	if t.offsets, err = w.offsetsOf(ctx, start.ID.Connector, start.ConnectorConfig, start.ExactlyOnce); err != nil {
		return nil, err
	}
	if start.ExactlyOnce {
		if t.txn, err = t.newTransactions(start.ConnectorConfig, t.offsets.topic); err != nil {
			return nil, err
		}
	}
	t.encoder, err = w.newEncoder(ctx, t, start.ConnectorConfig)
	return t, err
}

// progress is how far the task says that it is.
func (t *sourceTask) progress() (connect.Progress, bool) {
	if r, ok := t.task.(connect.ProgressReporter); ok {
		return r.Progress()
	}
	return connect.Progress{}, false
}

// newProducer makes the task's producer.
func (t *sourceTask) newProducer(ctx context.Context, start TaskStart) error {
	props := producerProperties(t.w.cfg.Properties, kafka.Properties(start.ConnectorConfig).WithPrefix("producer.override."))
	if start.ExactlyOnce {
		props["transactional.id"] = transactionalID(t.w.cfg.Properties["group.id"], start.ID.Connector, start.ID.Task)
		props["enable.idempotence"] = "true"
	}
	client, release, err := t.w.clients.get(ctx, kafka.RoleProducer, props)
	if err != nil {
		return err
	}
	t.release = release
	pc := producer.FromSettings(client.Settings, props)
	pc.Client, pc.Acks, pc.Logger, pc.Pool = client, t.inflight, t.log, t.w.buffers
	if props["client.id"] == "" {
		pc.ClientID = "connector-producer-" + start.ID.String()
	}
	if t.producer, err = producer.New(ctx, pc); err != nil {
		return fmt.Errorf("starting the producer: %w", err)
	}
	return nil
}

// run starts the goroutines and returns.
func (t *sourceTask) run() { go t.live(t, t.task.Stop) }

func (t *sourceTask) start() error {
	err := t.task.Start(t.polling, sourceContext{t}, t.config)
	t.started.Store(err == nil)
	return err
}

// work polls, converts and commits until the task is stopped or fails.
func (t *sourceTask) work() error {
	var wg sync.WaitGroup
	var pollErr, convertErr error
	wg.Go(func() {
		defer close(t.full)
		pollErr = guard(t.poll)
	})
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		if t.txn == nil {
			t.commitRegularly()
		}
	}()
	convert := t.convert
	if t.txn != nil {
		convert = t.txn.convert
	}
	wg.Go(func() {
		if convertErr = guard(convert); convertErr != nil {
			t.stopPoll(convertErr)
			t.drain()
		}
	})
	wg.Wait()
	t.stopPoll(errStopped)
	<-committed
	err := t.finish()
	return errors.Join(firstOf(convertErr, pollErr), err)
}

// firstOf is the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// poll fills batches until the task is stopped.
func (t *sourceTask) poll() error {
	for {
		if !t.pause.wait(t.polling) {
			return nil
		}
		var b *connect.Batch
		select {
		case <-t.polling.Done():
			return nil
		case <-t.inflight.failed:
			return nil // convert says why
		case b = <-t.free:
		}
		if t.memory.Wait(t.polling, leastMemory) != nil {
			return nil
		}
		began := t.w.cfg.Now()
		err := t.task.Poll(t.polling, b)
		if n := len(b.Records); n > 0 {
			t.metrics.PollTime.NoteSince(began)
			t.metrics.Polled.Add(int64(n))
			t.metrics.BatchSize.Note(float64(n))
			t.full <- b
		} else {
			t.recycle(b)
		}
		if err == nil {
			continue
		}
		if t.polling.Err() != nil {
			return nil
		}
		if !connect.IsRetriable(err) {
			return err
		}
		t.log.Warn("polling has failed and is tried again", "error", err)
		if !sleep(t.polling, retryPoll) {
			return nil
		}
	}
}

// retryPoll is the wait after a retriable failure of Poll.
const retryPoll = time.Second

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// convert empties batches into the producer until there are no more.
func (t *sourceTask) convert() error {
	for {
		select {
		case b, more := <-t.full:
			if !more {
				return t.inflight.failure()
			}
			t.began()
			if err := t.encoder.encode(t.working, b, 0, len(b.Records)); err != nil {
				return err
			}
			t.recycle(b)
			if len(t.full) == 0 {
				t.producer.Flush() // nothing more is ready: send what there is
			}
		case <-t.inflight.failed:
			return t.inflight.failure()
		}
	}
}

// began notes that a batch is about to be converted.
func (t *sourceTask) began() {
	t.inflight.began(t.w.cfg.Now())
	t.metrics.Active.Note(float64(t.inflight.pending()))
}

// recycle gives a batch back that is converted or got no records, and its memory: none
// of those that are free holds any, or poll would wait for it.
func (t *sourceTask) recycle(b *connect.Batch) {
	b.Reset()
	t.free <- b
}

// drain takes batches from a poll that has not ended yet, so that it can.
func (t *sourceTask) drain() {
	for b := range t.full {
		t.recycle(b)
	}
}

// finish waits for what is on its way and commits what has arrived.
func (t *sourceTask) finish() error {
	if t.txn != nil {
		return nil // transactions have seen to it
	}
	ctx, cancel := context.WithTimeout(t.working, t.w.cfg.GracefulTimeout)
	defer cancel()
	err := t.producer.Wait(ctx)
	if ctx.Err() != nil {
		err = nil // what has not arrived is sent again after the restart
	}
	t.commit(ctx)
	return firstOf(t.inflight.failure(), err)
}

// commitRegularly commits every flush interval until polls have stopped.
func (t *sourceTask) commitRegularly() {
	ticker := time.NewTicker(max(t.w.cfg.FlushInterval, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-t.polling.Done():
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(t.working, t.w.cfg.FlushTimeout)
			t.commit(ctx)
			cancel()
		}
	}
}

// commit writes the commit points that have moved.
func (t *sourceTask) commit(ctx context.Context) {
	points := t.inflight.take()
	if len(points) == 0 || t.silent.Load() {
		return
	}
	began := t.w.cfg.Now()
	err := t.offsets.Set(ctx, t.id.Connector, rendered(points)...)
	t.metrics.Committed(began, err)
	if err != nil {
		t.inflight.putBack(points)
		t.uncommitted.Log(t.log, slog.LevelWarn, "offsets could not be committed; it is tried again", err)
		return
	}
	t.uncommitted.Over()
	t.tellCommitted(ctx, points)
}

// close ends the producer and gives everything back.
func (t *sourceTask) close(ctx context.Context) {
	if t.producer != nil {
		if err := t.producer.Close(ctx); err != nil && ctx.Err() == nil {
			t.log.Warn("closing the producer failed", "error", err)
		}
	}
	if t.encoder != nil {
		if err := t.encoder.close(); err != nil {
			t.log.Warn("closing transforms failed", "error", err)
		}
	}
	if t.offsets != nil {
		t.offsets.close()
	}
	if t.release != nil {
		t.release()
	}
	t.memory.Close()
}

// gate holds back polls while a task is paused.
type gate struct {
	mu     sync.Mutex
	ch     chan struct{} // closed while the gate is open
	isOpen bool
	moved  chan struct{} // one slot: the gate was opened or closed
}

func newGate(open bool) *gate {
	g := &gate{ch: make(chan struct{}), moved: make(chan struct{}, 1)}
	g.set(open)
	return g
}

// set opens or closes the gate and reports whether that is a change.
func (g *gate) set(open bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open == g.isOpen {
		return false
	}
	g.isOpen = open
	if open {
		close(g.ch)
	} else {
		g.ch = make(chan struct{})
	}
	select {
	case g.moved <- struct{}{}:
	default:
	}
	return true
}

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isOpen
}

// wait returns when the gate is open, false when ctx has ended.
func (g *gate) wait(ctx context.Context) bool {
	g.mu.Lock()
	ch := g.ch
	g.mu.Unlock()
	select {
	case <-ctx.Done():
		return false
	case <-ch:
		return ctx.Err() == nil
	}
}

// sourceContext is what a source task may ask of the worker.
type sourceContext struct{ t *sourceTask }

func (x sourceContext) Offset(ctx context.Context, partition map[string]any) (map[string]any, error) {
	offsets, err := x.t.offsets.Get(ctx, x.t.id.Connector, partition)
	if err != nil {
		return nil, err
	}
	return offsets[0], nil
}

func (x sourceContext) ConnectorName() string { return x.t.id.Connector }
func (x sourceContext) Task() int             { return x.t.id.Task }
func (x sourceContext) Logger() *slog.Logger  { return x.t.log }
func (x sourceContext) Transaction() connect.TransactionContext {
	if x.t.txn == nil || x.t.txn.marks == nil {
		return nil
	}
	return x.t.txn.marks
}

func (x sourceContext) Metrics() connect.PluginMetrics { return x.t.own }
