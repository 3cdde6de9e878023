package herder_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/file"
	"github.com/millrace/millrace/plugins/policy"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/worker/logging"
)

func ptr(s string) *string { return &s }

func TestAnswersAsJavaWritesThem(t *testing.T) {
	for want, v := range map[string]any{
		`{"state":"RUNNING","worker_id":"w:1","version":"4.3.1"}`:                  herder.ConnectorState{State: state.Running, WorkerID: "w:1", Version: ptr("4.3.1")},
		`{"state":"FAILED","worker_id":"w:1","trace":"boom","version":null}`:       herder.ConnectorState{State: state.Failed, WorkerID: "w:1", Trace: "boom"},
		`{"state":"RUNNING","worker_id":"w:1"}`:                                    herder.ConnectorState{State: state.Running, WorkerID: "w:1", Version: ptr("undefined")},
		`{"id":3,"state":"PAUSED","worker_id":"w:1","version":"1"}`:                herder.TaskState{ID: 3, State: state.Paused, WorkerID: "w:1", Version: ptr("1")},
		`{"id":3,"state":"PAUSED","worker_id":"w:1"}`:                              herder.TaskState{ID: 3, State: state.Paused, WorkerID: "w:1", Version: ptr("undefined")},
		`{"class":"X","type":"source","version":"1"}`:                              herder.PluginInfo{Class: "X", Type: "source", Version: "1"},
		`{"class":"X","type":"source"}`:                                            herder.PluginInfo{Class: "X", Type: "source", Version: "undefined"},
		`{"level":"INFO","last_modified":null}`:                                    herder.LoggerLevel{Level: "INFO"},
		`{"version":"4.3.1","commit":"c","kafka_cluster_id":"k"}`:                  herder.ServerInfo{Version: "4.3.1", Commit: "c", KafkaClusterID: "k"},
		`{"name":"a","config":{},"tasks":[{"connector":"a","task":0}],"type":"x"}`: herder.ConnectorInfo{Name: "a", Config: map[string]string{}, Tasks: []state.TaskID{{Connector: "a"}}, Type: "x"},
		`{"topics":["t"]}`: herder.ActiveTopics{Connector: "a", Topics: []string{"t"}},
	} {
		if got, err := json.Marshal(v); err != nil || string(got) != want {
			t.Errorf("%T is %s, %v; want %s", v, got, err, want)
		}
	}
}

