package distributed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

// topic is a config topic in memory that several herders share.
type topic struct {
	mu        sync.Mutex
	log       *memory
	key       *Key
	listeners map[string]func(ConfigsChanged)
	leader    string
}

func newTopic() *topic { return &topic{log: newMemory(), listeners: map[string]func(ConfigsChanged){}} }

func (t *topic) apply(op Op, key Key) {
	var changes []Change
	t.log, changes = t.log.apply(time.Now(), op)
	for i, ch := range changes {
		if _, ok := ch.(KeyChanged); ok {
			t.key = &key
			changes[i] = KeyChanged{key}
		}
	}
	for _, f := range t.listeners {
		f(ConfigsChanged{t.log, changes})
	}
}

// topicView is one worker's access to it.
type topicView struct {
	*topic
	worker string
}

func (v topicView) Start(ctx context.Context, read func(ConfigsRead), changed func(ConfigsChanged)) error {
	v.mu.Lock()
	read(ConfigsRead{v.log, v.key})
	v.listeners[v.worker] = changed
	v.mu.Unlock()
	<-ctx.Done()
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.listeners, v.worker)
	return nil
}

func (v topicView) Write(_ context.Context, op Op, key Key) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if privileged(op) && v.leader != v.worker {
		return true, errors.New("the producer was fenced")
	}
	v.apply(op, key)
	return false, nil
}

func (v topicView) Claim(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leader = v.worker
	return nil
}

func (v topicView) Refresh(context.Context) error { return nil }

// statuses is a status store in memory that several herders share.
type statuses struct {
	mu         sync.Mutex
	connectors map[string]state.Status
	tasks      map[state.TaskID]state.Status
	topics     map[string][]string
}

func newStatuses() *statuses {
	return &statuses{connectors: map[string]state.Status{}, tasks: map[state.TaskID]state.Status{}, topics: map[string][]string{}}
}

func (s *statuses) Connector(name string) (state.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.connectors[name]
	return st, ok
}

func (s *statuses) Tasks(name string) map[int]state.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[int]state.Status{}
	for id, st := range s.tasks {
		if id.Connector == name {
			out[id.Task] = st
		}
	}
	return out
}

func (s *statuses) Connectors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]bool{}
	for name := range s.connectors {
		names[name] = true
	}
	for id := range s.tasks {
		names[id.Connector] = true
	}
	return sortedNames(names)
}

func later(old, s state.Status) bool {
	return old.WorkerID == "" || old.WorkerID == s.WorkerID || old.Generation < s.Generation
}

func (s *statuses) PutConnector(name string, st state.Status, safe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case safe && !later(s.connectors[name], st):
	case st.State == state.Destroyed:
		delete(s.connectors, name)
	default:
		s.connectors[name] = st
	}
}

func (s *statuses) PutTask(id state.TaskID, st state.Status, safe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case safe && !later(s.tasks[id], st):
	case st.State == state.Destroyed:
		delete(s.tasks, id)
	default:
		s.tasks[id] = st
	}
}

func (s *statuses) Flush(context.Context) error   { return nil }
func (s *statuses) Refresh(context.Context) error { return nil }

func (s *statuses) Topics(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.topics[name])
}

func (s *statuses) PutTopic(id state.TaskID, topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.topics[id.Connector], topic) {
		s.topics[id.Connector] = append(s.topics[id.Connector], topic)
	}
}

func (s *statuses) DeleteTopics(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, name)
}

// runtime is a worker that only remembers what it runs.
type runtime struct {
	mu         sync.Mutex
	t          testing.TB
	reporter   *herder.Reporter
	connectors map[string]map[string]string
	tasks      map[state.TaskID]worker.TaskStart
	fenced     map[string]int
	offsets    map[string][]connect.PartitionOffset
	hurried    int // tasks that had to stop by a deadline
	signals    []string
}

func newRuntime(t testing.TB) *runtime {
	return &runtime{
		t: t, connectors: map[string]map[string]string{}, tasks: map[state.TaskID]worker.TaskStart{},
		fenced: map[string]int{}, offsets: map[string][]connect.PartitionOffset{},
	}
}

func running(target state.Target) state.State {
	if target == state.TargetStarted {
		return state.Running
	}
	return state.State(target)
}

func (r *runtime) StartConnector(_ context.Context, name string, config map[string]string, target state.Target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if config["connector.class"] != testClass {
		err := fmt.Errorf("no class %s", config["connector.class"])
		r.reporter.ConnectorStatus(name, state.Status{State: state.Failed, Trace: err.Error()})
		return err
	}
	if r.connectors[name] != nil {
		r.t.Errorf("connector %s is started twice", name)
	}
	r.connectors[name] = config
	r.reporter.ConnectorStatus(name, state.Status{State: running(target), Version: "1.0"})
	return nil
}

func (r *runtime) StopConnectors(_ context.Context, names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		if r.connectors[name] != nil {
			delete(r.connectors, name)
			r.reporter.ConnectorStatus(name, state.Status{State: state.Unassigned, Version: "1.0"})
		}
	}
}

