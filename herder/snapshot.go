package herder

import "github.com/millrace/millrace/storage/state"

// Snapshot is the state of the config topic at one position
// (ClusterConfigState). It never changes.
type Snapshot interface {
	// Offset is that of the last record of data plus one; -1 when there is none.
	Offset() int64
	Contains(connector string) bool
	// Connectors lists the configured connectors in order; Len counts them.
	Connectors() []string
	Len() int
	// Config is a connector's configuration as the user gave it. Read only.
	Config(connector string) map[string]string
	Target(connector string) state.Target
	// TaskCount is 0 while the configurations of the tasks are incomplete.
	TaskCount(connector string) int
	// Inconsistent reports whether configurations of tasks are missing, because a
	// leader died while it wrote them or the topic was compacted: they must be
	// generated anew.
	Inconsistent(connector string) bool
	// TaskConfig is nil for a task that does not exist. Read only.
	TaskConfig(id state.TaskID) map[string]string
	// AppliedConfig is the connector's configuration when the present task
	// configurations were written; nil when not known.
	AppliedConfig(connector string) map[string]string
	// TaskGeneration counts the sets of task configurations.
	TaskGeneration(connector string) int
	// TaskCountRecord is the number of tasks that may have transactional
	// producers.
	TaskCountRecord(connector string) (n int, ok bool)
	// PendingFencing reports whether task configurations were written after the
	// last task count record.
	PendingFencing(connector string) bool
}
