package connect

import (
	"context"
	"log/slog"
)

// SourceTask reads a source. See the package documentation for the order of calls.
type SourceTask interface {
	// Start prepares the task. A RetriableError makes the runtime fail the task
	// as any other error does, as Java's does.
	Start(ctx context.Context, tc SourceTaskContext, config map[string]string) error
	// Poll adds records to b until b is full or nothing more is ready. It waits
	// until there is at least one record or ctx ends; it may return an empty
	// batch. An error fails the task; records added before it are still sent.
	Poll(ctx context.Context, b *Batch) error
	// Stop releases what Start took. It may be called while Poll has not
	// returned from a cancelled context for too long.
	Stop(ctx context.Context) error
}

// SourceTaskContext is what a source task may ask of the runtime.
type SourceTaskContext interface {
	// Offset reads the last committed offset of a source partition; nil when
	// there is none.
	Offset(ctx context.Context, partition map[string]any) (map[string]any, error)
	ConnectorName() string
	Task() int
	Logger() *slog.Logger
	// Transaction is nil unless the connector defines transaction boundaries.
	Transaction() TransactionContext
	Metrics() PluginMetrics
}

// TransactionContext lets a task define transaction boundaries
// (org.apache.kafka.connect.source.TransactionContext).
type TransactionContext interface {
	// CommitAfter ends the transaction after the given record of the batch.
	CommitAfter(b *Batch, record int)
	// AbortAfter drops the transaction that ends with the given record.
	AbortAfter(b *Batch, record int)
}

// Committer is implemented by source tasks that want to know which offsets
// have been written durably. Calls come from one goroutine, not Poll's.
type Committer interface {
	Committed(ctx context.Context, offsets []CommittedOffset) error
}

// CommittedOffset is the offset up to which a source partition is durably done.
type CommittedOffset struct {
	Source *SourcePartition
	Offset Offset
}
