package herder

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// Reporter writes what the worker reports to the status store, with the id of
// this worker and the group's generation (AbstractHerder's listener methods). It
// may be used from any goroutine.
type Reporter struct {
	Statuses   Statuses
	WorkerID   string
	Generation func() int
	// TopicTracking is topic.tracking.enable.
	TopicTracking bool
	// Redact takes secrets out of traces; nil for none.
	Redact func(string) string
	// Heal restarts failed tasks; nil for never.
	Heal *Healer
	// Reconfigure is called when a connector asks for new task configurations.
	Reconfigure func(connector string)

	claims claims
}

// ConnectorStatus is worker.StatusListener's.
func (r *Reporter) ConnectorStatus(name string, s state.Status) {
	r.say(state.TaskID{Connector: name, Task: -1}, r.complete(s))
}

// TaskStatus is worker.StatusListener's.
func (r *Reporter) TaskStatus(id state.TaskID, s state.Status) {
	r.say(id, r.complete(r.healed(id, s)))
}

func (r *Reporter) say(id state.TaskID, s state.Status) {
	r.claims.say(id, s, func() { r.put(id, s, yields(s.State)) })
}

// healed tells the healer of a task's new state, and adds to a failure what
// comes next.
func (r *Reporter) healed(id state.TaskID, s state.Status) state.Status {
	if r.Heal == nil {
		return s
	}
	switch s.State {
	case state.Failed:
		s.Trace = appended(s.Trace, r.Heal.Failed(id, connect.Class(s.Class)))
	case state.Running, state.Paused:
		r.Heal.Running(id)
	case state.Unassigned, state.Destroyed:
		r.Heal.Forget(id)
	}
	return s
}

func appended(trace, line string) string {
	if trace != "" && line != "" && !strings.HasSuffix(trace, "\n") {
		trace += "\n"
	}
	return trace + line
}

// RequestTaskReconfiguration is worker.Reconfigurer's.
func (r *Reporter) RequestTaskReconfiguration(connector string) { r.Reconfigure(connector) }

// TopicUsed is worker.TopicListener's.
func (r *Reporter) TopicUsed(id state.TaskID, topic string) {
	if r.TopicTracking {
		r.Statuses.PutTopic(id, topic)
	}
}

// Restarting marks a connector, as which -1 stands for a task's number, or a task.
func (r *Reporter) Restarting(id state.TaskID) {
	if id.Task < 0 {
		r.ConnectorStatus(id.Connector, state.Status{State: state.Restarting, Version: r.connectorVersion(id.Connector)})
		return
	}
	r.TaskStatus(id, state.Status{State: state.Restarting, Version: r.Statuses.Tasks(id.Connector)[id.Task].Version})
}

func (r *Reporter) connectorVersion(name string) string {
	s, _ := r.Statuses.Connector(name)
	return s.Version
}

// Clean removes the statuses of connectors and tasks that are not configured
// any more (DistributedHerder.updateDeletedConnectorStatus). It reads statuses to
// their end first, since the last that an owner has written may be on its way, and
// asks for the configurations after that, so that what is newer than they stays.
func (r *Reporter) Clean(ctx context.Context, configs func(context.Context) (Snapshot, error)) error {
	if err := r.Statuses.Flush(ctx); err != nil {
		return err
	}
	if err := r.Statuses.Refresh(ctx); err != nil {
		return fmt.Errorf("reading statuses before those of deleted work are removed: %w", err)
	}
	known := map[string]map[int]state.Status{}
	for _, name := range r.Statuses.Connectors() {
		known[name] = r.Statuses.Tasks(name)
	}
	s, err := configs(ctx)
	if err != nil {
		return err
	}
	for name, tasks := range known {
		for n := range tasks {
			if n >= s.TaskCount(name) {
				r.TaskStatus(state.TaskID{Connector: name, Task: n}, state.Status{State: state.Destroyed})
			}
		}
		if !s.Contains(name) {
			r.ConnectorStatus(name, state.Status{State: state.Destroyed})
		}
	}
	return nil
}

func (r *Reporter) complete(s state.Status) state.Status {
	if r.Redact != nil {
		s.Trace = r.Redact(s.Trace)
	}
	s.WorkerID, s.Generation, s.Class = r.WorkerID, r.Generation(), ""
	return s
}

// yields reports whether a status must not overwrite that of a later owner:
// these are written when work ends, which others may have taken over by then.
func yields(s state.State) bool { return s == state.Failed || s == state.Unassigned }
