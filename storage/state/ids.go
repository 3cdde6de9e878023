// Package state holds the plain values that the stores keep and the herder and
// worker exchange: names of connectors and tasks, target states and statuses.
package state

import "strconv"

// TaskID names a task of a connector (ConnectorTaskId).
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// String gives the form used in logs and topics: connector-task.
func (id TaskID) String() string { return id.Connector + "-" + strconv.Itoa(id.Task) }

// Target is the state that a user wants a connector to be in (TargetState).
type Target string

// The target states.
const (
	TargetStarted Target = "STARTED"
	TargetPaused  Target = "PAUSED"
	TargetStopped Target = "STOPPED"
)

// State is the state that a connector or task is in (AbstractStatus.State).
type State string

// The states.
const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Failed     State = "FAILED"
	Destroyed  State = "DESTROYED"
	Restarting State = "RESTARTING"
	Stopped    State = "STOPPED"
)

// Status is what the status topic says of a connector or task. Generation is
// that of the group when the worker wrote it; Version is the plugin's.
type Status struct {
	State      State
	Trace      string
	WorkerID   string
	Generation int
	Version    string
	// Class is that of the error of a FAILED task (connect.Class). It goes from
	// the worker to its herder and is not kept.
	Class string
}
