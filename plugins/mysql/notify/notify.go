// Package notify tells of the progress of snapshots, in the channels that Debezium
// has: a topic (sink) and the log. Its JMX channel does not exist here; what it
// shows is in the metrics.
//
// Source: io.debezium.pipeline.notification.
package notify

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// The aggregate types.
const (
	InitialSnapshot     = "Initial Snapshot" // and blocking ones
	IncrementalSnapshot = "Incremental Snapshot"
)

// The channels of notification.enabled.channels.
const (
	Sink = "sink"
	Log  = "log"
	JMX  = "jmx"
)

// Notification is one message.
type Notification struct {
	ID        string // "" for a random one
	Aggregate string
	Type      string            // STARTED, IN_PROGRESS, COMPLETED ...
	Data      map[string]string // without the connector's name
}

// Config says where notifications go.
type Config struct {
	Channels  []string // notification.enabled.channels
	Topic     string   // notification.sink.topic.name
	Connector string   // topic.prefix
	Source    *connect.SourcePartition
	Now       func() time.Time
	Logger    *slog.Logger
}

// Notifier makes notifications. It belongs to one goroutine. A nil Notifier
// makes none.
type Notifier struct {
	cfg        Config
	sink, log  bool
	key, value *data.Schema
}

// New makes a Notifier; nil when no channel is enabled.
func New(cfg Config) (*Notifier, error) {
	n := &Notifier{cfg: cfg, key: keySchema(), value: valueSchema()}
	for _, c := range cfg.Channels {
		switch c {
		case Sink:
			n.sink = true
		case Log:
			n.log = true
		case JMX:
			cfg.Logger.Warn("notification.enabled.channels: jmx is ignored, as there is no JMX here; use log or sink, or look at the metrics")
		default:
			cfg.Logger.Warn("notification.enabled.channels: an unknown channel is ignored", "channel", c)
		}
	}
	if n.sink && cfg.Topic == "" {
		return nil, fmt.Errorf("notification.sink.topic.name: no topic is given, but notification.enabled.channels has sink")
	}
	if !n.sink && !n.log {
		return nil, nil
	}
	return n, nil
}

func keySchema() *data.Schema {
	return data.NewStruct().Name("io.debezium.connector.common.NotificationKey").Version(1).
		Field("id", data.New(data.TypeString).Build()).Build()
}

func valueSchema() *data.Schema {
	text := data.New(data.TypeString).Build()
	return data.NewStruct().Name("io.debezium.connector.common.Notification").Version(1).
		Field("id", text).Field("type", text).Field("aggregate_type", text).
		Field("additional_data", data.NewMap(text, text).Optional().Build()).
		Field("timestamp", data.New(data.TypeInt64).Build()).Build()
}

// Send makes a notification. Its record in the topic carries the offset, unless
// that is zero.
func (n *Notifier) Send(b *connect.Batch, offset connect.Offset, m Notification) {
	if n == nil {
		return
	}
	if m.ID == "" {
		m.ID = uuid.NewString()
	}
	now := n.cfg.Now().UnixMilli()
	details := n.details(m.Data)
	if n.log {
		n.cfg.Logger.Info("notification", "id", m.ID, "aggregate_type", m.Aggregate, "type", m.Type,
			"additional_data", text(details), "timestamp", now)
	}
	if n.sink {
		n.record(b, offset, m, details, now)
	}
}

// order is that of Java's hash map.
var order = [...]string{"scanned_collection", "current_collection_in_progress", "connector_name", "maximum_key",
	"total_rows_scanned", "data_collections", "last_processed_key", "status"}

func (n *Notifier) details(given map[string]string) []data.MapEntry {
	entries := make([]data.MapEntry, 0, len(given)+1)
	for _, name := range order {
		v, ok := given[name]
		if name == "connector_name" {
			v, ok = n.cfg.Connector, true
		}
		if ok {
			entries = append(entries, data.MapEntry{Key: data.String(name), Value: data.String(v)})
		}
	}
	return entries
}

func text(entries []data.MapEntry) string {
	parts := make([]string, len(entries))
	for i, e := range entries {
		parts[i] = e.Key.Str() + "=" + e.Value.Str()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (n *Notifier) record(b *connect.Batch, offset connect.Offset, m Notification, details []data.MapEntry, now int64) {
	key, val := b.Arena.Struct(n.key), b.Arena.Struct(n.value)
	key.Set(0, data.String(m.ID))
	copy(val.Fields(), []data.Value{data.String(m.ID), data.String(m.Type), data.String(m.Aggregate),
		data.MapOf(&data.Map{Entries: slices.Clip(details)}), data.Int64(now)})
	r := b.Add()
	r.Topic = n.cfg.Topic
	if offset.Base != nil {
		r.Source, r.Offset = n.cfg.Source, offset
	}
	r.KeySchema, r.Key = n.key, data.StructOf(key)
	r.ValueSchema, r.Value = n.value, data.StructOf(val)
}