func (r *runtime) ConnectorTaskConfigs(_ context.Context, name string, most int) ([]map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	config := r.connectors[name]
	if config == nil {
		return nil, fmt.Errorf("connector %s does not run", name)
	}
	var out []map[string]string
	for n := range most {
		c := maps.Clone(config)
		c["n"] = strconv.Itoa(n)
		out = append(out, c)
	}
	return out, nil
}

func (r *runtime) StartTask(ctx context.Context, start worker.TaskStart) error {
	if start.Verify != nil {
		if err := start.Verify(ctx); err != nil {
			r.reporter.TaskStatus(start.ID, state.Status{State: state.Failed, Trace: err.Error()})
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[start.ID] = start
	r.reporter.TaskStatus(start.ID, state.Status{State: running(start.Target), Version: "1.0"})
	r.reporter.TopicUsed(start.ID, "topic-of-"+start.ID.Connector)
	return nil
}

func (r *runtime) StopTasks(ctx context.Context, ids ...state.TaskID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := ctx.Deadline(); ok {
		r.hurried += len(ids)
	}
	for _, id := range ids {
		if _, ok := r.tasks[id]; ok {
			delete(r.tasks, id)
			r.reporter.TaskStatus(id, state.Status{State: state.Unassigned, Version: "1.0"})
		}
	}
}

func (r *runtime) SetTarget(_ context.Context, name string, target state.Target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.connectors[name] != nil {
		r.reporter.ConnectorStatus(name, state.Status{State: running(target), Version: "1.0"})
	}
	for id, start := range r.tasks {
		if id.Connector == name {
			start.Target = target
			r.tasks[id] = start
			r.reporter.TaskStatus(id, state.Status{State: running(target), Version: "1.0"})
		}
	}
	return nil
}

func (r *runtime) FenceZombies(_ context.Context, name string, _ map[string]string, tasks int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fenced[name] = tasks
	return nil
}

func (r *runtime) Offsets(_ context.Context, name string, _ map[string]string) ([]connect.PartitionOffset, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.offsets[name], nil
}

func (r *runtime) AlterOffsets(_ context.Context, name string, _ map[string]string, offsets []connect.PartitionOffset, reset bool) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offsets[name] = offsets
	if reset {
		return "The offsets for this connector have been reset successfully", nil
	}
	return "The offsets for this connector have been altered successfully", nil
}

func (r *runtime) Progress(name string) map[int]connect.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[int]connect.Progress{}
	for id := range r.tasks {
		if id.Connector == name {
			out[id.Task] = connect.Progress{Kind: "snapshot", State: connect.ProgressRunning, Rows: 1, EstimatedRows: 3, Percent: 100. / 3, Remaining: 1600 * time.Millisecond}
		}
	}
	return out
}

func (r *runtime) Signal(id state.TaskID, s connect.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.tasks[id]; !ok {
		return &worker.NotRunningError{ID: id, State: "does not run on this worker"}
	}
	r.signals = append(r.signals, id.String()+" "+s.ID+" "+s.Type+" "+s.Data)
	return nil
}

func (r *runtime) Stop(ctx context.Context) {
	r.mu.Lock()
	names := slices.Collect(maps.Keys(r.connectors))
	ids := slices.Collect(maps.Keys(r.tasks))
	r.mu.Unlock()
	r.StopConnectors(ctx, names...)
	r.StopTasks(ctx, ids...)
}

// runs lists what runs.
func (r *runtime) runs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Collect(maps.Keys(r.connectors))
	for id := range r.tasks {
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}

// secrets resolves ${s:x} to the value of x.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, config map[string]string) (map[string]string, time.Duration, error) {
	out := maps.Clone(config)
	for k, v := range out {
		name, ok := strings.CutPrefix(v, "${s:")
		if !ok {
			continue
		}
		value, known := s[strings.TrimSuffix(name, "}")]
		if !known {
			return nil, 0, fmt.Errorf("no secret for %s", k)
		}
		out[k] = value
	}
	return out, 0, nil
}

const testClass = "org.example.TestSource"

type testConnector struct{ connect.Connector }

// definitions declares three properties that every connector has.
type definitions struct{}

func (definitions) Base(kind connect.Kind) *configdef.Def {
	if kind != connect.KindSource && kind != connect.KindSink {
		return nil
	}
	return configdef.New(
		configdef.Key{Name: "name", Type: configdef.String, Importance: configdef.High, Group: "Common", Order: 1},
		configdef.Key{Name: "connector.class", Type: configdef.String, Importance: configdef.High, Group: "Common", Order: 2},
		configdef.Key{Name: "tasks.max", Type: configdef.Int, Default: configdef.Text("1"), Importance: configdef.High, Group: "Common", Order: 3},
	)
}

func (d definitions) Common(string) *configdef.Def { return d.Base(connect.KindSource) }

func (d definitions) Enriched(kind connect.Kind, _ map[string]string) (*configdef.Def, error) {
	return d.Base(kind), nil
}

func (definitions) Check(connect.Kind, map[string]string, *configdef.Result) {}

func (definitions) Client(connect.ClientType) *configdef.Def { return configdef.New() }

