package mysql

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/signal"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
)

// task is the connector's only task. All its state belongs to the goroutine that
// calls Start, Poll and Stop.
//
// It goes through these phases; a failure that may pass leads back to the first,
// with the offset of the last record that was handed over:
//
//	recover   connect, check the server, find the offset, recover the history
//	snapshot  if the mode and the offset say so; one that was interrupted goes on
//	          after the binlog was read up to its new view (resume.go)
//	stream    until Stop; with snapshot.mode=initial_only the task idles instead
type task struct {
	product *product

	cfg    *Config
	tc     connect.SourceTaskContext
	log    *slog.Logger
	source *connect.SourcePartition
	now    func() time.Time

	phase  phase
	last   connect.Offset // of the last record handed over; zero before there was one
	broken int            // failures in a row
	lost   string         // why the position must be given up, as the server has said while the binlog was read

	snapshot atomic.Pointer[snapshot.Reader] // the last one, for Progress
	meters   *meters
	inbox    signal.Inbox // signals that the worker was given
}

// phase is one source of records.
type phase interface {
	// fill adds records to the batch; next is the phase that follows, the phase
	// itself while it goes on.
	fill(ctx context.Context, b *connect.Batch) (next phase, err error)
	close()
}

// newTask makes a task of one of the connectors.
func newTask(p *product) connect.SourceTask { return &task{product: p, now: time.Now} }

var (
	_ connect.SourceTask  = (*task)(nil)
	_ connect.SignalTaker = (*task)(nil)
)

// Start recovers, so that a connector that cannot work fails at once.
func (t *task) Start(ctx context.Context, tc connect.SourceTaskContext, config map[string]string) error {
	t.tc, t.log = tc, tc.Logger()
	var err error
	if t.cfg, err = t.product.parse(config, t.log); err != nil {
		return err
	}
	t.meters = &meters{now: t.now, queue: t.cfg.Queue, queueBytes: t.cfg.QueueBytes}
	t.meters.register(tc.Metrics(), t.cfg.Connector, t.cfg.Prefix, t.Progress)
	t.source = &connect.SourcePartition{Key: partition(t.cfg.Prefix)}
	t.phase, err = t.recover(ctx)
	return err
}

// Poll implements connect.SourceTask.
func (t *task) Poll(ctx context.Context, b *connect.Batch) error {
	defer func() {
		for i := len(b.Records) - 1; i >= 0; i-- {
			if b.Records[i].Offset.Base != nil { // some notifications have none
				t.last = b.Records[i].Offset
				break
			}
		}
	}()
	for len(b.Records) == 0 && ctx.Err() == nil {
		next, err := t.phase.fill(ctx, b)
		if err != nil {
			return t.failed(ctx, err)
		}
		t.broken = 0
		if next != t.phase {
			t.phase.close()
			t.phase = next
		}
	}
	return nil
}

// failed deals with a failure: one that may pass makes the task start again
// after a while (retriable.restart.connector.wait.ms,
// errors.max.retries), and a purged binlog at once where a new snapshot is to
// be taken then (snapshot.mode=when_needed). MariaDB does not tell before what
// it has purged.
func (t *task) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	if mode, bad := t.cfg.mode(); bad == nil && mode.OnDataError && server.KindOf(err) == server.KindPurged {
		t.lost = err.Error()
		t.phase.close()
		t.phase = &waiting{until: t.now(), then: t.recover}
		return nil
	}
	mayPass := server.Retriable(err) || t.broken > 0 && server.Passing(err)
	if !mayPass || t.cfg.MaxRetries >= 0 && t.broken >= t.cfg.MaxRetries {
		return err
	}
	t.broken++
	t.log.Warn("the task starts again after a failure that may pass", "attempt", t.broken, "wait", t.cfg.RetryWait, "error", err)
	t.phase.close()
	t.phase = &waiting{until: t.now().Add(t.cfg.RetryWait), then: t.recover}
	return nil
}

// waiting passes the time until the next phase.
type waiting struct {
	session *session // that the next phase needs; nil for none
	until   time.Time
	then    func(ctx context.Context) (phase, error)
}

func (w *waiting) fill(ctx context.Context, _ *connect.Batch) (phase, error) {
	timer := time.NewTimer(time.Until(w.until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return w, nil
	case <-timer.C:
	}
	next, err := w.then(ctx)
	if err == nil {
		w.session = nil
	}
	return next, err
}

func (w *waiting) close() {
	if w.session != nil {
		w.session.release()
	}
}

// Signal implements connect.SignalTaker. During a snapshot signals wait for the
// stream.
func (t *task) Signal(s connect.Signal) error {
	sig := signal.Signal{ID: s.ID, Type: s.Type, Data: s.Data}
	if !slices.Contains(t.cfg.Signals.Channels, signal.InProcess) {
		return fmt.Errorf("signal.enabled.channels must name %s for this; it names %s", signal.InProcess, strings.Join(t.cfg.Signals.Channels, ", "))
	}
	if mode, err := t.cfg.mode(); err == nil && !mode.Stream {
		return fmt.Errorf("with snapshot.mode=%s the connector ends with its snapshot, and takes none", mode.Name)
	}
	if err := sig.Check(); err != nil {
		return err
	}
	return t.inbox.Put(sig)
}

// Stop implements connect.SourceTask.
func (t *task) Stop(context.Context) error {
	if t.phase != nil {
		t.phase.close()
	}
	return nil
}

// snapshotPhase reads the snapshot and then hands over to the stream.
type snapshotPhase struct {
	*session
	reader *snapshot.Reader
	handed bool // the session belongs to the next phase
}

func (p *snapshotPhase) fill(ctx context.Context, b *connect.Batch) (phase, error) {
	done, err := p.reader.Fill(ctx, b)
	p.task.meters.read(len(b.Records))
	if note := p.snapshotNote(); err != nil && ctx.Err() == nil && note != nil {
		note(b, connect.Offset{}, "ABORTED", nil)
	}
	if err != nil || !done {
		return p, err
	}
	p.task.meters.snapshotEnded.Store(p.task.now().UnixNano())
	offset := p.reader.EndOffset()
	p.beat.always(b, p.task.now(), offset)
	if !p.mode.Stream {
		p.task.log.Info("the snapshot is done; snapshot.mode does not stream", "mode", p.mode.Name)
		p.handed = true
		return &idle{p.session}, nil
	}
	next, err := p.startStream(ctx, offset.Map())
	p.handed = err == nil
	return next, err
}

func (p *snapshotPhase) close() {
	p.reader.Close()
	p.task.meters.aborted.Store(p.task.meters.snapshotEnded.Load() == 0)
	if !p.handed {
		p.session.release()
	}
}

// streamPhase reads the binlog.
type streamPhase struct {
	*session
	stream *stream
}

func (p *streamPhase) fill(ctx context.Context, b *connect.Batch) (phase, error) {
	if block := p.stream.orders.blocking; block != nil {
		return p, block.fill(ctx, b)
	}
	return p, p.stream.fill(ctx, b)
}

func (p *streamPhase) close() {
	p.stream.orders.close()
	_ = p.stream.close() // what matters has been read
	p.session.release()
}

// idle has nothing more to do.
type idle struct{ *session }

func (p *idle) fill(ctx context.Context, _ *connect.Batch) (phase, error) {
	<-ctx.Done()
	return p, nil
}

func (p *idle) close() { p.session.release() }

func newRunID() string { return uuid.Must(uuid.NewV7()).String() }
