package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// scriptedConnector notes its calls and does what a test says.
type scriptedConnector struct {
	mu       sync.Mutex
	calls    []string
	cc       connect.ConnectorContext
	startErr error
	stopWait chan struct{} // Stop waits for it, when set
	tasks    int
}

func (c *scriptedConnector) call(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, what)
}

func (c *scriptedConnector) Start(_ context.Context, cc connect.ConnectorContext, config map[string]string) error {
	c.cc = cc
	c.call("start " + config["color"])
	return c.startErr
}

func (c *scriptedConnector) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	out := make([]map[string]string, c.tasks)
	for i := range out {
		out[i] = map[string]string{"number": fmt.Sprint(i)}
	}
	return out, nil
}

func (c *scriptedConnector) Stop(context.Context) error {
	c.call("stop")
	if c.stopWait != nil {
		<-c.stopWait
	}
	return nil
}

// asked notes requests for reconfiguration.
type asked struct {
	mu    sync.Mutex
	names []string
}

func (a *asked) RequestTaskReconfiguration(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = append(a.names, name)
}

func connectorRig(t *testing.T, c *scriptedConnector, options ...rigOption) (*rig, *asked) {
	t.Parallel()
	a := &asked{}
	return newRig(t, append(options, func(r *rig, cfg *Config) {
		cfg.Reconfigurer = a
		r.plugins = append(r.plugins, connect.Plugin{Class: "test.Scripted", TaskClass: "test.ScriptedTask", Version: "3", Kind: connect.KindSink,
			Def: configdef.New(), NewConnector: func() connect.Connector { return c }, NewSinkTask: func() connect.SinkTask { return newListSink() }})
	})...), a
}

