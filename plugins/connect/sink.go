package connect

import (
	"context"
	"log/slog"
)

// TopicPartition names a partition of a Kafka topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// SinkTask writes records to an external system. All methods are called from
// one goroutine, in the order that org.apache.kafka.connect.sink.SinkTask
// documents: Start, Open, (Put | Flush | Open | Close)*, Close, Stop.
type SinkTask interface {
	Start(ctx context.Context, tc SinkTaskContext, config map[string]string) error
	// Put writes records. A RetriableError makes the runtime deliver the same
	// records again after the timeout set in the context. The slice and the
	// memory of its records are valid until Put returns nil or a final error.
	Put(ctx context.Context, records []SinkRecord) error
	Stop(ctx context.Context) error
}

// PartitionListener is implemented by sink tasks that keep state per partition.
type PartitionListener interface {
	Open(ctx context.Context, partitions []TopicPartition) error
	Close(ctx context.Context, partitions []TopicPartition) error
}

// PreCommitter is implemented by sink tasks that buffer: it returns the offsets
// that are safe to commit, given the offsets of what was put so far.
type PreCommitter interface {
	PreCommit(ctx context.Context, current map[TopicPartition]int64) (map[TopicPartition]int64, error)
}

// SinkTaskContext is what a sink task may ask of the runtime.
type SinkTaskContext interface {
	// Seek sets the offset at which consumption of a partition goes on.
	Seek(offsets map[TopicPartition]int64)
	// Timeout sets the wait in milliseconds before a failed Put is retried.
	Timeout(ms int64)
	Assignment() []TopicPartition
	Pause(partitions ...TopicPartition)
	Resume(partitions ...TopicPartition)
	RequestCommit()
	// ErrantRecord reports a record that could not be written; nil when the
	// connector's error tolerance sends such records nowhere.
	ErrantRecord() ErrantRecordReporter
	ConnectorName() string
	Task() int
	Logger() *slog.Logger
	Metrics() PluginMetrics
}

// ErrantRecordReporter sends a record to the dead letter queue.
type ErrantRecordReporter interface {
	Report(ctx context.Context, r SinkRecord, cause error) error
}
