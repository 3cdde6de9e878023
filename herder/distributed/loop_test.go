package distributed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// keys of requests that tests interfere with.
const (
	findCoordinator = 10
	joinGroup       = 11
	heartbeat       = 12
)

func props(tasks int) map[string]string {
	return map[string]string{"connector.class": testClass, "tasks.max": fmt.Sprint(tasks)}
}

func (c *testCluster) put(n *node, name string, config map[string]string) {
	c.t.Helper()
	err := c.via(n, func(n *node) error {
		_, err := n.PutConnector(c.t.Context(), herder.PutRequest{Name: name, Config: config, Replace: true})
		return err
	})
	if err != nil {
		c.t.Fatalf("creating %s: %v", name, err)
	}
}

func (c *testCluster) runs(want ...string) {
	c.t.Helper()
	slices.Sort(want)
	eventually(c.t, fmt.Sprintf("%v runs", want), func() bool { return slices.Equal(c.running(), want) })
}

// halved is a cluster of two workers, each with two of the connectors c0 to c3 and their tasks.
func halved(t *testing.T) (c *testCluster, a, b *node) {
	t.Helper()
	c = newTestCluster(t)
	a, b = c.start("a"), c.start("b")
	var want []string
	for i := range 4 {
		name := fmt.Sprintf("c%d", i)
		c.put(a, name, props(1))
		want = append(want, name, name+"-0")
	}
	c.runs(want...)
	eventually(t, "both have half of it", func() bool { return len(a.runtime.runs()) == 4 && len(b.runtime.runs()) == 4 })
	c.runs(want...)
	return c, a, b
}

