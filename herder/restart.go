package herder

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/storage/state"
)

// RestartRequest asks to restart a connector, its tasks, or those that failed (KIP-745).
type RestartRequest struct {
	Connector    string
	OnlyFailed   bool
	IncludeTasks bool
}

// ConnectorOnly reports whether only the connector is to be restarted, in
// whatever state it is: such a request goes to its owner and is not written to
// the config topic.
func (r RestartRequest) ConnectorOnly() bool { return !r.OnlyFailed && !r.IncludeTasks }

// Outranks reports whether r restarts more than o does; of several pending
// requests for a connector only the one that restarts most is carried out.
func (r RestartRequest) Outranks(o RestartRequest) bool { return r.impact() > o.impact() }

func (r RestartRequest) impact() int {
	switch {
	case r.OnlyFailed && !r.IncludeTasks:
		return 0
	case r.OnlyFailed:
		return 1
	case !r.IncludeTasks:
		return 2
	}
	return 3
}

func (r RestartRequest) String() string {
	return fmt.Sprintf("restart request for {connectorName='%s', onlyFailed=%t, includeTasks=%t}", r.Connector, r.OnlyFailed, r.IncludeTasks)
}

// RestartPlan says what a RestartRequest restarts. State is the status of the
// connector with RESTARTING for everything that will be.
type RestartPlan struct {
	Request   RestartRequest
	State     ConnectorStateInfo
	Connector bool
	Tasks     []state.TaskID
}

// PlanRestart applies a request to the current status of its connector.
func PlanRestart(r RestartRequest, current ConnectorStateInfo) RestartPlan {
	p := RestartPlan{Request: r, State: current}
	p.State.Tasks = slices.Clone(current.Tasks)
	if r.selects(current.Connector.State) {
		p.Connector = true
		p.State.Connector.State = state.Restarting
	}
	for i := range p.State.Tasks {
		t := &p.State.Tasks[i]
		if !r.IncludeTasks || !r.selects(t.State) {
			continue
		}
		t.State = state.Restarting
		p.Tasks = append(p.Tasks, state.TaskID{Connector: r.Connector, Task: t.ID})
	}
	return p
}

func (r RestartRequest) selects(s state.State) bool { return !r.OnlyFailed || s == state.Failed }
