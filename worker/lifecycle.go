package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// lifecycle is what tasks of both kinds have in common (WorkerTask): they start,
// are paused and resumed, stop or fail, and tell of each.
type lifecycle struct {
	w       *Worker
	id      state.TaskID
	version string
	log     *slog.Logger
	common  *metrics.Task

	pause    *gate
	polling  context.Context // ended by a soft stop: no more polls
	stopPoll context.CancelCauseFunc
	working  context.Context // ended by a hard stop: everything
	abandon  context.CancelFunc
	over     chan struct{} // closed when all is done
	silent   atomic.Bool   // abandoned: no more reports, no more offsets
}

// errStopped is the cause of a stop that the herder asked for.
var errStopped = errors.New("the task is being stopped")

// phases are what a task does in its life, in their order.
type phases interface {
	start() error
	work() error
	close(ctx context.Context) // gives everything back
}

// begin readies l for a task.
func (l *lifecycle) begin(w *Worker, p *connect.Plugin, start TaskStart) {
	l.w, l.id, l.version = w, start.ID, p.Version
	l.log = w.cfg.Loggers(p.Class).With("connector", start.ID.Connector, "task", start.ID.Task)
	l.pause, l.over = newGate(start.Target == state.TargetStarted), make(chan struct{})
	l.working, l.abandon = context.WithCancel(context.Background())
	l.polling, l.stopPoll = context.WithCancelCause(l.working)
}

// live is a task from beginning to end. stop is the plugin's, between work and
// close.
func (l *lifecycle) live(t phases, stop func(context.Context) error) {
	defer close(l.over)
	defer l.abandon()
	err := guard(t.start)
	if err == nil {
		l.report(l.stateNow(), nil)
		err = t.work()
	} else if l.polling.Err() != nil {
		err = nil // it was stopped while it started
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.working), l.w.cfg.GracefulTimeout)
	defer cancel()
	if stopErr := guard(func() error { return stop(ctx) }); stopErr != nil {
		l.log.Error("the task did not stop well", "error", stopErr)
	}
	t.close(ctx)
	if err != nil {
		l.log.Error("the task has failed; it will not recover until it is restarted", "error", err)
		l.report(state.Failed, err)
		return
	}
	l.report(state.Unassigned, nil)
}

// stop implements runner: polls end at once; what is on its way is waited for
// until ctx ends. What remains then is abandoned.
func (l *lifecycle) stop(ctx context.Context) {
	defer l.common.Close()
	l.stopPoll(errStopped)
	select {
	case <-l.over:
	case <-ctx.Done():
		l.silent.Store(true)
		l.abandon()
		l.log.Warn("the task did not end within task.shutdown.graceful.timeout.ms and is abandoned")
	}
}

// setTarget implements runner.
func (l *lifecycle) setTarget(target state.Target) {
	if l.pause.set(target == state.TargetStarted) && l.polling.Err() == nil {
		l.report(l.stateNow(), nil)
	}
}

func (l *lifecycle) stateNow() state.State {
	if l.pause.open() {
		return state.Running
	}
	return state.Paused
}

func (l *lifecycle) report(s state.State, err error) {
	if l.silent.Load() {
		return
	}
	l.common.State(string(s))
	status := state.Status{State: s, Version: l.version}
	if err != nil && !errors.Is(err, errStopped) {
		status.Trace, status.Class = trace(err), string(ClassOf(err))
	}
	l.w.cfg.Listener.TaskStatus(l.id, status)
}
