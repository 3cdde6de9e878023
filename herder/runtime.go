package herder

import (
	"context"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

// Runtime is the part of a worker that herders use; see worker.Runtime.
type Runtime interface {
	StartConnector(ctx context.Context, name string, config map[string]string, target state.Target) error
	StopConnectors(ctx context.Context, names ...string)
	ConnectorTaskConfigs(ctx context.Context, name string, maxTasks int) ([]map[string]string, error)
	StartTask(ctx context.Context, start worker.TaskStart) error
	StopTasks(ctx context.Context, ids ...state.TaskID)
	SetTarget(ctx context.Context, name string, target state.Target) error
	FenceZombies(ctx context.Context, name string, config map[string]string, tasks int) error
	Offsets(ctx context.Context, name string, config map[string]string) ([]connect.PartitionOffset, error)
	AlterOffsets(ctx context.Context, name string, config map[string]string, offsets []connect.PartitionOffset, reset bool) (message string, err error)
	Progress(connector string) map[int]connect.Progress
	Signal(id state.TaskID, s connect.Signal) error
	Stop(ctx context.Context)
}

// Statuses keeps what is known of connectors and tasks, of all workers.
type Statuses interface {
	Connector(name string) (state.Status, bool)
	// Tasks gives the statuses of a connector's tasks by number.
	Tasks(name string) map[int]state.Status
	// Connectors lists the connectors of which a status is known, or one of a task.
	Connectors() []string
	// PutConnector and PutTask write without waiting. With safe they do not
	// overwrite what another worker has written, unless it was in an earlier
	// generation of the group (StatusBackingStore.putSafe). DESTROYED removes.
	PutConnector(name string, s state.Status, safe bool)
	PutTask(id state.TaskID, s state.Status, safe bool)
	// Flush waits until all that was put before is stored.
	Flush(ctx context.Context) error
	// Refresh returns when all that is stored now has been read.
	Refresh(ctx context.Context) error

	// Topics lists the topics that a connector has used (KIP-558).
	Topics(connector string) []string
	PutTopic(id state.TaskID, topic string)
	DeleteTopics(connector string)
}

// Resolver replaces references to config providers by values. ttl is how long
// the shortest-lived of them is valid; 0 for ever.
type Resolver interface {
	Resolve(ctx context.Context, config map[string]string) (resolved map[string]string, ttl time.Duration, err error)
}

// Levels are the levels of this worker's loggers.
type Levels interface {
	// Level returns a logger's level; false when there is no such logger.
	Level(logger string) (LoggerLevel, bool)
	Levels() map[string]LoggerLevel
	// Set sets the level of a logger and those below it and returns the names of
	// those that changed, in order. valid is false for an unknown level.
	Set(logger, level string) (changed []string, valid bool)
}
