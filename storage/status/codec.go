package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/topiclog"
)

const (
	connectorPrefix = "status-connector-"
	taskPrefix      = "status-task-"
	topicPrefix     = "status-topic-"
	topicSeparator  = ":connector-"
)

// Topic says that a task of a connector has used a topic (TopicStatus, KIP-558).
type Topic struct {
	Name       string
	Task       state.TaskID
	Discovered time.Time
}

func connectorKey(name string) string { return connectorPrefix + name }

func taskKey(id state.TaskID) string { return taskPrefix + id.String() }

func topicKey(topic, connector string) string {
	return topicPrefix + topic + topicSeparator + connector
}

// statusValue writes a status; nil, a tombstone, for DESTROYED. An empty trace or
// version is null, as in Java.
func statusValue(s state.Status) []byte {
	if s.State == state.Destroyed {
		return nil
	}
	b := topiclog.AppendString([]byte(`{"state":`), string(s.State))
	b = appendNullable(append(b, `,"trace":`...), s.Trace)
	b = topiclog.AppendString(append(b, `,"worker_id":`...), s.WorkerID)
	b = strconv.AppendInt(append(b, `,"generation":`...), int64(s.Generation), 10)
	b = appendNullable(append(b, `,"version":`...), s.Version)
	return append(b, '}')
}

func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return topiclog.AppendString(b, s)
}

func topicValue(t Topic) []byte {
	b := topiclog.AppendString([]byte(`{"topic":{"name":`), t.Name)
	b = topiclog.AppendString(append(b, `,"connector":`...), t.Task.Connector)
	return fmt.Appendf(b, `,"task":%d,"discoverTimestamp":%d}}`, t.Task.Task, t.Discovered.UnixMilli())
}

func parseStatus(value []byte) (state.Status, error) {
	v, err := topiclog.DecodeJSON(value)
	if err != nil {
		return state.Status{}, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return state.Status{}, fmt.Errorf("the value is no object")
	}
	s := state.Status{}
	name, ok := m["state"].(string)
	generation, ok2 := m["generation"].(int64)
	if !ok || !ok2 {
		return s, fmt.Errorf("the fields 'state' and 'generation' must be a string and a whole number")
	}
	s.State, s.Generation = state.State(name), int(int32(generation))
	switch s.State {
	case state.Unassigned, state.Running, state.Paused, state.Failed, state.Destroyed, state.Restarting, state.Stopped:
	default:
		return s, fmt.Errorf("unknown state %q", name)
	}
	s.Trace, _ = m["trace"].(string)
	s.WorkerID, _ = m["worker_id"].(string)
	s.Version, _ = m["version"].(string)
	return s, nil
}

func parseTopic(value []byte) (Topic, error) {
	v, err := topiclog.DecodeJSON(value)
	if err != nil {
		return Topic{}, err
	}
	outer, _ := v.(map[string]any)
	m, ok := outer["topic"].(map[string]any)
	name, ok1 := m["name"].(string)
	connector, ok2 := m["connector"].(string)
	task, ok3 := m["task"].(int64)
	at, ok4 := m["discoverTimestamp"].(int64)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return Topic{}, fmt.Errorf("the field 'topic' must hold name, connector, task and discoverTimestamp")
	}
	return Topic{Name: name, Task: state.TaskID{Connector: connector, Task: int(task)}, Discovered: time.UnixMilli(at)}, nil
}

// parseTaskKey reads what follows "status-task-"; the number stands behind the
// last dash.
func parseTaskKey(s string) (state.TaskID, bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 1 {
		return state.TaskID{}, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 32)
	return state.TaskID{Connector: s[:i], Task: int(n)}, err == nil
}

// parseTopicKey reads what follows "status-topic-": topic names hold no colon.
func parseTopicKey(s string) (topic, connector string, ok bool) {
	topic, connector, ok = strings.Cut(s, topicSeparator)
	return topic, connector, ok && topic != "" && connector != ""
}
