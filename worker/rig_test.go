package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/state"
)

// rig is a worker on an embedded cluster with plugins that tests control.
type rig struct {
	t         testing.TB
	cluster   *embedded.Cluster // nil on another broker
	bootstrap string
	worker    *Worker
	offsets   *offset.Memory
	seen      *statuses
	plugins   []connect.Plugin
}

// rigOption changes what a rig is made of.
type rigOption func(*rig, *Config)

func newRig(t testing.TB, options ...rigOption) *rig {
	t.Helper()
	c, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newRigOn(t, c.Bootstrap(), append([]rigOption{func(r *rig, _ *Config) { r.cluster = c }}, options...)...)
}

// newRigOn makes a rig on a broker.
func newRigOn(t testing.TB, bootstrap string, options ...rigOption) *rig {
	t.Helper()
	r := &rig{t: t, bootstrap: bootstrap, offsets: offset.NewMemory(), seen: newStatuses()}
	cfg := Config{
		Properties: kafka.Properties{"bootstrap.servers": bootstrap, "group.id": "test-cluster"},
		Offsets:    r.offsets, Listener: r.seen, Topics: r.seen,
		KeyConverter: "test.Text", ValueConverter: "test.Text", HeaderConverter: "test.Text",
		GracefulTimeout: 10 * time.Second, FlushInterval: 50 * time.Millisecond, FlushTimeout: 5 * time.Second,
		Loggers: func(string) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) },
	}
	r.plugins = []connect.Plugin{
		{Class: "test.Text", Version: "1", Kind: connect.KindConverter, Def: configdef.New(),
			NewConverter: func(map[string]string, bool) (connect.Converter, error) { return textConverter{}, nil }},
		{Class: "test.Text", Version: "1", Kind: connect.KindHeaderConverter, Def: configdef.New(),
			NewHeaderConverter: func(map[string]string) (connect.HeaderConverter, error) { return textConverter{}, nil }},
		{Class: "test.Edit", Version: "1", Kind: connect.KindTransformation, Def: configdef.New(), NewTransform: newEdit},
	}
	for _, o := range options {
		o(r, &cfg)
	}
	var err error
	if cfg.Registry, err = registry.New(r.plugins...); err != nil {
		t.Fatal(err)
	}
	r.worker = New(cfg)
	t.Cleanup(func() { r.worker.Stop(context.Background()) })
	return r
}

// source adds a source connector whose tasks are what make returns.
func source(class string, make func() connect.SourceTask) rigOption {
	return func(r *rig, _ *Config) {
		r.plugins = append(r.plugins, connect.Plugin{Class: class, Version: "7", Kind: connect.KindSource, Def: configdef.New(),
			NewConnector: func() connect.Connector { return &plainConnector{} }, NewSourceTask: make})
	}
}

// sink adds a sink connector.
func sink(class string, make func() connect.SinkTask) rigOption {
	return func(r *rig, _ *Config) {
		r.plugins = append(r.plugins, connect.Plugin{Class: class, Version: "7", Kind: connect.KindSink, Def: configdef.New(),
			NewConnector: func() connect.Connector { return &plainConnector{} }, NewSinkTask: make})
	}
}

// start starts task 0 of a connector.
func (r *rig) start(name string, config map[string]string) state.TaskID {
	r.t.Helper()
	id := state.TaskID{Connector: name}
	if err := r.worker.StartTask(testContext(r.t), TaskStart{ID: id, ConnectorConfig: config, TaskConfig: config, Target: state.TargetStarted}); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rig) stop(id state.TaskID) { r.worker.StopTasks(testContext(r.t), id) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// client is a sarama client of the test's own.
func (r *rig) client() sarama.Client {
	r.t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	conf.Producer.Return.Successes = true
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	c, err := sarama.NewClient([]string{r.bootstrap}, conf)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// write writes values to partition 0 of a topic.
func (r *rig) write(topic string, values ...string) {
	r.t.Helper()
	p, err := sarama.NewSyncProducerFromClient(r.client())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range values {
		m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("key-" + v), Value: sarama.StringEncoder(v),
			Headers: []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("head-" + v)}}}
		if _, _, err := p.SendMessage(m); err != nil {
			r.t.Fatal(err)
		}
	}
}

