package event

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// Topics names topics (AbstractTopicNamingStrategy and its two strategies,
// which agree for MySQL: a table has a database and no schema).
type Topics struct {
	prefix, delimiter, heartbeat, transaction string
}

// The topic naming strategies of Debezium that MySQL connectors know.
const (
	schemaStrategy  = "io.debezium.schema.SchemaTopicNamingStrategy"
	defaultStrategy = "io.debezium.schema.DefaultTopicNamingStrategy"
)

// maxTopicLength is Kafka's limit for the name of a topic.
const maxTopicLength = 249

// NewTopics checks the naming strategy.
func NewTopics(cfg TopicConfig) (*Topics, error) {
	switch cfg.Strategy {
	case "", schemaStrategy, defaultStrategy:
	default:
		return nil, fmt.Errorf("topic.naming.strategy: unknown class %q; known are %s and %s", cfg.Strategy, schemaStrategy, defaultStrategy)
	}
	return &Topics{cfg.Prefix, cfg.Delimiter, cfg.HeartbeatPrefix, cfg.Transaction}, nil
}

// TopicConfig says how topics are named.
type TopicConfig struct {
	Strategy        string // topic.naming.strategy, "" for the default
	Prefix          string // topic.prefix
	Delimiter       string // topic.delimiter
	HeartbeatPrefix string // topic.heartbeat.prefix
	Transaction     string // topic.transaction
}

// Table is the topic for the changes of a table's rows.
func (t *Topics) Table(id table.ID) string {
	return sanitize(strings.Join([]string{t.prefix, id.Database, id.Name}, t.delimiter))
}

// SchemaChanges is the topic for DDL statements.
func (t *Topics) SchemaChanges() string { return t.prefix }

// Transactions is the topic for the begin and end of transactions.
func (t *Topics) Transactions() string { return t.prefix + t.delimiter + t.transaction }

// Heartbeats is the topic for heartbeats.
func (t *Topics) Heartbeats() string { return t.heartbeat + t.delimiter + t.prefix }

// schemaPrefix is what names of record schemas begin with.
func (t *Topics) schemaPrefix(id table.ID) string { return t.Table(id) }

// sanitize replaces what Kafka does not allow in the name of a topic.
func sanitize(name string) string {
	valid := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
	switch {
	case len(valid) > maxTopicLength:
		return valid[:maxTopicLength]
	case valid == ".", valid == "..":
		return strings.ReplaceAll(valid, ".", "_")
	}
	return valid
}
