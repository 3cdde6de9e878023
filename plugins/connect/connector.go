package connect

import (
	"context"
	"log/slog"

	"github.com/millrace/millrace/plugins/configdef"
)

// Connector divides a job into tasks. Start, TaskConfigs and Stop are called
// from one goroutine; Start may return before external systems answered.
type Connector interface {
	// Start takes the connector's configuration, already validated and with
	// config providers resolved. An error makes the connector FAILED.
	Start(ctx context.Context, cc ConnectorContext, config map[string]string) error
	// TaskConfigs returns the configurations of at most maxTasks tasks.
	TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error)
	// Stop ends whatever Start began.
	Stop(ctx context.Context) error
}

// ConnectorContext is what a running connector may ask of the runtime.
type ConnectorContext interface {
	// RequestTaskReconfiguration makes the runtime call TaskConfigs again.
	RequestTaskReconfiguration()
	// RaiseError makes the connector FAILED.
	RaiseError(err error)
	Name() string
	Logger() *slog.Logger
	Metrics() PluginMetrics
}

// Validator is implemented by connectors that validate their own properties in
// place of their Def (Java's Connector.validate), such as by connecting to a
// database. It is called on a fresh instance, outside any lock, with a deadline.
type Validator interface {
	// Validate returns the result for each property that the connector
	// declares; the runtime validates the properties that every connector has.
	// Config providers are already resolved in config.
	Validate(ctx context.Context, config map[string]string) *configdef.Result
}

// ExactlyOnceSupport is implemented by source connectors that can say whether a
// configuration allows exactly-once delivery (KIP-618).
type ExactlyOnceSupport interface {
	SupportsExactlyOnce(config map[string]string) bool
}

// TransactionBoundaries is implemented by source connectors that can define
// their own transaction boundaries.
type TransactionBoundaries interface {
	SupportsTransactionBoundaries(config map[string]string) bool
}

// OffsetAlterer is implemented by source connectors that check or carry out
// changes of their offsets through the REST API (KIP-875).
type OffsetAlterer interface {
	// AlterOffsets gets each partition with its new offset, nil to remove it.
	// It returns an error that says what is wrong with them; handled tells
	// whether the connector keeps offsets outside Connect and has changed them.
	AlterOffsets(ctx context.Context, config map[string]string, offsets []PartitionOffset) (handled bool, err error)
}

// PartitionOffset is a source partition with an offset.
type PartitionOffset struct {
	Partition map[string]any
	Offset    map[string]any
}
