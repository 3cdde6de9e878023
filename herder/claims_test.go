package herder_test

import (
	"testing"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
)

// A worker that gave work up writes that it runs it after the new owner has done so: the owner says it again, unless the
// other one is the owner by now.
func TestReassert(t *testing.T) {
	const late, mine = "late:1", "mine:1"
	task, itself := state.TaskID{Connector: "c"}, state.TaskID{Connector: "c", Task: -1}
	for name, x := range map[string]struct {
		late     int // generation of the late status
		assigned bool
		after    state.State // what this worker says then
		owner    string      // whose word stands in the end
		state    state.State
	}{
		"of the same generation": {5, true, "", mine, state.Running},
		"of an earlier one":      {4, true, "", mine, state.Running},
		"of a later one":         {6, true, "", late, state.Running},
		"not assigned":           {5, false, "", late, state.Running},
		"given up":               {5, true, state.Unassigned, late, state.Running},
		"paused since":           {5, true, state.Paused, mine, state.Paused},
	} {
		t.Run(name, func(t *testing.T) {
			statuses := status.NewMemory()
			r := &herder.Reporter{Statuses: statuses, WorkerID: mine, Generation: func() int { return 5 }}
			r.ConnectorStatus("c", state.Status{State: state.Running})
			r.TaskStatus(task, state.Status{State: state.Running, Version: "1"})
			late := state.Status{State: state.Running, WorkerID: late, Generation: x.late}
			statuses.PutConnector("c", late, false)
			statuses.PutTask(task, late, false)
			if x.after != "" {
				r.ConnectorStatus("c", state.Status{State: x.after})
				r.TaskStatus(task, state.Status{State: x.after})
			}
			assigned := func(id state.TaskID) bool { return x.assigned && (id == task || id == itself) }
			r.Reassert(assigned)
			if s := statuses.Tasks("c")[0]; x.after == "" && s.WorkerID != late.WorkerID {
				t.Errorf("reasserted at the first look: %+v", s)
			}
			r.Reassert(assigned)
			connector, _ := statuses.Connector("c")
			for what, s := range map[string]state.Status{"connector": connector, "task": statuses.Tasks("c")[0]} {
				if s.WorkerID != x.owner || s.State != x.state {
					t.Errorf("%s: %+v, want %s on %s", what, s, x.state, x.owner)
				}
			}
		})
	}
}
