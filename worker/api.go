package worker

import (
	"context"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// StatusListener is told of every change of state of what the worker runs. For
// one connector or task the calls come in order and never at the same time. A
// call must not wait for the worker.
//
// The worker fills State, Trace and Version; who implements the listener adds
// its worker id and the group's generation. The states are those that Java's
// listeners stand for:
//
//	RUNNING     started or resumed
//	PAUSED      started paused, or paused
//	STOPPED     a connector that was stopped (its tasks have ended)
//	FAILED      with the trace; nothing further follows until a restart
//	UNASSIGNED  ended in good order, because this worker was told to stop it
//
// RESTARTING and DESTROYED are written by who restarts and deletes.
type StatusListener interface {
	ConnectorStatus(name string, s state.Status)
	TaskStatus(id state.TaskID, s state.Status)
}

// Reconfigurer is told that a running connector wants TaskConfigs called again.
type Reconfigurer interface {
	RequestTaskReconfiguration(connector string)
}

// TopicListener is told of each topic that a task uses, once for each start of
// the task (KIP-558).
type TopicListener interface {
	TopicUsed(id state.TaskID, topic string)
}

// TaskStart says what task to start. Configurations have their config
// providers resolved.
type TaskStart struct {
	ID              state.TaskID
	ConnectorConfig map[string]string
	TaskConfig      map[string]string
	Target          state.Target
	// ExactlyOnce makes a source task write in transactions (KIP-618). Who sets
	// it has fenced off earlier tasks of the connector.
	ExactlyOnce bool
	// Verify, if not nil, is called once an exactly-once source task has
	// initialised its transactional producer and before it reads offsets: an
	// error fails the task, because by then the connector has newer task
	// configurations or the task belongs to another worker
	// (DistributedHerder.verifyTaskGenerationAndOwnership).
	Verify func(ctx context.Context) error
}

// Runtime is what a worker does for a herder. *Worker implements it; a herder
// declares the part that it needs.
//
// All methods may be called from any goroutine; those for the same connector
// are carried out one after the other.
type Runtime interface {
	// StartConnector makes a connector and brings it to target. It returns when
	// that state is reached. A connector that runs already is an error; any other
	// error has been reported to the StatusListener as FAILED as well.
	StartConnector(ctx context.Context, name string, config map[string]string, target state.Target) error
	// StopConnectors stops connectors at the same time and returns when all have
	// ended or the graceful timeout is over. Names that do not run are skipped.
	StopConnectors(ctx context.Context, names ...string)
	// ConnectorTaskConfigs asks a running connector for its tasks'
	// configurations, completed with connector-level properties (task.class,
	// topics) as Java's Worker.connectorTaskConfigs does. More than maxTasks of
	// them is an error unless tasks.max.enforce is false.
	ConnectorTaskConfigs(ctx context.Context, name string, maxTasks int) ([]map[string]string, error)

	// StartTask makes a task and starts it. It returns when the task has been
	// built and its goroutines run; how it fares goes to the StatusListener, as
	// does an error that StartTask returns.
	StartTask(ctx context.Context, start TaskStart) error
	// StopTasks stops tasks at the same time: each stops polling, flushes what
	// is on its way and commits its offsets. It returns when all have ended or
	// task.shutdown.graceful.timeout.ms is over; what has not ended then is
	// abandoned and can do no more harm to statuses or offsets.
	StopTasks(ctx context.Context, ids ...state.TaskID)

	// SetTarget brings a connector that runs here and its tasks that run here to
	// another target state. It returns when the connector has reached it; tasks
	// follow by themselves.
	SetTarget(ctx context.Context, name string, target state.Target) error

	// Running tells what runs, FAILED ones included.
	Running() (connectors []string, tasks []state.TaskID)

	// Progress tells how far the tasks of a connector are that run here and can say
	// so, by their numbers.
	Progress(connector string) map[int]connect.Progress
	// Signal hands a signal to a task that runs here. It returns a NotRunningError
	// or a NoSignalsError, or what the task says.
	Signal(id state.TaskID, s connect.Signal) error

	// FenceZombies fences off the producers of a source connector's earlier
	// tasks, numbered from 0 to tasks-1 (KIP-618).
	FenceZombies(ctx context.Context, name string, config map[string]string, tasks int) error
	// Offsets reads the offsets of a connector, of sources from the offset
	// topic, of sinks from their consumer group (KIP-875).
	Offsets(ctx context.Context, name string, config map[string]string) ([]connect.PartitionOffset, error)
	// AlterOffsets changes the offsets of a stopped connector, nil offsets of a
	// partition removing it; reset removes all, offsets being nil. message is
	// the answer for the user.
	AlterOffsets(ctx context.Context, name string, config map[string]string, offsets []connect.PartitionOffset, reset bool) (message string, err error)

	// Stop stops everything, within the graceful timeout.
	Stop(ctx context.Context)
}