// TestConnectorLife plays a life with all target states; each line is a step with
// what the connector is called for and what is reported.
func TestConnectorLife(t *testing.T) {
	c := &scriptedConnector{tasks: 2}
	r, a := connectorRig(t, c)
	ctx := testContext(t)
	config := map[string]string{"connector.class": "test.Scripted", "color": "red", "topics": "x"}
	var b strings.Builder
	step := func(what string, err error) {
		c.mu.Lock()
		calls := strings.Join(c.calls, ", ")
		c.calls = nil
		c.mu.Unlock()
		r.seen.mu.Lock()
		statuses := strings.Join(r.seen.log, ", ")
		r.seen.log = nil
		r.seen.mu.Unlock()
		fmt.Fprintf(&b, "%s: [%s] %s", what, calls, statuses)
		if err != nil {
			fmt.Fprintf(&b, " error: %v", err)
		}
		b.WriteByte('\n')
	}
	step("start paused", r.worker.StartConnector(ctx, "c", config, state.TargetPaused))
	step("start again", r.worker.StartConnector(ctx, "c", config, state.TargetPaused))
	step("resume", r.worker.SetTarget(ctx, "c", state.TargetStarted))
	configs, err := r.worker.ConnectorTaskConfigs(ctx, "c", 2)
	step(fmt.Sprint("tasks ", configs), err)
	_, err = r.worker.ConnectorTaskConfigs(ctx, "c", 1)
	step("too many tasks", err)
	c.cc.RequestTaskReconfiguration()
	step(fmt.Sprint("asked ", a.names), nil)
	step("stop", r.worker.SetTarget(ctx, "c", state.TargetStopped))
	step("start", r.worker.SetTarget(ctx, "c", state.TargetStarted))
	r.worker.StopConnectors(ctx, "c", "unknown")
	step("end", nil)
	_, err = r.worker.ConnectorTaskConfigs(ctx, "c", 1)
	step("tasks of none", err)
	want := `start paused: [] c PAUSED
start again: []  error: Connector with name c already exists
resume: [start red] c RUNNING
tasks [map[number:0 task.class:test.ScriptedTask topics:x] map[number:1 task.class:test.ScriptedTask topics:x]]: [] 
too many tasks: []  error: ` + (&TooManyTasksError{Connector: "c", Generated: 2, Max: 1}).Error() + `
asked [c]: [] 
stop: [stop] c STOPPED
start: [start red] c RUNNING
end: [stop] c UNASSIGNED
tasks of none: []  error: Connector c not found in this worker.
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestConnectorFailures(t *testing.T) {
	c := &scriptedConnector{startErr: errors.New("no such server")}
	r, _ := connectorRig(t, c)
	ctx := testContext(t)
	config := map[string]string{"connector.class": "test.Scripted"}
	if err := r.worker.StartConnector(ctx, "c", config, state.TargetStarted); err == nil {
		t.Error("a connector that fails to start was started")
	}
	if st := r.seen.await(t, "c", state.Failed); !strings.Contains(st.Trace, "no such server") || st.Version != "3" {
		t.Errorf("status %+v", st)
	}
	r.worker.StopConnectors(ctx, "c")
	c.startErr = nil
	if err := r.worker.StartConnector(ctx, "c", config, state.TargetStarted); err != nil {
		t.Fatal(err)
	}
	c.cc.RaiseError(errors.New("the server is gone"))
	if st := r.seen.await(t, "c", state.Failed); !strings.Contains(st.Trace, "the server is gone") {
		t.Errorf("status %+v", st)
	}
	if err := r.worker.StartConnector(ctx, "d", map[string]string{"connector.class": "no.such.Class"}, state.TargetStarted); err == nil ||
		!strings.Contains(err.Error(), "no.such.Class") {
		t.Errorf("got %v", err)
	}
}

func TestConnectorThatDoesNotStopIsAbandoned(t *testing.T) {
	c := &scriptedConnector{stopWait: make(chan struct{})}
	defer close(c.stopWait)
	r, _ := connectorRig(t, c, func(_ *rig, cfg *Config) { cfg.GracefulTimeout = 20 * time.Millisecond })
	if err := r.worker.StartConnector(testContext(t), "c", map[string]string{"connector.class": "test.Scripted"}, state.TargetStarted); err != nil {
		t.Fatal(err)
	}
	r.worker.StopConnectors(testContext(t), "c")
	if connectors, _ := r.worker.Running(); len(connectors) != 0 {
		t.Errorf("still running: %v", connectors)
	}
}

func TestTopicsAreCreatedByGroup(t *testing.T) {
	s := &listSource{topic: "small.orders", values: []string{"a"}}
	r := sourceRig(t, s, func(_ *rig, c *Config) { c.TopicCreation = true })
	if err := r.cluster.Fake.CreateTopic("exists", 3, nil); err != nil {
		t.Fatal(err)
	}
	config := sourceConfig("topic.creation.default.replication.factor", "1", "topic.creation.default.partitions", "5",
		"topic.creation.groups", "small", "topic.creation.small.include", "small\\..*,other", "topic.creation.small.exclude", ".*\\.big",
		"topic.creation.small.partitions", "2", "topic.creation.small.cleanup.policy", "compact")
	partitions := func(topic string) int {
		info := r.cluster.Fake.TopicInfo(topic)
		if info == nil {
			return 0
		}
		return len(r.cluster.Fake.PartitionInfos(topic))
	}
	next := int64(0)
	for _, want := range []struct {
		topic      string
		partitions int
	}{{"small.orders", 2}, {"small.big", 5}, {"large", 5}, {"exists", 3}, {"other", 2}} {
		s.topic, s.values = want.topic, append(s.values[:next:next], "v")
		id := r.start("list", config)
		r.awaitOffset("list", next)
		r.stop(id)
		next++
		if got := partitions(want.topic); got != want.partitions {
			t.Errorf("topic %s has %d partitions, want %d", want.topic, got, want.partitions)
		}
	}
}

// A topic that may not be created is waited for, as in Java, and created once it may be.
func TestTopicsAreCreatedWhenTheyMay(t *testing.T) {
	s := &listSource{topic: "late", values: []string{"a"}}
	r := sourceRig(t, s, func(_ *rig, c *Config) { c.TopicCreation = true })
	r.cluster.Fake.ControlKey(int16(kmsg.Metadata), func(rq kmsg.Request) (kmsg.Response, error, bool) {
		r.cluster.Fake.KeepControl()
		rq.(*kmsg.MetadataRequest).AllowAutoTopicCreation = false // as with auto.create.topics.enable=false
		return nil, nil, false
	})
	refused := r.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	id := r.start("list", sourceConfig("topic.creation.default.replication.factor", "1", "topic.creation.default.partitions", "5"))
	if err := refused.Wait(testContext(t), 2); err != nil {
		t.Fatal(err)
	}
	refused.Remove()
	r.awaitOffset("list", 0)
	r.stop(id)
	if n := len(r.cluster.Fake.PartitionInfos("late")); n != 5 {
		t.Errorf("%d partitions", n)
	}
}

func TestSinkOffsetsThroughTheWorker(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	ctx := testContext(t)
	r.write("in", "a", "b", "c")
	config := sinkConfig()
	id := r.start("list", config)
	s.await(t, "a b c")
	if _, err := r.worker.AlterOffsets(ctx, "list", config, []connect.PartitionOffset{sinkAt(1)}, false); err == nil || !strings.Contains(err.Error(), "tasks haven't stopped completely yet") {
		t.Errorf("offsets of a running sink: %v", err)
	}
	r.stop(id)
	show := func() string {
		t.Helper()
		offsets, err := r.worker.Offsets(ctx, "list", config)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(offsets)
	}
	if got, want := show(), "[{map[kafka_partition:0 kafka_topic:in] map[kafka_offset:3]}]"; got != want {
		t.Errorf("offsets %s, want %s", got, want)
	}
	if _, err := r.worker.AlterOffsets(ctx, "list", config, []connect.PartitionOffset{sinkAt(1)}, false); err != nil {
		t.Fatal(err)
	}
	if got, want := show(), "[{map[kafka_partition:0 kafka_topic:in] map[kafka_offset:1]}]"; got != want {
		t.Errorf("offsets %s, want %s", got, want)
	}
	r.stop(r.start("list", config))
	if _, err := r.worker.AlterOffsets(ctx, "list", config, nil, true); err != nil {
		t.Fatal(err)
	}
	if got := show(); got != "[]" {
		t.Errorf("offsets after a reset: %s", got)
	}
}

func sinkAt(n int64) connect.PartitionOffset {
	return connect.PartitionOffset{Partition: map[string]any{"kafka_topic": "in", "kafka_partition": int64(0)}, Offset: map[string]any{"kafka_offset": n}}
}

func TestParseSinkOffsets(t *testing.T) {
	at := func(topic, partition any, offset any) connect.PartitionOffset {
		o := connect.PartitionOffset{Partition: map[string]any{"kafka_topic": topic, "kafka_partition": partition}}
		if offset != nil {
			o.Offset = map[string]any{"kafka_offset": offset}
		}
		return o
	}
	for _, c := range []struct {
		o    connect.PartitionOffset
		want string // part of the error, "" for none
	}{
		{at("t", int64(1), int64(5)), ""},
		{at("t", "1", "5"), ""},
		{at("t", 1.0, nil), ""},
		{connect.PartitionOffset{}, "cannot be null or missing"},
		{connect.PartitionOffset{Partition: map[string]any{"kafka_topic": "t"}}, "must contain the keys 'kafka_topic' and 'kafka_partition'"},
		{at(nil, int64(1), nil), "Kafka topic names must be valid strings"},
		{at("t", "a", nil), "Failed to parse the following Kafka partition value in the provided offsets: 'a'. Partition values for sink connectors need to be integers."},
		{at("t", int64(1), "x"), "Failed to parse the following Kafka offset value in the provided offsets: 'x'. Offset values for sink connectors need to be integers."},
		{at("t", int64(1), int64(-1)), "'-1'"},
		{connect.PartitionOffset{Partition: map[string]any{"kafka_topic": "t", "kafka_partition": 1}, Offset: map[string]any{"n": 1}}, "contain the key 'kafka_offset'"},
	} {
		_, err := parseSinkOffsets([]connect.PartitionOffset{c.o})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.o, err, c.want)
		}
	}
}
