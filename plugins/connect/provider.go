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

// PluginMetrics registers metrics of a plugin (KIP-877). Names and labels follow
// Prometheus; the runtime adds connector, task and plugin labels.
type PluginMetrics interface {
	Counter(name, help string) interface{ Add(float64) }
	Gauge(name, help string) interface{ Set(float64) }
}
