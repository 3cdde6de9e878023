package worker

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// NotRunningError says that a task does not take signals now.
type NotRunningError struct {
	ID    state.TaskID
	State string // what it does instead
}

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("task %d of connector %s %s; signals are for tasks that run", e.ID.Task, e.ID.Connector, e.State)
}

// NoSignalsError says that the plugin of a task knows no signals.
type NoSignalsError struct{ Connector string }

func (e *NoSignalsError) Error() string {
	return fmt.Sprintf("the tasks of connector %s take no signals", e.Connector)
}

// Signal implements Runtime.
func (w *Worker) Signal(id state.TaskID, s connect.Signal) error {
	w.mu.Lock()
	t := w.tasks[id]
	w.mu.Unlock()
	switch t := t.(type) {
	case nil:
		return &NotRunningError{id, "does not run on this worker"}
	case *sourceTask:
		return t.signal(s)
	}
	return &NoSignalsError{id.Connector}
}

// signal hands a signal to the task, if it runs.
func (t *sourceTask) signal(s connect.Signal) error {
	taker, ok := t.task.(connect.SignalTaker)
	switch {
	case !ok:
		return &NoSignalsError{t.id.Connector}
	case t.polling.Err() != nil:
		return &NotRunningError{t.id, "has failed or is being stopped"}
	case !t.started.Load():
		return &NotRunningError{t.id, "is still starting"}
	case !t.pause.open():
		return &NotRunningError{t.id, "is paused"}
	}
	return guard(func() error { return taker.Signal(s) })
}