// read reads what partition 0 of a topic holds.
func (r *rig) read(topic string) []*sarama.ConsumerMessage {
	r.t.Helper()
	c := r.client()
	end, err := c.GetOffset(topic, 0, sarama.OffsetNewest)
	if err != nil {
		r.t.Fatal(err)
	}
	consumer, err := sarama.NewConsumerFromClient(c)
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		r.t.Fatal(err)
	}
	defer p.Close()
	var out []*sarama.ConsumerMessage
	for int64(len(out)) < end {
		select {
		case m := <-p.Messages():
			out = append(out, m)
			if m.Offset == end-1 {
				return out
			}
		case <-testContext(r.t).Done():
			r.t.Fatalf("read %d of %d records of topic %s", len(out), end, topic)
		}
	}
	return out
}

// values are the values of messages.
func values(messages []*sarama.ConsumerMessage) string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Value))
	}
	return strings.Join(out, " ")
}

// statuses notes what a worker reports.
type statuses struct {
	mu     sync.Mutex
	log    []string
	topics []string
	last   map[string]state.Status
	change chan struct{}
}

func newStatuses() *statuses {
	return &statuses{last: map[string]state.Status{}, change: make(chan struct{}, 1)}
}

func (s *statuses) ConnectorStatus(name string, st state.Status) { s.note(name, st) }

func (s *statuses) TaskStatus(id state.TaskID, st state.Status) { s.note(id.String(), st) }

func (s *statuses) note(who string, st state.Status) {
	s.mu.Lock()
	s.log = append(s.log, who+" "+string(st.State))
	s.last[who] = st
	s.mu.Unlock()
	select {
	case s.change <- struct{}{}:
	default:
	}
}

func (s *statuses) TopicUsed(id state.TaskID, topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics = append(s.topics, id.String()+" "+topic)
}

// transcript is all that was reported, in order.
func (s *statuses) transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, ", ")
}

// await waits until who has a state and returns its status.
func (s *statuses) await(t testing.TB, who string, want state.State) state.Status {
	t.Helper()
	deadline := testContext(t)
	for {
		s.mu.Lock()
		st := s.last[who]
		s.mu.Unlock()
		if st.State == want {
			return st
		}
		select {
		case <-s.change:
		case <-deadline.Done():
			t.Fatalf("%s is %s, want %s: %s\n%s", who, st.State, want, s.transcript(), st.Trace)
		}
	}
}

// plainConnector has tasks.max tasks with its own configuration.
type plainConnector struct{ config map[string]string }

func (c *plainConnector) Start(_ context.Context, _ connect.ConnectorContext, config map[string]string) error {
	c.config = config
	return nil
}

func (c *plainConnector) TaskConfigs(_ context.Context, n int) ([]map[string]string, error) {
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = map[string]string{"task": fmt.Sprint(i)}
	}
	return out, nil
}

func (c *plainConnector) Stop(context.Context) error { return nil }

// textConverter keeps text as it is; the text "bad" cannot be converted, and it panics over "awful".
type textConverter struct{}

var errBad = &connect.DataError{Err: errors.New("this text is bad")}

func (textConverter) Append(dst []byte, _ string, _ *[]connect.Header, _ *data.Schema, v data.Value) ([]byte, bool, error) {
	switch v.Str() {
	case "bad":
		return dst, false, errBad
	case "awful":
		panic("the converter has a bug")
	}
	return append(dst, v.Raw()...), v.IsNull(), nil
}

func (textConverter) Parse(_ *data.Arena, _ string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	switch {
	case b == nil:
		return nil, data.Null(), nil
	case string(b) == "bad":
		return nil, data.Null(), errBad
	case string(b) == "awful":
		panic("the converter has a bug")
	}
	return nil, data.StringBytes(b), nil
}

func (textConverter) AppendHeader(dst []byte, _, _ string, _ *data.Schema, v data.Value) ([]byte, bool, error) {
	return append(dst, v.Raw()...), v.IsNull(), nil
}

func (textConverter) ParseHeader(_ *data.Arena, _, _ string, b []byte) (*data.Schema, data.Value, error) {
	return nil, data.StringBytes(b), nil
}

// edit drops records whose value is "drop", fails on "wrong", panics on "panic", fails twice on
// "twice" and then lets it pass, and appends a mark to all others.
type edit struct {
	mark  string
	tries int
}

func newEdit(config map[string]string, _ connect.PluginContext) (connect.Transform, error) {
	return &edit{mark: config["mark"]}, nil
}

func (e *edit) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	switch r.Value.Str() {
	case "drop":
		return false, nil
	case "panic":
		panic("the transform has a bug")
	case "wrong":
		return false, errors.New("this record is wrong")
	case "twice":
		if e.tries++; e.tries <= 2 {
			return false, connect.Retriable(errors.New("not yet"))
		}
	}
	r.Value = data.String(r.Value.Str() + e.mark)
	return true, nil
}

func (e *edit) Close() error { return nil }
