package standalone

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/policy"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/worker"
	"github.com/millrace/millrace/worker/connconf"
	"github.com/millrace/millrace/worker/logging"
)

// runtime reports states and runs nothing. Methods that the test does not need
// are those of the nil interface.
type runtime struct {
	herder.Runtime
	mu     sync.Mutex
	report *herder.Reporter
	tasks  map[state.TaskID]bool
}

func (r *runtime) StartConnector(_ context.Context, name string, _ map[string]string, target state.Target) error {
	r.report.ConnectorStatus(name, state.Status{State: stateOf(target)})
	return nil
}

func stateOf(t state.Target) state.State {
	if t == state.TargetStarted {
		return state.Running
	}
	return state.State(t)
}

func (r *runtime) StopConnectors(context.Context, ...string) {}

func (r *runtime) ConnectorTaskConfigs(_ context.Context, _ string, most int) ([]map[string]string, error) {
	return make([]map[string]string, most), nil
}

func (r *runtime) StartTask(_ context.Context, start worker.TaskStart) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[start.ID] = true
	r.report.TaskStatus(start.ID, state.Status{State: stateOf(start.Target)})
	return nil
}

func (r *runtime) StopTasks(_ context.Context, ids ...state.TaskID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.tasks, id)
	}
}

func (r *runtime) SetTarget(_ context.Context, name string, target state.Target) error {
	r.report.ConnectorStatus(name, state.Status{State: stateOf(target)})
	return nil
}

func (r *runtime) Stop(context.Context) {}

func (r *runtime) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tasks)
}

type connector struct{ connect.Connector }

const class = "org.example.Source"

func start(t *testing.T) (*Herder, *runtime) {
	t.Helper()
	reg, err := registry.New(connect.Plugin{
		Class: class, Version: "1.0", Kind: connect.KindSource, Def: configdef.New(),
		NewConnector: func() connect.Connector { return connector{} }, NewSourceTask: func() connect.SourceTask { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	plain := herder.ResolverFunc(func(_ context.Context, c map[string]string) (map[string]string, time.Duration, error) {
		return maps.Clone(c), 0, nil
	})
	rt := &runtime{tasks: map[state.TaskID]bool{}}
	h := New(t.Context(), Config{URL: "http://w/", Distributed: distributed.Config{
		Core: distributed.CoreConfig{RequestWait: time.Minute, TopicTracking: true},
		Local: herder.NewLocal(&herder.Local{
			Statuses: status.NewMemory(), Registry: reg, Levels: herder.LoggerLevels{Of: logging.New(slog.DiscardHandler, slog.LevelInfo)},
			Resolver: plain, Runtime: rt,
			Validator: &herder.Validator{Registry: reg, Definitions: &connconf.Definitions{Registry: reg}, Resolver: plain, Policy: policy.All()},
		}),
		WorkerID: "w:8083",
	}})
	rt.report = h.Reporter
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h, rt
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestLife(t *testing.T) {
	h, rt := start(t)
	ctx := t.Context()
	config := map[string]string{"connector.class": class, "tasks.max": "3"}
	if _, err := h.PutConnector(ctx, herder.PutRequest{Name: "x", Config: config, Target: state.TargetPaused}); err != nil {
		t.Fatal(err)
	}
	has := func(want state.State, tasks int) func() bool {
		return func() bool {
			s, err := h.ConnectorStatus(ctx, "x")
			return err == nil && s.Connector.State == want && s.Connector.WorkerID == "w:8083" && rt.count() == tasks
		}
	}
	eventually(t, "it is created PAUSED", has(state.Paused, 0))
	if err := h.ResumeConnector(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs with its tasks", has(state.Running, 3))
	if err := h.StopConnector(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is STOPPED", has(state.Stopped, 0))
	for _, want := range []string{herder.StatusStarting, herder.StatusHealthy} {
		if s, err := h.Health(ctx); err != nil || s.Status != want {
			t.Errorf("%+v, %v; want %s", s, err, want)
		}
		h.Ready()
	}
	if err := h.SetClusterLoggerLevel(ctx, "org.example", "DEBUG"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the level is set", func() bool {
		l, err := h.LoggerLevel(ctx, "org.example")
		return err == nil && l.Level == "DEBUG" && l.LastModified != nil
	})
	for _, err := range []error{h.PutTaskConfigs(ctx, "x", nil, nil), h.FenceZombies(ctx, "x", nil)} {
		if herder.KindOf(err) != herder.BadRequest {
			t.Errorf("a request between workers is answered with %v", err)
		}
	}
	if err := h.DeleteConnector(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is left", func() bool {
		_, err := h.ConnectorStatus(ctx, "x")
		return herder.KindOf(err) == herder.NotFound
	})
}

func TestReadConnector(t *testing.T) {
	config := map[string]string{"name": "a", "connector.class": "X", "tasks.max": "2"}
	for _, x := range []struct {
		name, text string
		want       herder.PutRequest
		err        string
	}{
		{"properties", "name=a\nconnector.class=X\n# no\ntasks.max: 2\n", herder.PutRequest{Name: "a", Config: config}, ""},
		{"map", `{"name":"a","connector.class":"X","tasks.max":2}`, herder.PutRequest{Name: "a", Config: config}, ""},
		{"request", `{"name":"a","config":{"connector.class":"X","tasks.max":"2"},"initial_state":"stopped","more":1}`,
			herder.PutRequest{Name: "a", Config: config, Target: state.TargetStopped}, ""},
		{"running", `{"name":"a","config":{"connector.class":"X","tasks.max":"2","name":"a"},"initial_state":"RUNNING"}`,
			herder.PutRequest{Name: "a", Config: config, Target: state.TargetStarted}, ""},
		{"unnamed properties", "connector.class=X\n", herder.PutRequest{}, "the mandatory 'name' configuration is missing"},
		{"unnamed map", `{"connector.class":"X"}`, herder.PutRequest{}, "the mandatory 'name' configuration is missing"},
		{"two names", `{"name":"a","config":{"name":"b"}}`, herder.PutRequest{}, "doesn't match"},
		{"odd state", `{"name":"a","config":{},"initial_state":"LAZY"}`, herder.PutRequest{}, `initial_state: "LAZY"`},
		{"null", `{"name":"a","x":null}`, herder.PutRequest{}, "x: null"},
		{"nested", `{"name":"a","x":{"y":1}}`, herder.PutRequest{}, "x: a text"},
		{"broken", `{"name":`, herder.PutRequest{}, "not valid JSON"},
		{"more", `{"name":"a"} {}`, herder.PutRequest{}, "something follows"},
	} {
		t.Run(x.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "connector")
			if err := os.WriteFile(file, []byte(x.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadConnector(file)
			switch {
			case x.err == "" && err != nil, x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)):
				t.Errorf("error %v, want %q", err, x.err)
			case x.err == "" && !reflect.DeepEqual(got, x.want):
				t.Errorf("got %+v, want %+v", got, x.want)
			}
		})
	}
	if _, err := ReadConnector(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is read")
	}
}
