package connect

import (
	"context"
	"time"
)

// ConfigProvider resolves ${provider:path:key} in configurations.
type ConfigProvider interface {
	// Get returns the values of keys below path, all of them when keys is nil.
	// ttl is 0 when the values do not expire.
	Get(ctx context.Context, path string, keys []string) (values map[string]string, ttl time.Duration, err error)
	Close() error
}

// ClientType says which Kafka client an override is for.
type ClientType string

// The client types of ConnectorClientConfigRequest.
const (
	ClientProducer ClientType = "PRODUCER"
	ClientConsumer ClientType = "CONSUMER"
	ClientAdmin    ClientType = "ADMIN"
)

// OverridePolicy decides which Kafka client properties a connector may override.
type OverridePolicy interface {
	// Check returns an error for each property that is not allowed, by property
	// name without its prefix.
	Check(connector, class string, client ClientType, overrides map[string]string) map[string]error
}

// Monitorable is implemented by converters, header converters, transforms and
// predicates with metrics of their own
// (org.apache.kafka.common.metrics.Monitorable, KIP-877). Connectors and tasks
// ask their context instead.
type Monitorable interface {
	// UseMetrics is called once, before the plugin is used.
	UseMetrics(PluginMetrics)
}

// PluginMetrics registers metrics of a plugin (KIP-877). Names follow Prometheus;
// the runtime adds labels: connector, task, and converter (key, value or header),
// transform or predicate (the alias). The metrics end with the connector or task.
type PluginMetrics interface {
	Counter(name, help string) interface{ Add(float64) }
	Gauge(name, help string) interface{ Set(float64) }
	// Func makes a gauge whose value is computed when somebody looks, from any
	// goroutine. Labels are names and values in turn.
	Func(name, help string, value func() float64, labels ...string)
	// Text makes a gauge of 1 that shows a text, computed as Func's value is, in the
	// label that in names. The text should be one of a few: each is a series.
	Text(name, help, in string, value func() string, labels ...string)
}
