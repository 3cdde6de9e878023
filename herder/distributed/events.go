package distributed

import (
	"log/slog"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// Event is something that happened. Step takes one at a time.
type Event interface{ event() }

// GroupEvent is what the group member reports.
type GroupEvent struct{ group.Event }

// PeersChanged is what gossip knows of the members of the group, by member id.
type PeersChanged struct{ Peers map[string]gossip.Peer }

// ConfigsRead says that the config topic was read to its end for the first time.
type ConfigsRead struct {
	Snapshot herder.Snapshot
	Key      *Key
}

// ConfigsChanged is a change of the config topic: the state after it, and what
// changed. Changes come in the order of the topic.
type ConfigsChanged struct {
	Snapshot herder.Snapshot
	Changes  []Change
}

// Change is one of the Changed types.
type Change interface{ change() }

// The changes that the config topic can bring.
type (
	// ConnectorAdded also stands for a connector's return after a deletion.
	ConnectorAdded   struct{ Name string }
	ConnectorRemoved struct{ Name string }
	ConnectorChanged struct{ Name string }
	// TasksChanged is a new complete set of task configurations.
	TasksChanged     struct{ Name string }
	TargetChanged    struct{ Name string }
	RestartRequested struct{ herder.RestartRequest }
	KeyChanged       struct{ Key Key }
	LevelChanged     struct{ Logger, Level string }
)

// Key is a session key as the config topic holds it.
type Key struct {
	Bytes     []byte
	Algorithm string // of the key, such as HmacSHA256
	Created   time.Time
}

// Tick says that the time of WakeAt has come.
type Tick struct{}

// Stopped ends a Stop.
type Stopped struct{ Barrier int }

// Released ends a Release.
type Released struct{ Barrier int }

// ConnectorStarted ends a StartConnector, or with its ID a Restart.
type ConnectorStarted struct {
	Name    string
	Restart int
	Err     error
}

// TaskRestarted ends a Restart of a task.
type TaskRestarted struct {
	ID      state.TaskID
	Restart int
	Err     error
}

// HealWanted says that a failed task of this worker may be restarted now, which
// has been made sure of (Core.healable).
type HealWanted struct{ ID state.TaskID }

// Retargeted ends a Retarget.
type Retargeted struct {
	Name   string
	Target state.Target
	Err    error
}

// ReconfigurationWanted says that a connector asks for new task configurations.
type ReconfigurationWanted struct{ Name string }

// SecretsExpired says that values of a connector's config providers have ended
// their time to live and config.action.reload is restart (KIP-297).
type SecretsExpired struct{ Name string }

// TasksGenerated ends a GenerateTasks. Configs refer to config providers as the
// connector's own configuration does.
type TasksGenerated struct {
	Name    string
	Configs []map[string]string
	Err     error
	Final   bool // the error will not pass by itself
}

// Published ends a PublishTasks.
type Published struct {
	Name string
	Err  error
	// KeyRejected says that the leader did not accept the signature: the key
	// may just be changing.
	KeyRejected bool
}

// Wrote ends a Write.
type Wrote struct {
	ID  int
	Err error
	// Fenced says that another worker writes to the config topic as leader.
	Fenced bool
}

// Claimed ends a Claim.
type Claimed struct{ Err error }

// Refreshed ends a Refresh.
type Refreshed struct {
	ID  int
	Err error
}

// FencedProducers ends a FenceProducers.
type FencedProducers struct {
	ID   int
	Name string
	Err  error
}

// Planned ends a PlanRestart. OK is false when the connector has no status.
type Planned struct {
	Plan herder.RestartPlan
	OK   bool
}

// Asked is a request. It is answered by one Reply with the same ID, unless
// Withdrawn comes first.
type Asked struct {
	ID      int
	Request Request
}

// Withdrawn says that nobody waits for the answer to a request any more.
type Withdrawn struct{ ID int }

func (GroupEvent) event()            {}
func (PeersChanged) event()          {}
func (ConfigsRead) event()           {}
func (ConfigsChanged) event()        {}
func (Tick) event()                  {}
func (Stopped) event()               {}
func (Released) event()              {}
func (ConnectorStarted) event()      {}
func (TaskRestarted) event()         {}
func (HealWanted) event()            {}
func (Retargeted) event()            {}
func (ReconfigurationWanted) event() {}
func (SecretsExpired) event()        {}
func (TasksGenerated) event()        {}
func (Published) event()             {}
func (Wrote) event()                 {}
func (Claimed) event()               {}
func (Refreshed) event()             {}
func (FencedProducers) event()       {}
func (Planned) event()               {}
func (Asked) event()                 {}
func (Withdrawn) event()             {}

func (ConnectorAdded) change()   {}
func (ConnectorRemoved) change() {}
func (ConnectorChanged) change() {}
func (TasksChanged) change()     {}
func (TargetChanged) change()    {}
func (RestartRequested) change() {}
func (KeyChanged) change()       {}
func (LevelChanged) change()     {}

// Action is something to do. The loop does actions in order; those that take
// time run beside it and end in an event. Actions on one connector or task
// never overlap and keep their order.
type Action interface{ action() }

// Join enters the group or its next round.
type Join struct{ Standing group.Standing }

// Sync hands out what the leader has divided.
type Sync struct {
	Generation  int32
	Assignments map[string]group.Assignment
}

// Leave leaves the group until the next Join.
type Leave struct{ Reason string }

// StartConnector starts a connector in its target state; ConnectorStarted follows.
type StartConnector struct{ Name string }

// StartTask starts a task of the given generation of task configurations.
type StartTask struct {
	ID         state.TaskID
	Generation int
}

// Stop stops work and waits for its end; Stopped follows. With Lost others may
// have the work at any moment: what does not end soon is given up.
type Stop struct {
	Barrier int
	Work    group.Work
	Lost    bool
}

// Restart stops and starts work. ConnectorStarted and TaskRestarted follow for
// each. With Mark their status becomes RESTARTING in between. Heal says that it
// is the worker itself that wants it.
type Restart struct {
	ID          int
	Work        group.Work
	Generations map[state.TaskID]int
	Mark, Heal  bool
}

// Release makes ready for the next round after work was given up: it forgets
// the topics of Gone connectors and waits until all statuses are written, lest
// one of them overwrite that of the next owner. Released follows.
type Release struct {
	Barrier int
	Gone    []string
}

// Retarget brings what runs here of a connector to its target state; Retargeted
// follows.
type Retarget struct {
	Name   string
	Target state.Target
}

// GenerateTasks asks a running connector for task configurations;
// TasksGenerated follows.
type GenerateTasks struct{ Name string }

// PublishTasks sends task configurations to the leader; Published follows.
type PublishTasks struct {
	Name    string
	Leader  string
	Configs []map[string]string
}

// Write writes to the config topic and reads it back; ConfigsChanged, then
// Wrote follow.
type Write struct {
	ID int
	Op Op
}

// Claim takes the leader's privilege to write to the config topic from whoever
// has it; Claimed follows.
type Claim struct{}

// Refresh reads the config topic to its end; ConfigsChanged, if there is news,
// then Refreshed follow.
type Refresh struct{ ID int }

// FenceProducers fences off the transactional producers of a connector's first
// Tasks tasks; FencedProducers follows.
type FenceProducers struct {
	ID    int
	Name  string
	Tasks int
}

// PlanRestart looks up what a restart request selects; Planned follows.
type PlanRestart struct{ herder.RestartRequest }

// CleanStatuses deletes the statuses of connectors and tasks that are gone.
type CleanStatuses struct{}

// SetLevel sets the level of a logger.
type SetLevel struct{ Logger, Level string }

// Reply answers a request.
type Reply struct {
	ID     int
	Answer Answer
	Err    error
}

// Log is a message for the log.
type Log struct {
	Level   slog.Level
	Message string
	Args    []any
}

func (Join) action()           {}
func (Sync) action()           {}
func (Leave) action()          {}
func (StartConnector) action() {}
func (StartTask) action()      {}
func (Stop) action()           {}
func (Restart) action()        {}
func (Release) action()        {}
func (Retarget) action()       {}
func (GenerateTasks) action()  {}
func (PublishTasks) action()   {}
func (Write) action()          {}
func (Claim) action()          {}
func (Refresh) action()        {}
func (FenceProducers) action() {}
func (PlanRestart) action()    {}
func (CleanStatuses) action()  {}
func (SetLevel) action()       {}
func (Reply) action()          {}
func (Log) action()            {}

// Op is a write to the config topic.
type Op interface{ op() }

// The writes. All but PutTarget and PutLevel are the leader's.
type (
	PutConnector struct {
		Name   string
		Config map[string]string
		Target state.Target // initial target state; "" leaves it alone
	}
	RemoveConnector struct{ Name string }
	PutTasks        struct {
		Name    string
		Configs []map[string]string
	}
	PutTarget struct {
		Name   string
		Target state.Target
	}
	PutTaskCount struct {
		Name  string
		Tasks int
	}
	PutRestart struct{ herder.RestartRequest }
	PutLevel   struct{ Logger, Level string }
	// PutKey writes a new session key, which the loop draws.
	PutKey struct{}
)

func (PutConnector) op()    {}
func (RemoveConnector) op() {}
func (PutTasks) op()        {}
func (PutTarget) op()       {}
func (PutTaskCount) op()    {}
func (PutRestart) op()      {}
func (PutLevel) op()        {}
func (PutKey) op()          {}