// How far a connector is can be asked on any worker; the one that runs its task answers.
func TestProgressIsAskedWhereTheTaskRuns(t *testing.T) {
	c, a, b := halved(t)
	for i := range 4 {
		for _, n := range []*node{a, b} {
			name := fmt.Sprintf("c%d", i)
			var got herder.ConnectorProgress
			err := c.via(n, func(n *node) (err error) {
				got, err = n.ConnectorProgress(t.Context(), name)
				return err
			})
			task := herder.TaskProgress{Kind: "snapshot", State: "RUNNING", Rows: 1, EstimatedRows: 3, Percent: 33.3, RemainingSeconds: 2}
			if err != nil || got.Name != name || !slices.Equal(got.Tasks, []herder.TaskProgress{task}) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
	if _, err := a.ConnectorProgress(t.Context(), "nothing"); herder.KindOf(err) != herder.NotFound {
		t.Errorf("of a connector that does not exist: %v", err)
	}
}

// A signal can be sent to any worker; the one that runs the task hands it over.
func TestSignalsGoWhereTheTaskRuns(t *testing.T) {
	c, a, b := halved(t)
	send := func(n *node, name string, s herder.Signal) (got herder.Signal, err error) {
		err = c.via(n, func(n *node) (err error) {
			got, err = n.SendSignal(t.Context(), name, s)
			return err
		})
		return got, err
	}
	var expected, obeyed []string
	for i := range 4 {
		for _, n := range []*node{a, b} {
			name := fmt.Sprintf("c%d", i)
			got, err := send(n, name, herder.Signal{ID: n.name, Type: "log", Data: []byte(` {"message":"m"} `)})
			if err != nil || got.ID != n.name || got.Type != "log" {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			expected = append(expected, name+`-0 `+n.name+` log {"message":"m"}`)
		}
	}
	for _, n := range []*node{a, b} {
		n.runtime.mu.Lock()
		obeyed = append(obeyed, n.runtime.signals...)
		n.runtime.mu.Unlock()
	}
	slices.Sort(obeyed)
	if slices.Sort(expected); !slices.Equal(obeyed, expected) {
		t.Errorf("obeyed %v, want %v", obeyed, expected)
	}
	if got, err := send(a, "c0", herder.Signal{Type: "log"}); err != nil || got.ID == "" {
		t.Errorf("without id: %+v, %v", got, err)
	}
	for _, bad := range []herder.Signal{{}, {Type: "log", Data: []byte(`"text"`)}, {Type: "log", Data: []byte(`[1]`)}} {
		if _, err := send(a, "c0", bad); herder.KindOf(err) != herder.BadRequest {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := send(a, "nothing", herder.Signal{Type: "log"}); herder.KindOf(err) != herder.NotFound {
		t.Errorf("of a connector that does not exist: %v", err)
	}
	if err := c.via(a, func(n *node) error { return n.StopConnector(t.Context(), "c0") }); err != nil {
		t.Fatal(err)
	}
	c.runs("c0", "c1", "c1-0", "c2", "c2-0", "c3", "c3-0")
	eventually(t, "a stopped connector takes none", func() bool {
		_, err := send(a, "c0", herder.Signal{Type: "log"})
		return herder.KindOf(err) == herder.Conflict && strings.Contains(err.Error(), "Connector c0 is STOPPED and takes no signals; resume it first")
	})
}

func TestWorkIsSharedAndTakenOver(t *testing.T) {
	c := newTestCluster(t)
	a, b := c.start("a"), c.start("b")
	var want []string
	for i := range 8 {
		name := fmt.Sprintf("c%d", i)
		c.put([]*node{a, b}[i%2], name, props(2))
		want = append(want, name, name+"-0", name+"-1")
	}
	c.runs(want...)
	eventually(t, "both have half of it", func() bool { return len(a.runtime.runs()) == 12 && len(b.runtime.runs()) == 12 })
	third := c.start("third")
	eventually(t, "the third has its part", func() bool {
		n := len(third.runtime.runs())
		return n >= 7 && n <= 9
	})
	c.runs(want...)
	a.stop()
	c.runs(want...)
	names, err := b.Connectors(t.Context())
	if err != nil || len(names) != 8 {
		t.Errorf("connectors %v, %v", names, err)
	}
	for _, name := range names {
		eventually(t, name+" and its tasks are RUNNING on living workers", func() bool {
			s, err := third.ConnectorStatus(t.Context(), name)
			ok := err == nil && s.Connector.State == state.Running && s.Connector.WorkerID != "a:8083" && len(s.Tasks) == 2
			for _, x := range s.Tasks {
				ok = ok && x.State == state.Running && x.WorkerID != "a:8083"
			}
			return ok
		})
	}
}

func TestLifeOfAConnector(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	ctx := t.Context()
	made, err := a.PutConnector(ctx, herder.PutRequest{Name: "x", Config: props(2)})
	if err != nil || !made.Created || made.Info.Type != "source" || made.Info.Config["name"] != "x" || len(made.Info.Tasks) != 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := a.PutConnector(ctx, herder.PutRequest{Name: "x", Config: props(2)}); herder.KindOf(err) != herder.Exists {
		t.Errorf("created twice: %v", err)
	}
	c.runs("x", "x-0", "x-1")
	has := func(want state.State, tasks int) func() bool {
		return func() bool {
			s, err := a.ConnectorStatus(ctx, "x")
			ok := err == nil && s.Connector.State == want && len(s.Tasks) == tasks
			for _, x := range s.Tasks {
				ok = ok && x.State == want
			}
			return ok
		}
	}
	for _, step := range []struct {
		what  string
		do    func() error
		state state.State
		tasks int
	}{
		{"pause", func() error { return a.PauseConnector(ctx, "x") }, state.Paused, 2},
		{"resume", func() error { return a.ResumeConnector(ctx, "x") }, state.Running, 2},
		{"stop", func() error { return a.StopConnector(ctx, "x") }, state.Stopped, 0},
		{"resume", func() error { return a.ResumeConnector(ctx, "x") }, state.Running, 2},
		{"restart", func() error { return a.RestartConnector(ctx, "x") }, state.Running, 2},
		{"restart task", func() error { return a.RestartTask(ctx, state.TaskID{Connector: "x", Task: 1}) }, state.Running, 2},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		eventually(t, fmt.Sprintf("%s leads to %s", step.what, step.state), has(step.state, step.tasks))
	}
	plan, err := a.RestartConnectorAndTasks(ctx, herder.RestartRequest{Connector: "x", IncludeTasks: true})
	if err != nil || plan.Connector.State != state.Restarting || plan.Tasks[1].State != state.Restarting {
		t.Errorf("restart: %+v, %v", plan, err)
	}
	eventually(t, "it runs again", has(state.Running, 2))
	three := "3"
	info, err := a.PatchConnector(ctx, "x", map[string]*string{"tasks.max": &three})
	if err != nil || info.Config["tasks.max"] != "3" {
		t.Errorf("patch: %+v, %v", info, err)
	}
	c.runs("x", "x-0", "x-1", "x-2")
	tasks, err := a.Tasks(ctx, "x")
	if err != nil || len(tasks) != 3 || tasks[2].Config["n"] != "2" {
		t.Errorf("tasks %+v, %v", tasks, err)
	}
	topics, err := a.ActiveTopics(ctx, "x")
	if err != nil || !reflect.DeepEqual(topics.Topics, []string{"topic-of-x"}) {
		t.Errorf("topics %+v, %v", topics, err)
	}
	if err := a.DeleteConnector(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	c.runs()
	eventually(t, "nothing is known of it any more", func() bool {
		_, err := a.ConnectorStatus(ctx, "x")
		topics, _ := a.ActiveTopics(ctx, "x")
		return herder.KindOf(err) == herder.NotFound && len(topics.Topics) == 0
	})
}

// What happens to a connector while a patch of it is validated is neither undone nor lost.
func TestPatchesBesideOtherChanges(t *testing.T) {
	c := newTestCluster(t)
	var meanwhile atomic.Pointer[func()]
	a := c.start("a", func(cfg *Config) {
		v := cfg.Local.Validator
		resolver := v.Resolver
		v.Resolver = herder.ResolverFunc(func(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error) {
			if f := meanwhile.Swap(nil); f != nil {
				(*f)()
			}
			return resolver.Resolve(ctx, config)
		})
	})
	ctx := t.Context()
	c.put(a, "x", props(1))
	one, two := "1", "2"
	patch := func(patch map[string]*string, do func() error) (herder.ConnectorInfo, error) {
		f := func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		}
		meanwhile.Store(&f)
		return a.PatchConnector(ctx, "x", patch)
	}
	info, err := patch(map[string]*string{"one": &one}, func() error {
		_, err := a.PatchConnector(ctx, "x", map[string]*string{"two": &two})
		return err
	})
	if err != nil || info.Config["one"] != "1" || info.Config["two"] != "2" {
		t.Errorf("a patch beside another: %v, %v", info.Config, err)
	}
	if _, err = patch(map[string]*string{"one": &two}, func() error { return a.DeleteConnector(ctx, "x") }); herder.KindOf(err) != herder.NotFound {
		t.Errorf("a patch beside the deletion: %v", err)
	}
	if names, err := a.Connectors(ctx); err != nil || len(names) != 0 {
		t.Errorf("the deleted connector is back: %v, %v", names, err)
	}
}

func TestOffsets(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a", func(cfg *Config) { cfg.ExactlyOnce = true })
	ctx := t.Context()
	c.put(a, "x", props(2))
	c.runs("x", "x-0", "x-1")
	change := herder.ConnectorOffsets{Offsets: []herder.ConnectorOffset{{Partition: map[string]any{"p": "1"}, Offset: map[string]any{"o": int64(5)}}}}
	_, err := a.AlterOffsets(ctx, "x", change)
	if want := fmt.Sprintf(herder.StoppedFirstMessage, "x"); err == nil || err.Error() != want {
		t.Errorf("offsets of a running connector: %v", err)
	}
	if err := a.StopConnector(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	c.runs("x")
	if m, err := a.AlterOffsets(ctx, "x", change); err != nil || m.Message != "The offsets for this connector have been altered successfully" {
		t.Errorf("%+v, %v", m, err)
	}
	if got, err := a.ConnectorOffsets(ctx, "x"); err != nil || !reflect.DeepEqual(got, change) {
		t.Errorf("%+v, %v", got, err)
	}
	if a.runtime.fenced["x"] != 2 {
		t.Errorf("producers fenced off before the change: %v", a.runtime.fenced)
	}
	if m, err := a.ResetOffsets(ctx, "x"); err != nil || !strings.Contains(m.Message, "reset") {
		t.Errorf("%+v, %v", m, err)
	}
	if got, err := a.ConnectorOffsets(ctx, "x"); err != nil || got.Offsets == nil || len(got.Offsets) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestExactlyOnceTasksFenceOffThoseBefore(t *testing.T) {
	c := newTestCluster(t)
	eos := func(cfg *Config) { cfg.ExactlyOnce = true }
	a, b := c.start("a", eos), c.start("b", eos)
	c.put(a, "x", props(3))
	c.runs("x", "x-0", "x-1", "x-2")
	c.put(a, "x", props(2))
	c.runs("x", "x-0", "x-1")
	eventually(t, "the leader alone has fenced off the three producers of before", func() bool {
		fenced := 0
		for _, n := range []*node{a, b} {
			n.runtime.mu.Lock()
			fenced += n.runtime.fenced["x"]
			n.runtime.mu.Unlock()
		}
		return fenced == 3
	})
	for _, n := range []*node{a, b} {
		n.runtime.mu.Lock()
		for id, start := range n.runtime.tasks {
			if !start.ExactlyOnce {
				t.Errorf("%v is not transactional", id)
			}
		}
		n.runtime.mu.Unlock()
	}
}

func TestAMissingClassIsListedFailedAndDeletable(t *testing.T) {
	c := newTestCluster(t)
	c.topic.leader = "before"
	c.topic.apply(PutConnector{Name: "old", Config: map[string]string{"connector.class": "gone.Away", "name": "old"}}, Key{})
	a := c.start("a")
	eventually(t, "it is FAILED", func() bool {
		s, err := a.ConnectorStatus(t.Context(), "old")
		return err == nil && s.Connector.State == state.Failed && s.Connector.Trace != "" && s.Type == "unknown"
	})
	if info, err := a.Connector(t.Context(), "old"); err != nil || info.Type != "unknown" {
		t.Errorf("%+v, %v", info, err)
	}
	if err := a.DeleteConnector(t.Context(), "old"); err != nil {
		t.Error(err)
	}
	if _, err := a.PutConnector(t.Context(), herder.PutRequest{Name: "new", Config: map[string]string{"connector.class": "gone.Away"}}); herder.KindOf(err) != herder.BadRequest {
		t.Errorf("a connector without a class is created: %v", err)
	}
}

func TestSecretsStayOutOfTheConfigTopic(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	conf := props(1)
	conf["password"] = "${s:pw}"
	c.put(a, "x", conf)
	c.runs("x", "x-0")
	a.runtime.mu.Lock()
	got := a.runtime.tasks[state.TaskID{Connector: "x"}].TaskConfig["password"]
	a.runtime.mu.Unlock()
	if got != "hunter2" {
		t.Errorf("the task got the password %q", got)
	}
	for _, s := range []map[string]string{c.topic.log.configs["x"], c.topic.log.tasks["x"][0]} {
		if s["password"] != "${s:pw}" {
			t.Errorf("the config topic holds %v", s)
		}
	}
	conf["password"] = "${s:nope}"
	_, err := a.PutConnector(t.Context(), herder.PutRequest{Name: "x", Config: conf, Replace: true})
	if herder.KindOf(err) != herder.BadRequest {
		t.Errorf("an unknown secret: %v", err)
	}
}

func TestRequestsBetweenWorkersMustBeSigned(t *testing.T) {
	c := newTestCluster(t)
	a, b := c.start("a"), c.start("b")
	c.put(a, "x", props(1))
	c.runs("x", "x-0")
	eventually(t, "both workers have read the session key", func() bool {
		return a.sessionKey().Key != nil && bytes.Equal(a.sessionKey().Key, b.sessionKey().Key)
	})
	good := signed("body", a.sessionKey())
	wrong := signed("body", herder.SessionKey{Key: []byte("guess"), Algorithm: "HmacSHA256"})
	other := signed("body", herder.SessionKey{Key: a.key.Load().Bytes, Algorithm: "HmacSHA512"})
	for _, x := range []struct {
		sig  *herder.Signature
		kind herder.Kind
		text string
	}{
		{nil, herder.BadRequest, "Internal request missing required signature"},
		{wrong, herder.Forbidden, "Internal request contained invalid signature."},
		{other, herder.BadRequest, "This worker does not support the 'HmacSHA512' key signing algorithm"},
	} {
		err := a.PutTaskConfigs(t.Context(), "x", nil, x.sig)
		if err == nil || herder.KindOf(err) != x.kind || !strings.HasPrefix(err.Error(), x.text) {
			t.Errorf("%v: want %s", err, x.text)
		}
		if err := a.FenceZombies(t.Context(), "x", x.sig); herder.KindOf(err) != x.kind {
			t.Errorf("%v: want %s", err, x.text)
		}
	}
	err := c.via(b, func(n *node) error { return n.FenceZombies(t.Context(), "x", good) })
	if err != nil {
		t.Errorf("a signed request: %v", err)
	}
}

func TestErrorsOfRequests(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	ctx := t.Context()
	c.put(a, "x", props(1))
	c.runs("x", "x-0")
	for want, do := range map[string]func() error{
		"Connector nope not found":           func() error { return a.DeleteConnector(ctx, "nope") },
		"Unknown connector nope":             func() error { return a.PauseConnector(ctx, "nope") },
		"Unknown connector: nope":            func() error { return a.RestartConnector(ctx, "nope") },
		"Unknown task: x-9":                  func() error { return a.RestartTask(ctx, state.TaskID{Connector: "x", Task: 9}) },
		"No status found for connector nope": func() error { _, err := a.ConnectorStatus(ctx, "nope"); return err },
		"No status found for task x-7":       func() error { _, err := a.TaskStatus(ctx, state.TaskID{Connector: "x", Task: 7}); return err },
		"Unknown plugin nope.":               func() error { _, err := a.PluginConfig(ctx, "nope", "latest"); return err },
		"Invalid version specification: [1":  func() error { _, err := a.PluginConfig(ctx, testClass, "[1"); return err },
		"Logger nope not found.":             func() error { _, err := a.LoggerLevel(ctx, "nope"); return err },
		"invalid log level 'LOUD'.":          func() error { _, err := a.SetLoggerLevel(ctx, "x", "LOUD"); return err },
		"Connector config {a=b, my.password=[hidden]} contains no connector type": func() error {
			_, err := a.Validate(ctx, map[string]string{"a": "b", "my.password": "x"})
			return err
		},
		"Connector name configuration (other) doesn't match connector name in the URL (x)": func() error {
			_, err := a.PutConnector(ctx, herder.PutRequest{Name: "x", Config: map[string]string{"name": "other"}})
			return err
		},
		"Connector configuration is invalid and contains the following 2 error(s):\n" +
			"Invalid value many for configuration tasks.max: Not a number of type INT\n" +
			"Null value can not be supplied as the configuration value.\n" +
			"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`": func() error {
			conf := props(1)
			conf["tasks.max"] = "many"
			_, err := a.PutConnector(ctx, herder.PutRequest{Name: "y", Config: conf, Nulls: []string{"tasks.max"}})
			return err
		},
	} {
		if err := do(); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestHealth(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	eventually(t, "it is healthy", func() bool {
		s, err := a.Health(t.Context())
		return err == nil && s.Status == herder.StatusHealthy
	})
	a.stop()
	if s, _ := a.Health(t.Context()); s.Status != herder.StatusUnhealthy {
		t.Errorf("a stopped worker is %+v", s)
	}
	if err := a.DeleteConnector(t.Context(), "x"); herder.KindOf(err) != herder.Unavailable {
		t.Errorf("a stopped worker answers %v", err)
	}
}

func TestACancelledRequestIsWithdrawn(t *testing.T) {
	c := newTestCluster(t)
	c.broker.Fake.ControlKey(joinGroup, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.broker.Fake.KeepControl()
		return nil, errors.New("no group, so nobody leads"), true
	})
	a := c.start("a")
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := a.DeleteConnector(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s, err := a.Health(t.Context()); err != nil || s.Status != herder.StatusStarting {
		t.Errorf("%+v, %v", s, err)
	}
}

// A worker whose settings say nothing of keys makes them as Java does, and is content with what it made.
func TestKeysOfDefaultSize(t *testing.T) {
	c := newTestCluster(t)
	n := c.start("a", func(cfg *Config) { cfg.Core.KeyAlgorithm, cfg.Core.KeySize = "", 0 })
	eventually(t, "there is a session key", func() bool { return n.sessionKey().Key != nil })
	if key := n.sessionKey(); key.Algorithm != "HmacSHA256" || len(key.Key) != 32 {
		t.Errorf("%s with %d bytes", key.Algorithm, len(key.Key))
	}
	if core := NewCore(n.cfg.Core); core.cfg.KeySize != 32 {
		t.Errorf("the core asks for %d bytes", core.cfg.KeySize)
	}
	for algorithm, size := range map[string]int{"HmacSHA1": 64, "HmacSHA384": 48, "HmacSHA512": 64} {
		if core := NewCore(CoreConfig{KeyAlgorithm: algorithm}); core.cfg.KeySize != size {
			t.Errorf("%s with %d bytes", algorithm, core.cfg.KeySize)
		}
	}
}

// TestALostGroup has the coordinator stay silent for longer than a session.
func TestALostGroup(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	c.put(a, "x", props(2))
	c.runs("x", "x-0", "x-1")
	watched := metrics.New(time.Now)
	a.Register(watched)
	if shown, err := watched.Gatherer().Gather(); err != nil || len(shown) < 10 {
		t.Errorf("%d metrics are shown, %v", len(shown), err)
	}
	var before Stats
	eventually(t, "the round of the tasks is over", func() bool {
		before = a.Stats()
		return !before.Rebalancing && before.Tasks == 2
	})
	if before.Completed < 2 || before.Connectors != 1 || before.Tasks != 2 || before.Leader != "http://a/" || before.Protocol != "sessioned" || before.Rebalancing {
		t.Errorf("%+v", before)
	}
	var answers atomic.Bool
	for _, key := range []int16{joinGroup, heartbeat, findCoordinator} {
		c.broker.Fake.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
			c.broker.Fake.KeepControl()
			return nil, errors.New("silence"), !answers.Load()
		})
	}
	c.runs()
	a.runtime.mu.Lock()
	if a.runtime.hurried < 2 {
		t.Errorf("%d tasks had to stop at once, not 2", a.runtime.hurried)
	}
	a.runtime.mu.Unlock()
	answers.Store(true)
	c.runs("x", "x-0", "x-1")
	if after := a.Stats(); after.Epoch <= before.Epoch || after.Completed <= before.Completed {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
