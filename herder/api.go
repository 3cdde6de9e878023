package herder

import (
	"context"

	"github.com/millrace/millrace/storage/state"
)

// Herder is everything that a worker answers to its users and to other workers.
// herder/distributed and herder/standalone implement it. Methods may be called
// from any goroutine and return when the answer is known or ctx ends.
//
// Reads are answered from this worker's view, whatever the group is doing.
// Writes may return a *NotTarget, which the caller forwards; during a rebalance
// they wait for a bounded time and then return a Conflict.
type Herder interface {
	Reader
	Writer
	Lifecycle
	Signals
	Offsets
	Plugins
	Loggers
	Internals
}

// Reader answers questions.
type Reader interface {
	ServerInfo(ctx context.Context) (ServerInfo, error)
	Health(ctx context.Context) (WorkerStatus, error)
	// Connectors lists the names of all connectors in order.
	Connectors(ctx context.Context) ([]string, error)
	Connector(ctx context.Context, name string) (ConnectorInfo, error)
	ConnectorStatus(ctx context.Context, name string) (ConnectorStateInfo, error)
	Tasks(ctx context.Context, name string) ([]TaskInfo, error)
	TaskStatus(ctx context.Context, id state.TaskID) (TaskState, error)
	// ConnectorProgress tells how far the connector's tasks are with work that ends,
	// such as a snapshot. It is answered by the worker that runs the first of them
	// and lists the tasks of that worker.
	ConnectorProgress(ctx context.Context, name string) (ConnectorProgress, error)
	// ActiveTopics is empty for a connector that does not exist, as Java's.
	ActiveTopics(ctx context.Context, name string) (ActiveTopics, error)
	ResetActiveTopics(ctx context.Context, name string) error
}

// Writer creates, changes and deletes connectors.
type Writer interface {
	// PutConnector creates a connector or, with Replace, changes it.
	PutConnector(ctx context.Context, req PutRequest) (Created, error)
	// PatchConnector sets properties of a connector; nil removes one (KIP-477).
	PatchConnector(ctx context.Context, name string, patch map[string]*string) (ConnectorInfo, error)
	DeleteConnector(ctx context.Context, name string) error
}

// PutRequest asks for a connector. A "name" in Config must equal Name.
type PutRequest struct {
	Name    string
	Config  map[string]string
	Nulls   []string     // properties that were given as null, which is an error for each
	Target  state.Target // initial target state (KIP-980); "" leaves it alone
	Replace bool         // an existing connector is changed, not refused
}

// Lifecycle pauses, resumes, stops and restarts.
type Lifecycle interface {
	PauseConnector(ctx context.Context, name string) error
	ResumeConnector(ctx context.Context, name string) error
	StopConnector(ctx context.Context, name string) error
	// RestartConnector restarts the connector alone and returns when it runs.
	RestartConnector(ctx context.Context, name string) error
	// RestartConnectorAndTasks starts a restart of what the request selects and
	// returns the states that follow from it at once (KIP-745).
	RestartConnectorAndTasks(ctx context.Context, req RestartRequest) (ConnectorStateInfo, error)
	RestartTask(ctx context.Context, id state.TaskID) error
}

// Signals gives orders to tasks that run.
type Signals interface {
	// SendSignal hands a signal to the connector's first task, on the worker that
	// runs it, and returns it with its id as soon as the task has taken it. It is a
	// Conflict when the task does not run, a BadRequest when the task does not
	// understand the signal, or none at all.
	SendSignal(ctx context.Context, name string, s Signal) (Signal, error)
}

// Offsets reads and changes offsets of connectors (KIP-875).
type Offsets interface {
	ConnectorOffsets(ctx context.Context, name string) (ConnectorOffsets, error)
	AlterOffsets(ctx context.Context, name string, offsets ConnectorOffsets) (Message, error)
	ResetOffsets(ctx context.Context, name string) (Message, error)
}

// Plugins lists plugins and validates configurations.
type Plugins interface {
	Plugins(ctx context.Context, connectorsOnly bool) ([]PluginInfo, error)
	// PluginConfig lists the properties of a plugin of any type. version is a
	// Maven version range, or "latest".
	PluginConfig(ctx context.Context, name, version string) ([]ConfigKeyInfo, error)
	// Validate checks a connector configuration; errors of properties are in
	// the result.
	Validate(ctx context.Context, config map[string]string) (ConfigInfos, error)
}

// Loggers reads and sets levels of loggers.
type Loggers interface {
	LoggerLevel(ctx context.Context, logger string) (LoggerLevel, error)
	LoggerLevels(ctx context.Context) (map[string]LoggerLevel, error)
	// SetLoggerLevel sets the level of a logger and those below it on this
	// worker and returns the names of those that changed.
	SetLoggerLevel(ctx context.Context, logger, level string) ([]string, error)
	// SetClusterLoggerLevel does so on all workers (KIP-976) and returns at once.
	SetClusterLoggerLevel(ctx context.Context, logger, level string) error
}

// Internals serves other workers of the group (KIP-507, KIP-618). sig is nil
// when the request carried no signature.
type Internals interface {
	// PutTaskConfigs makes configs the tasks of a connector; only the leader does.
	PutTaskConfigs(ctx context.Context, name string, configs []map[string]string, sig *Signature) error
	// FenceZombies fences off producers of earlier tasks of a source connector;
	// only the leader does.
	FenceZombies(ctx context.Context, name string, sig *Signature) error
}
