package distributed

import (
	"log/slog"

	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// The way of a failed task, if the worker's properties want it restarted:
//
//	failure -> Reporter -> Healer: the status tells the attempt and its time
//	time is over -> restartFailed on the loop: not while a round is under way or
//	    the connector is paused, then it is asked for again
//	HealWanted -> Restart, marked as the worker's own
//
// A task that is stopped or restarted for another reason is forgotten, and with
// it its attempts: whoever starts it next, here or on another worker, has the
// whole budget.

// restartFailed runs on the loop when a failed task's time has come.
func (h *Herder) restartFailed(id state.TaskID, failure int) {
	switch {
	case !h.healer.Due(id, failure):
	case !h.core.running.has(id):
		h.healer.Forget(id) // it failed while it was taken away
	case h.core.healable(id):
		h.healer.Begun(id)
		h.step(HealWanted{id})
	default:
		h.healer.Postpone(id, failure)
	}
}

// healable reports whether a task of this worker may be restarted now.
func (c *Core) healable(id state.TaskID) bool {
	return c.stable() && c.configs.TaskConfig(id) != nil && c.configs.Target(id.Connector) == state.TargetStarted
}

func (c *Core) heal(id state.TaskID) {
	c.log(slog.LevelInfo, "restarting a failed task", "connector", id.Connector, "task", id.Task)
	c.restartAs(Restart{Work: group.Work{Tasks: []state.TaskID{id}}, Mark: true, Heal: true})
}
