package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/topiclog"
)

// Keys of the topic (KafkaConfigBackingStore). No prefix begins with another.
const (
	targetPrefix    = "target-state-"
	connectorPrefix = "connector-"
	taskPrefix      = "task-"
	commitPrefix    = "commit-"
	fencingPrefix   = "tasks-fencing-"
	restartPrefix   = "restart-connector-"
	loggerPrefix    = "logger-cluster-"
	sessionKeyKey   = "session-key"
)

// record makes a record of the topic; nil is a tombstone.
func record(key string, value []byte) kafka.Record {
	return kafka.Record{Partition: kafka.AnyPartition, Key: []byte(key), Value: value}
}

// propertiesValue writes {"properties":{...}}, of connectors and tasks. Java
// writes the properties in the order of its hash map; readers do not mind.
func propertiesValue(config map[string]string) []byte {
	b := []byte(`{"properties":{`)
	for i, name := range slices.Sorted(maps.Keys(config)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = topiclog.AppendString(b, name)
		b = append(b, ':')
		b = topiclog.AppendString(b, config[name])
	}
	return append(b, `}}`...)
}

// targetValue writes {"state":...,"state.v2":...}: workers before Kafka 3.5
// know no STOPPED and read PAUSED in its place.
func targetValue(t state.Target) []byte {
	old := t
	if t == state.TargetStopped {
		old = state.TargetPaused
	}
	b := topiclog.AppendString([]byte(`{"state":`), string(old))
	b = topiclog.AppendString(append(b, `,"state.v2":`...), string(t))
	return append(b, '}')
}

func commitValue(tasks int) []byte { return intValue("tasks", tasks) }

func taskCountValue(tasks int) []byte { return intValue("task-count", tasks) }

func intValue(field string, n int) []byte {
	return fmt.Appendf(nil, `{"%s":%d}`, field, n)
}

func sessionKeyValue(k SessionKey) []byte {
	b := topiclog.AppendString([]byte(`{"key":`), base64.StdEncoding.EncodeToString(k.Bytes))
	b = topiclog.AppendString(append(b, `,"algorithm":`...), k.Algorithm)
	return fmt.Appendf(b, `,"creation-timestamp":%d}`, k.Created.UnixMilli())
}

func restartValue(r Restart) []byte {
	return fmt.Appendf(nil, `{"include-tasks":%t,"only-failed":%t}`, r.IncludeTasks, r.OnlyFailed)
}

func loggerValue(level string) []byte {
	return append(topiclog.AppendString([]byte(`{"level":`), level), '}')
}

// object is a decoded value; nil stands for a tombstone.
type object map[string]any

// asObject checks a decoded value.
func asObject(v any) (object, error) {
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, wrongType("the value", "an object", v)
	}
	return m, nil
}

func wrongType(what, want string, got any) error {
	return fmt.Errorf("%s should be %s but is %s", what, want, typeName(got))
}

// typeName describes a value without showing it, as it may be secret.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case []any:
		return "an array"
	}
	return "an object"
}

func (o object) properties() (map[string]string, error) {
	m, ok := o["properties"].(map[string]any)
	if !ok {
		return nil, wrongType("the 'properties' field", "an object", o["properties"])
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case nil: // as good as absent
		case string:
			out[k] = v
		case bool, int64, float64:
			out[k] = fmt.Sprint(v)
		default:
			return nil, wrongType("property "+k, "a string", v)
		}
	}
	return out, nil
}

func (o object) integer(field string) (int, error) {
	n, ok := o[field].(int64)
	if !ok {
		return 0, wrongType("the '"+field+"' field", "a whole number", o[field])
	}
	return int(int32(n)), nil
}

func (o object) text(field string) (string, error) {
	s, ok := o[field].(string)
	if !ok {
		return "", wrongType("the '"+field+"' field", "a string", o[field])
	}
	return s, nil
}

func (o object) flag(field string) bool {
	b, _ := o[field].(bool) // anything else counts as false, Java's default
	return b
}

// target reads the newer field or, in records of older workers, the older one.
func (o object) target() (state.Target, error) {
	s, err := o.text("state.v2")
	if err != nil {
		if s, err = o.text("state"); err != nil {
			return "", err
		}
	}
	switch t := state.Target(s); t {
	case state.TargetStarted, state.TargetPaused, state.TargetStopped:
		return t, nil
	}
	return "", fmt.Errorf("invalid target state %q", s)
}

func (o object) sessionKey() (*SessionKey, error) {
	text, err := o.text("key")
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("the 'key' field is not base64")
	}
	algorithm, err := o.text("algorithm")
	if err != nil {
		return nil, err
	}
	created, ok := o["creation-timestamp"].(int64)
	if !ok {
		return nil, wrongType("the 'creation-timestamp' field", "a whole number", o["creation-timestamp"])
	}
	return &SessionKey{Bytes: key, Algorithm: algorithm, Created: time.UnixMilli(created)}, nil
}

// parseTask reads what follows "task-" in a key: the number stands behind the
// last dash, as connector names may hold dashes.
func parseTask(s string) (state.TaskID, bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return state.TaskID{}, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 32)
	return state.TaskID{Connector: s[:i], Task: int(n)}, err == nil
}
