package herder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/state"
)

// Types of connectors, as the REST API spells them (ConnectorType): a
// connect.Kind, or that of a connector whose class is not available.
const (
	TypeSource  = string(connect.KindSource)
	TypeUnknown = "unknown"
)

// UndefinedVersion is the version of a plugin that states none; answers leave
// it out (PluginDesc.UNDEFINED_VERSION).
const UndefinedVersion = "undefined"

// ServerInfo answers GET /.
type ServerInfo struct {
	Version        string `json:"version"`
	Commit         string `json:"commit"`
	KafkaClusterID string `json:"kafka_cluster_id"`
}

// WorkerStatus answers GET /health: status 200 when healthy, 503 when starting,
// 500 when unhealthy.
type WorkerStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// The values of WorkerStatus.Status.
const (
	StatusHealthy   = "healthy"
	StatusStarting  = "starting"
	StatusUnhealthy = "unhealthy"
)

// ConnectorInfo describes a connector. Config holds what the user gave, with
// references to config providers unresolved.
type ConnectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []state.TaskID    `json:"tasks"`
	Type   string            `json:"type"`
}

// Created tells whether a connector was made or an existing one changed.
type Created struct {
	Created bool
	Info    ConnectorInfo
}

// TaskInfo is a task with its configuration.
type TaskInfo struct {
	ID     state.TaskID      `json:"id"`
	Config map[string]string `json:"config"`
}

// ConnectorProgress answers GET /connectors/NAME/progress, which Java does not
// have: the tasks that do something which ends.
type ConnectorProgress struct {
	Name  string         `json:"name"`
	Tasks []TaskProgress `json:"tasks"`
}

// TaskProgress is how far a task is (connect.Progress).
type TaskProgress struct {
	ID               int     `json:"id"`
	Kind             string  `json:"kind"`
	State            string  `json:"state"`
	Rows             int64   `json:"rows"`
	EstimatedRows    int64   `json:"estimated_rows"`
	Percent          float64 `json:"percent"`
	Tables           int     `json:"tables"`
	AllTables        int     `json:"all_tables"`
	Table            string  `json:"table,omitempty"`
	RemainingSeconds int64   `json:"remaining_seconds"`
}

// Signal is the body of POST /connectors/NAME/signals, which Java does not have,
// and without Data its answer.
type Signal struct {
	ID   string          `json:"id"` // "" for one of the worker's own choice
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"` // an object
}

// ConnectorStateInfo is the status of a connector and its tasks, by task number.
type ConnectorStateInfo struct {
	Name      string         `json:"name"`
	Connector ConnectorState `json:"connector"`
	Tasks     []TaskState    `json:"tasks"`
	Type      string         `json:"type"`
}

// ConnectorState is the status of a connector.
type ConnectorState struct {
	State    state.State `json:"state"`
	WorkerID string      `json:"worker_id"`
	Trace    string      `json:"trace,omitempty"`
	// Version is the plugin's; null when the status record holds none, and
	// left out when it says UndefinedVersion.
	Version *string `json:"version"`
}

// MarshalJSON leaves an undefined version out.
func (s ConnectorState) MarshalJSON() ([]byte, error) {
	type plain ConnectorState
	if !undefined(s.Version) {
		return json.Marshal(plain(s))
	}
	return json.Marshal(struct {
		plain
		Version *string `json:"version,omitempty"`
	}{plain: plain(s)})
}

// TaskState is the status of a task.
type TaskState struct {
	ID       int         `json:"id"`
	State    state.State `json:"state"`
	WorkerID string      `json:"worker_id"`
	Trace    string      `json:"trace,omitempty"`
	Version  *string     `json:"version"` // as in ConnectorState
}

// MarshalJSON leaves an undefined version out.
func (s TaskState) MarshalJSON() ([]byte, error) {
	type plain TaskState
	if !undefined(s.Version) {
		return json.Marshal(plain(s))
	}
	return json.Marshal(struct {
		plain
		Version *string `json:"version,omitempty"`
	}{plain: plain(s)})
}

func undefined(version *string) bool { return version != nil && *version == UndefinedVersion }

// ActiveTopics are the topics that a connector has used since it was created or
// its set was reset (KIP-558). The REST API wraps it in an object whose only
// key is the connector's name.
type ActiveTopics struct {
	Connector string   `json:"-"`
	Topics    []string `json:"topics"`
}

// Message is the outcome of a change of offsets.
type Message struct {
	Message string `json:"message"`
}

// PluginInfo describes an installed plugin.
type PluginInfo struct {
	Class   string `json:"class"`
	Type    string `json:"type"`
	Version string `json:"version"`
}

// MarshalJSON leaves an undefined version out.
func (p PluginInfo) MarshalJSON() ([]byte, error) {
	type plain PluginInfo
	if p.Version != UndefinedVersion {
		return json.Marshal(plain(p))
	}
	return json.Marshal(struct {
		plain
		Version string `json:"version,omitempty"`
	}{plain: plain(p)})
}

// LoggerLevel is the level of a logger and when it was last changed through the
// API, in milliseconds since 1970; null when never.
type LoggerLevel struct {
	Level        string `json:"level"`
	LastModified *int64 `json:"last_modified"`
}

// The outcome of the validation of a connector configuration, as configdef
// makes it.
type (
	ConfigInfos     = configdef.Infos
	ConfigInfo      = configdef.Info
	ConfigKeyInfo   = configdef.KeyInfo
	ConfigValueInfo = configdef.ValueInfo
)

// ConnectorOffsets are the offsets of a connector, in answers and requests (KIP-875).
type ConnectorOffsets struct {
	Offsets []ConnectorOffset `json:"offsets"`
}

// ConnectorOffset is a partition with its offset; a nil offset in a request
// removes it. Sink connectors have the partition {"kafka_topic", "kafka_partition"}
// and the offset {"kafka_offset"}. Whole numbers are int64, others float64.
type ConnectorOffset struct {
	Partition map[string]any `json:"partition"`
	Offset    map[string]any `json:"offset"`
}

// MarshalJSON writes the fields in the order in which Java shows them.
func (o ConnectorOffset) MarshalJSON() ([]byte, error) {
	partition, err := hashMap(o.Partition)
	if err != nil {
		return nil, err
	}
	offset, err := hashMap(o.Offset)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(`{"partition":`), partition, []byte(`,"offset":`), offset, []byte(`}`)), nil
}

func hashMap(m map[string]any) ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	out := []byte{'{'}
	for i, name := range data.HashMapOrder(m) {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m[name])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads whole numbers as int64: offsets exceed what a float64
// holds exactly.
func (o *ConnectorOffset) UnmarshalJSON(b []byte) error {
	type plain ConnectorOffset
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	d.DisallowUnknownFields()
	var p plain
	if err := d.Decode(&p); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the offset")
	}
	if err := exact(p.Partition); err != nil {
		return fmt.Errorf("partition: %w", err)
	}
	if err := exact(p.Offset); err != nil {
		return fmt.Errorf("offset: %w", err)
	}
	*o = ConnectorOffset(p)
	return nil
}

func exact(m map[string]any) error {
	for k, v := range m {
		x, err := exactValue(v)
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		m[k] = x
	}
	return nil
}

func exactValue(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, nil
		}
		return v.Float64()
	case map[string]any:
		return v, exact(v)
	case []any:
		for i := range v {
			x, err := exactValue(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = x
		}
	}
	return v, nil
}