func TestOffsetsKeepWholeNumbers(t *testing.T) {
	var got herder.ConnectorOffsets
	in := `{"offsets":[{"partition":{"a":[1,{"b":9007199254740993}]},"offset":{"pos":9007199254740993,"f":1.5,"s":"x","n":null,"t":true}},{"partition":{"p":1},"offset":null}]}`
	if err := json.Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	want := []herder.ConnectorOffset{
		{
			Partition: map[string]any{"a": []any{int64(1), map[string]any{"b": int64(9007199254740993)}}},
			Offset:    map[string]any{"pos": int64(9007199254740993), "f": 1.5, "s": "x", "n": nil, "t": true},
		},
		{Partition: map[string]any{"p": int64(1)}},
	}
	if !reflect.DeepEqual(got.Offsets, want) {
		t.Errorf("got  %#v\nwant %#v", got.Offsets, want)
	}
	for _, bad := range []string{`{"offsets":[{"partition":1}]}`, `{"offsets":[{"part":{}}]}`, `{"offsets":[{"partition":{"a":1e999}}]}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestRestartPlans(t *testing.T) {
	current := herder.ConnectorStateInfo{
		Name: "c", Connector: herder.ConnectorState{State: state.Running},
		Tasks: []herder.TaskState{{ID: 0, State: state.Running}, {ID: 1, State: state.Failed, Trace: "boom"}, {ID: 2, State: state.Paused}},
	}
	for _, x := range []struct {
		failed, tasks bool
		connector     bool
		restarts      []int
	}{
		{false, false, true, nil}, {false, true, true, []int{0, 1, 2}}, {true, false, false, nil}, {true, true, false, []int{1}},
	} {
		r := herder.RestartRequest{Connector: "c", OnlyFailed: x.failed, IncludeTasks: x.tasks}
		p := herder.PlanRestart(r, current)
		var got []int
		for _, id := range p.Tasks {
			got = append(got, id.Task)
			if p.State.Tasks[id.Task].State != state.Restarting {
				t.Errorf("%v: task %d is shown %s", r, id.Task, p.State.Tasks[id.Task].State)
			}
		}
		if p.Connector != x.connector || (p.State.Connector.State == state.Restarting) != x.connector || !reflect.DeepEqual(got, x.restarts) {
			t.Errorf("%v: connector %t tasks %v", r, p.Connector, got)
		}
	}
	if current.Tasks[0].State != state.Running {
		t.Error("a plan changes the states it was made from")
	}
}

func TestRestartRequestsByImpact(t *testing.T) {
	order := []herder.RestartRequest{{OnlyFailed: true}, {OnlyFailed: true, IncludeTasks: true}, {}, {IncludeTasks: true}}
	for i, a := range order {
		for j, b := range order {
			if a.Outranks(b) != (i > j) {
				t.Errorf("%v outranks %v: %t", a, b, a.Outranks(b))
			}
		}
	}
}

func TestSignatures(t *testing.T) {
	// printf body | openssl dgst -sha256 -hmac key
	const want = "515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"
	mac, ok := herder.Sign("HmacSHA256", []byte("key"), []byte("body"))
	if !ok || hex.EncodeToString(mac) != want {
		t.Errorf("%s, %t", hex.EncodeToString(mac), ok)
	}
	for _, algorithm := range []string{"HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"} {
		mac, ok := herder.Sign(algorithm, []byte("key"), []byte("body"))
		s := herder.Signature{Body: []byte("body"), Algorithm: algorithm, MAC: mac}
		if !ok || !s.Valid([]byte("key")) || s.Valid([]byte("other")) {
			t.Errorf("%s: made %t", algorithm, ok)
		}
		s.Body = []byte("bodY")
		if s.Valid([]byte("key")) {
			t.Errorf("%s: another body passes", algorithm)
		}
	}
	if _, ok := herder.Sign("HmacMD5", nil, nil); ok {
		t.Error("HmacMD5 is known")
	}
}

func TestKinds(t *testing.T) {
	cause := errors.New("cause")
	e := herder.Errorf(herder.Conflict, "doing: %w", cause)
	if herder.KindOf(fmt.Errorf("more: %w", e)) != herder.Conflict || !errors.Is(e, cause) || e.Error() != "doing: cause" {
		t.Errorf("%v of kind %d", e, herder.KindOf(e))
	}
	if herder.KindOf(context.DeadlineExceeded) != herder.Timeout || herder.KindOf(cause) != herder.Internal {
		t.Error("errors without a kind")
	}
}

func TestUnresolve(t *testing.T) {
	raw := map[string]string{"password": "${file:/x:pw}", "url": "jdbc://${env:HOST}/x", "plain": "a"}
	got := herder.Unresolve(raw, []map[string]string{{"password": "secret", "plain": "b", "task": "0"}, {"url": "jdbc://h/x"}})
	want := []map[string]string{{"password": "${file:/x:pw}", "plain": "b", "task": "0"}, {"url": "jdbc://${env:HOST}/x"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLoggerLevels(t *testing.T) {
	l := herder.LoggerLevels{Of: logging.New(slog.DiscardHandler, slog.LevelInfo)}
	for _, root := range []string{"root", "ROOT", ""} {
		if level, ok := l.Level(root); !ok || level.Level != "INFO" || level.LastModified != nil {
			t.Errorf("%q is %+v, %t", root, level, ok)
		}
	}
	if _, ok := l.Level("org.example"); ok {
		t.Error("a logger that nobody made is known")
	}
	if changed, ok := l.Set("org.example", "debug"); !ok || !reflect.DeepEqual(changed, []string{"org.example"}) {
		t.Errorf("set %v, %t", changed, ok)
	}
	if level, ok := l.Level("org.example"); !ok || level.Level != "DEBUG" || level.LastModified == nil {
		t.Errorf("it is %+v, %t", level, ok)
	}
	if _, ok := l.Set("org.example", "LOUD"); ok {
		t.Error("LOUD is a level")
	}
	if all := l.Levels(); all["org.example"].Level != "DEBUG" || all["root"].Level != "INFO" {
		t.Errorf("all %v", all)
	}
}

// configured is a Snapshot of one connector with one task.
type configured struct{ herder.Snapshot }

func (configured) Contains(name string) bool { return name == "here" }
func (configured) TaskCount(name string) int {
	if name == "here" {
		return 1
	}
	return 0
}

func TestReporter(t *testing.T) {
	statuses := status.NewMemory()
	generation := 3
	var asked []string
	r := &herder.Reporter{
		Statuses: statuses, WorkerID: "w:1", Generation: func() int { return generation }, TopicTracking: true,
		Reconfigure: func(name string) { asked = append(asked, name) },
	}
	task := state.TaskID{Connector: "here", Task: 0}
	r.ConnectorStatus("here", state.Status{State: state.Running, Version: "1.0"})
	r.TaskStatus(task, state.Status{State: state.Running, Version: "1.0"})
	r.TaskStatus(state.TaskID{Connector: "here", Task: 1}, state.Status{State: state.Unassigned})
	r.ConnectorStatus("gone", state.Status{State: state.Unassigned})
	r.TopicUsed(task, "t")
	r.RequestTaskReconfiguration("here")
	if s, _ := statuses.Connector("here"); s.WorkerID != "w:1" || s.Generation != 3 || s.Version != "1.0" {
		t.Errorf("status %+v", s)
	}
	r.Restarting(task)
	r.Restarting(state.TaskID{Connector: "here", Task: -1})
	if s, _ := statuses.Connector("here"); s.State != state.Restarting || s.Version != "1.0" {
		t.Errorf("restarting %+v", s)
	}
	if s := statuses.Tasks("here")[0]; s.State != state.Restarting || s.Version != "1.0" {
		t.Errorf("restarting %+v", s)
	}
	nothing := func(context.Context) (herder.Snapshot, error) { return configured{}, nil }
	if err := r.Clean(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	if got := statuses.Connectors(); !reflect.DeepEqual(got, []string{"here"}) {
		t.Errorf("statuses are left of %v", got)
	}
	if got := statuses.Tasks("here"); len(got) != 1 {
		t.Errorf("statuses are left of tasks %v", got)
	}
	if !reflect.DeepEqual(statuses.Topics("here"), []string{"t"}) || !reflect.DeepEqual(asked, []string{"here"}) {
		t.Errorf("topics %v, asked %v", statuses.Topics("here"), asked)
	}
	// What ends must not hide what a later owner has written.
	later := &herder.Reporter{Statuses: statuses, WorkerID: "w:2", Generation: func() int { return 4 }}
	later.TaskStatus(task, state.Status{State: state.Running})
	r.TaskStatus(task, state.Status{State: state.Unassigned})
	if s := statuses.Tasks("here")[0]; s.WorkerID != "w:2" || s.State != state.Running {
		t.Errorf("an old owner has written over it: %+v", s)
	}
}

// onItsWay holds a status back until statuses are read to their end.
type onItsWay struct {
	*status.Memory
	late func()
}

func (o *onItsWay) Refresh(context.Context) error {
	o.late()
	return nil
}

// The last status of a task that was taken away may be written just before its leader cleans up.
func TestCleaningWaitsForLateStatuses(t *testing.T) {
	statuses := &onItsWay{Memory: status.NewMemory()}
	id := state.TaskID{Connector: "here", Task: 7}
	statuses.late = func() { statuses.PutTask(id, state.Status{State: state.Unassigned, WorkerID: "w:2"}, true) }
	r := &herder.Reporter{Statuses: statuses, WorkerID: "w:1", Generation: func() int { return 1 }}
	if err := r.Clean(t.Context(), func(context.Context) (herder.Snapshot, error) { return configured{}, nil }); err != nil {
		t.Fatal(err)
	}
	if left := statuses.Tasks("here"); len(left) > 0 {
		t.Errorf("statuses are left of tasks %v", left)
	}
}

// Properties are shown of the kinds of plugins that Java shows, by each name that a plugin has.
func TestPluginsWhosePropertiesAreNotShown(t *testing.T) {
	reg, err := registry.New(slices.Concat(policy.Plugins(), file.Plugins())...)
	if err != nil {
		t.Fatal(err)
	}
	l := herder.NewLocal(&herder.Local{Registry: reg, Validator: validator(t)})
	for name, want := range map[string]herder.Kind{"All": herder.BadRequest, "nope": herder.NotFound} {
		if _, err := l.PluginConfig(t.Context(), name, "latest"); err == nil || herder.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := l.PluginConfig(t.Context(), "FileStreamSink", "latest"); err != nil || len(keys) < 10 {
		t.Errorf("%d properties, %v", len(keys), err)
	}
}

func TestNames(t *testing.T) {
	given := map[string]string{"a": "b"}
	got, err := herder.CheckName("x", given)
	if err != nil || got["name"] != "x" || given["name"] != "" {
		t.Errorf("%v, %v; given %v", got, err, given)
	}
	if _, err := herder.CheckName("x", map[string]string{"name": "y"}); herder.KindOf(err) != herder.BadRequest {
		t.Errorf("two names: %v", err)
	}
	if _, err := herder.CheckName(strings.Repeat("x", 40000), nil); herder.KindOf(err) != herder.BadRequest {
		t.Errorf("a name that no worker could be told: %v", err)
	}
	for text, want := range map[string]int{"": 0, "3": 3, " 4 ": 4, "0": 0, "x": 0} {
		n, err := herder.TasksMax(map[string]string{"tasks.max": text})
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("tasks.max=%q is %d, %v", text, n, err)
		}
	}
	if n, err := herder.TasksMax(nil); n != 1 || err != nil {
		t.Errorf("without tasks.max: %d, %v", n, err)
	}
}