type allowAll struct{}

func (allowAll) Check(string, string, connect.ClientType, map[string]string) map[string]error {
	return nil
}

type noLevels struct{}

func (noLevels) Level(logger string) (herder.LoggerLevel, bool) {
	return herder.LoggerLevel{Level: "INFO"}, logger == "root"
}
func (noLevels) Levels() map[string]herder.LoggerLevel { return nil }
func (noLevels) Set(logger, level string) ([]string, bool) {
	return []string{logger}, level == "DEBUG"
}

// cluster is several herders of one group in one process.
type testCluster struct {
	t        testing.TB
	broker   *embedded.Cluster
	topic    *topic
	statuses *statuses
	mu       sync.Mutex
	nodes    map[string]*node
}

type node struct {
	*Herder
	name    string
	runtime *runtime
	stop    func()
}

func newTestCluster(t testing.TB) *testCluster {
	t.Helper()
	b, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return &testCluster{t: t, broker: b, topic: newTopic(), statuses: newStatuses(), nodes: map[string]*node{}}
}

type option func(*Config)

const sessionTimeout = 2 * time.Second

func (c *testCluster) start(name string, options ...option) *node {
	c.t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	client, err := sarama.NewClient(c.broker.Addrs(), conf)
	if err != nil {
		c.t.Fatal(err)
	}
	reg, err := registry.New(connect.Plugin{
		Class: testClass, Version: "1.0", Kind: connect.KindSource,
		Def:           configdef.New(configdef.Key{Name: "password", Type: configdef.Password, NullDefault: true, Importance: configdef.Low}),
		NewConnector:  func() connect.Connector { return testConnector{} },
		NewSourceTask: func() connect.SourceTask { return nil },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	rt := newRuntime(c.t)
	resolver := secrets{"pw": "hunter2"}
	local := herder.NewLocal(&herder.Local{
		Statuses: c.statuses, Registry: reg, Levels: noLevels{}, Resolver: resolver, Runtime: rt,
		Validator: &herder.Validator{Registry: reg, Definitions: definitions{}, Resolver: resolver, Policy: allowAll{}, Distributed: true, GroupID: "g"},
	})
	cfg := Config{
		Core: CoreConfig{
			Protocol: group.Sessioned, SyncTimeout: 3 * time.Second, KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256", KeySize: 32,
			RequestWait: patience, TopicTracking: true,
		},
		Member: Group(group.Config{
			Client: client, Group: "g", URL: "http://" + name + "/", SessionTimeout: sessionTimeout, RebalanceTimeout: 10 * time.Second,
			HeartbeatInterval: 20 * time.Millisecond, RetryBackoff: 10 * time.Millisecond,
		}),
		Configs: topicView{c.topic, name}, Forwarder: c, Local: local, WorkerID: name + ":8083",
		SignatureAlgorithm: "HmacSHA256", VerificationAlgorithms: []string{"HmacSHA256"},
	}
	for _, o := range options {
		o(&cfg)
	}
	h := New(cfg)
	rt.reporter = h.Reporter
	n := &node{Herder: h, name: name, runtime: rt}
	c.mu.Lock()
	c.nodes[name] = n
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Run(ctx); err != nil {
			c.t.Errorf("%s: %v", name, err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		client.Close()
		c.mu.Lock()
		delete(c.nodes, name)
		c.mu.Unlock()
	})
	c.t.Cleanup(n.stop)
	return n
}

func (c *testCluster) at(url string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[strings.Trim(strings.TrimPrefix(url, "http://"), "/")]
}

// PutTaskConfigs and FenceZombies make testCluster a Forwarder that signs what
// it would send.
func (c *testCluster) PutTaskConfigs(ctx context.Context, url, name string, configs []map[string]string, key herder.SessionKey) error {
	n := c.at(url)
	if n == nil {
		return errors.New("no route to " + url)
	}
	return n.PutTaskConfigs(ctx, name, configs, signed("tasks", key))
}

func (c *testCluster) FenceZombies(ctx context.Context, url, name string, key herder.SessionKey) error {
	n := c.at(url)
	if n == nil {
		return errors.New("no route to " + url)
	}
	return n.FenceZombies(ctx, name, signed("", key))
}

func signed(body string, key herder.SessionKey) *herder.Signature {
	mac, ok := herder.Sign(key.Algorithm, key.Key, []byte(body))
	if !ok {
		return nil
	}
	return &herder.Signature{Body: []byte(body), Algorithm: key.Algorithm, MAC: mac}
}

const patience = 30 * time.Second

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

// via does something on the worker that a *herder.NotTarget leads to.
func (c *testCluster) via(n *node, do func(*node) error) error {
	var err error
	for range 3 {
		err = do(n)
		var not *herder.NotTarget
		if !errors.As(err, &not) {
			return err
		}
		if n = c.at(not.URL); n == nil {
			return err
		}
	}
	return err
}

// running lists everything that runs in the cluster; something that runs twice
// stands there twice.
func (c *testCluster) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.runtime.runs()...)
	}
	slices.Sort(all)
	return all
}
