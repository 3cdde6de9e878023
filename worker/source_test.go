package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/state"
)

// listSource gives out values, with their number as offset, and goes on after the
// offset that it finds.
type listSource struct {
	topic  string
	values []string
	size   int // records in a batch
	after  error
	onPoll func(s *listSource, b *connect.Batch)

	tc        connect.SourceTaskContext
	partition *connect.SourcePartition
	next      int64

	mu        sync.Mutex
	calls     []string
	committed []int64
}

func (s *listSource) call(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, what)
}

func (s *listSource) Start(ctx context.Context, tc connect.SourceTaskContext, _ map[string]string) error {
	s.call("start")
	s.tc, s.partition = tc, &connect.SourcePartition{Key: map[string]any{"list": "one"}}
	o, err := tc.Offset(ctx, s.partition.Key)
	if err != nil {
		return err
	}
	s.next = 0
	if o != nil {
		s.next = o["n"].(int64) + 1
	}
	return nil
}

func (s *listSource) Poll(ctx context.Context, b *connect.Batch) error {
	for !b.Full() && s.next < int64(len(s.values)) && (s.size == 0 || len(b.Records) < s.size) {
		r := b.Add()
		v := s.values[s.next]
		r.Topic, r.Key, r.Value = s.topic, b.Arena.CopyString("k"), b.Arena.CopyString(v)
		r.Source, r.Offset = s.partition, connect.Offset{Base: numbered{}, N: s.next}
		s.next++
	}
	if s.onPoll != nil {
		s.onPoll(s, b)
	}
	if len(b.Records) > 0 {
		return nil
	}
	if s.after != nil {
		return s.after
	}
	<-ctx.Done()
	return nil
}

func (s *listSource) Stop(context.Context) error {
	s.call("stop")
	return nil
}

func (s *listSource) Committed(_ context.Context, offsets []connect.CommittedOffset) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range offsets {
		s.committed = append(s.committed, o.Offset.N)
	}
	return nil
}

func sourceRig(t *testing.T, s connect.SourceTask, options ...rigOption) *rig {
	t.Parallel()
	return newRig(t, append(options, listSources(s))...)
}

func listSources(s connect.SourceTask) rigOption {
	return source("test.ListSource", func() connect.SourceTask { return s })
}

func sourceConfig(more ...string) map[string]string {
	config := map[string]string{"connector.class": "test.ListSource"}
	for i := 0; i < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	return config
}

// awaitOffset waits until the offset of the list is n.
func (r *rig) awaitOffset(name string, n int64) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("offset %d of %s", n, name), func() bool {
		o, err := r.worker.cfg.Offsets.Get(testContext(r.t), name, map[string]any{"list": "one"})
		if err != nil {
			r.t.Fatal(err)
		}
		return o[0] != nil && o[0]["n"] == n
	})
}

// eventually waits for a state of the outside world that sends no signal.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := testContext(r.t); !holds(); {
		if deadline.Err() != nil {
			r.t.Fatalf("waiting for %s: in vain\n%s", what, r.seen.transcript())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func words(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("w%d", i)
	}
	return out
}

func TestSourceWritesRecordsAndOffsets(t *testing.T) {
	s := &listSource{topic: "out", values: words(5000)}
	r := sourceRig(t, s)
	id := r.start("list", sourceConfig())
	r.awaitOffset("list", 4999)
	r.stop(id)
	if got, want := values(r.read("out")), strings.Join(words(5000), " "); got != want {
		t.Errorf("topic holds %.300s", got)
	}
	if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 UNASSIGNED"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
	if got := strings.Join(s.calls, ", "); got != "start, stop" {
		t.Errorf("calls were %s", got)
	}
	if n := len(s.committed); n == 0 || s.committed[n-1] != 4999 {
		t.Errorf("the task heard of offsets %v", s.committed)
	}
	if got := strings.Join(r.seen.topics, ", "); got != "list-0 out" {
		t.Errorf("topics used: %s", got)
	}
	// The next start goes on where this one ended.
	s.values = append(s.values, "more")
	r.start("list", sourceConfig())
	r.awaitOffset("list", 5000)
	if got := values(r.read("out")[5000:]); got != "more" {
		t.Errorf("after the restart: %s", got)
	}
}

// TestSourceCommitsOnStop has an interval that does not come.
func TestSourceCommitsOnStop(t *testing.T) {
	s := &listSource{topic: "out", values: words(100)}
	r := sourceRig(t, s, func(_ *rig, c *Config) { c.FlushInterval = time.Hour })
	id := r.start("list", sourceConfig())
	r.eventually("records", func() bool { return len(r.written("out")) == 100 })
	r.stop(id)
	r.awaitOffset("list", 99)
}

// written is what a topic holds, nothing when it does not exist.
func (r *rig) written(topic string) []*sarama.ConsumerMessage {
	if r.cluster.Fake.TopicInfo(topic) == nil {
		return nil
	}
	return r.read(topic)
}

func TestOffsetsDoNotPassUnwrittenRecords(t *testing.T) {
	s := &listSource{topic: "out", values: words(200), size: 1}
	r := sourceRig(t, s)
	if err := r.cluster.Fake.CreateTopic("out", 1, nil); err != nil {
		t.Fatal(err)
	}
	h := r.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
	id := r.start("list", sourceConfig())
	if err := h.Wait(testContext(t), 3); err != nil {
		t.Fatal(err)
	}
	if o, err := r.offsets.Get(testContext(t), "list", map[string]any{"list": "one"}); err != nil || o[0] != nil {
		t.Fatalf("offset %v, %v although nothing is written", o, err)
	}
	h.Remove()
	r.awaitOffset("list", 199)
	r.stop(id)
	if got := len(r.read("out")); got != 200 {
		t.Errorf("%d records", got)
	}
}

func TestSourceFailures(t *testing.T) {
	for name, c := range map[string]struct {
		source *listSource
		config []string
		fault  *kerr.Error
		parts  []string // of the trace
	}{
		"poll": {source: &listSource{after: errors.New("the server went away")},
			parts: []string{"org.apache.kafka.connect.errors.ConnectException: the server went away"}},
		"value": {source: &listSource{values: []string{"a", "bad"}},
			parts: []string{"Tolerance exceeded in error handler", "connector list", "task 0", "VALUE_CONVERTER", "test.Text", "topic out", "this text is bad", "DataException"}},
		"transform": {source: &listSource{values: []string{"wrong"}}, config: []string{"transforms", "e", "transforms.e.type", "test.Edit"},
			parts: []string{"TRANSFORMATION", "test.Edit", "this record is wrong"}},
		"broker": {source: &listSource{values: []string{"a"}}, fault: kerr.TopicAuthorizationFailed,
			parts: []string{"out-0", "WRITE", "TOPIC_AUTHORIZATION_FAILED"}},
		"too large": {source: &listSource{values: []string{strings.Repeat("x", 3<<20)}},
			parts: []string{"RecordTooLargeException", "max.request.size", "topic out"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.source.topic = "out"
			r := sourceRig(t, c.source)
			if c.fault != nil {
				r.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Topic: "out", Err: c.fault, Count: -1})
			}
			id := r.start("list", sourceConfig(c.config...))
			st := r.seen.await(t, "list-0", state.Failed)
			for _, part := range c.parts {
				if !strings.Contains(st.Trace, part) {
					t.Errorf("the trace does not name %q:\n%s", part, st.Trace)
				}
			}
			r.stop(id)
			if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 FAILED"; got != want {
				t.Errorf("statuses were %s, want %s", got, want)
			}
			if got := strings.Join(c.source.calls, ", "); got != "start, stop" {
				t.Errorf("calls were %s", got)
			}
		})
	}
}

func TestStartFailureIsReported(t *testing.T) {
	r := sourceRig(t, &listSource{})
	config := sourceConfig("value.converter", "no.such.Converter")
	err := r.worker.StartTask(testContext(t), TaskStart{ID: state.TaskID{Connector: "list"}, ConnectorConfig: config, Target: state.TargetStarted})
	st := r.seen.await(t, "list-0", state.Failed)
	if err == nil || !strings.Contains(st.Trace, "no.such.Converter") || !strings.Contains(st.Trace, "value.converter") {
		t.Errorf("error %v, trace\n%s", err, st.Trace)
	}
}

func TestTransformsAndTolerance(t *testing.T) {
	s := &listSource{topic: "out", values: []string{"a", "drop", "bad", "wrong", "twice", "b"}}
	r := sourceRig(t, s)
	r.start("list", sourceConfig("transforms", "e", "transforms.e.type", "test.Edit", "transforms.e.mark", "!",
		"errors.tolerance", "all", "errors.retry.timeout", "10000", "errors.log.enable", "true"))
	r.awaitOffset("list", 5)
	if got := values(r.read("out")); got != "a! bad! twice! b!" {
		t.Errorf("topic holds %s", got)
	}
}

func TestRefusedRecordsArePassedOver(t *testing.T) {
	s := &listSource{topic: "out", values: []string{"a", strings.Repeat("x", 2<<20), "b", strings.Repeat("y", 200<<10), "c"}, size: 1}
	r := sourceRig(t, s)
	limit := "100000"
	if err := r.cluster.Fake.CreateTopic("out", 1, map[string]string{"max.message.bytes": limit}); err != nil {
		t.Fatal(err)
	}
	r.start("list", sourceConfig("errors.tolerance", "all", "errors.log.enable", "true"))
	r.awaitOffset("list", 4)
	if got := values(r.read("out")); got != "a b c" {
		t.Errorf("topic holds %.100s", got)
	}
}

// TestConvertersAreRetried has a converter that needs a second attempt for each
// part of a record.
func TestConvertersAreRetried(t *testing.T) {
	s := &listSource{topic: "out", values: words(3)}
	s.onPoll = func(_ *listSource, b *connect.Batch) {
		for i := range b.Records {
			b.Records[i].Headers = []connect.Header{{Key: "h", Value: data.String("x")}, {Key: "i", Value: data.String("y")}}
		}
	}
	r := sourceRig(t, s, func(r *rig, c *Config) {
		c.KeyConverter, c.ValueConverter, c.HeaderConverter = "test.Moody", "test.Moody", "test.Moody"
		r.plugins = append(r.plugins,
			connect.Plugin{Class: "test.Moody", Kind: connect.KindConverter, Def: configdef.New(),
				NewConverter: func(_ map[string]string, isKey bool) (connect.Converter, error) { return &moody{adds: !isKey}, nil }},
			connect.Plugin{Class: "test.Moody", Kind: connect.KindHeaderConverter, Def: configdef.New(),
				NewHeaderConverter: func(map[string]string) (connect.HeaderConverter, error) { return &moody{}, nil }})
	})
	r.start("list", sourceConfig("errors.retry.timeout", "-1", "errors.retry.delay.max.ms", "1"))
	r.awaitOffset("list", 2)
	got := r.read("out")
	if values(got) != "w0 w1 w2" {
		t.Errorf("topic holds %s", values(got))
	}
	for _, m := range got {
		if h := m.Headers; len(h) != 3 || string(h[0].Value) != "x" || string(h[1].Value) != "y" || string(h[2].Key) != "added" || string(h[2].Value) != "\x01" || string(m.Key) != "k" {
			t.Errorf("record %s has key %s and headers %v", m.Value, m.Key, h)
		}
	}
}

// moody fails every other time. As a value converter it adds a header.
type moody struct {
	textConverter
	calls int
	adds  bool
}

var errMood = connect.Retriable(errors.New("not now"))

func (m *moody) Append(dst []byte, topic string, h *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	if m.calls++; m.calls%2 == 1 {
		return append(dst, "garbage"...), false, errMood
	}
	if m.adds {
		*h = append(*h, connect.Header{Key: "added", Value: data.Bytes([]byte{1})})
	}
	return m.textConverter.Append(dst, topic, h, s, v)
}

func (m *moody) AppendHeader(dst []byte, topic, key string, s *data.Schema, v data.Value) ([]byte, bool, error) {
	if m.calls++; m.calls%2 == 1 {
		return append(dst, "garbage"...), false, errMood
	}
	return m.textConverter.AppendHeader(dst, topic, key, s, v)
}

func TestPauseAndResume(t *testing.T) {
	s := &listSource{topic: "out", values: words(10), size: 1}
	polled := make(chan struct{})
	s.onPoll = func(*listSource, *connect.Batch) { polled <- struct{}{} }
	r := sourceRig(t, s)
	r.start("list", sourceConfig())
	<-polled
	if err := r.worker.SetTarget(testContext(t), "list", state.TargetPaused); err != nil {
		t.Fatal(err)
	}
	<-polled // the poll that was under way
	select {
	case <-polled:
		t.Fatal("a paused task was polled")
	case <-time.After(50 * time.Millisecond):
	}
	if err := r.worker.SetTarget(testContext(t), "list", state.TargetStarted); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		<-polled
	}
	go func() {
		for range polled {
			continue
		}
	}()
	r.awaitOffset("list", 9)
	if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 PAUSED, list-0 RUNNING"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
}

// TestAbandonedTaskStaysSilent has a task that does not end.
func TestAbandonedTaskStaysSilent(t *testing.T) {
	s := &listSource{topic: "out", values: words(1)}
	release := make(chan struct{})
	defer close(release)
	s.onPoll = func(s *listSource, b *connect.Batch) {
		if len(b.Records) == 0 {
			<-release
		}
	}
	r := sourceRig(t, s, func(_ *rig, c *Config) { c.GracefulTimeout = 50 * time.Millisecond; c.FlushInterval = time.Hour })
	id := r.start("list", sourceConfig())
	r.eventually("a record", func() bool { return len(r.written("out")) == 1 })
	r.stop(id)
	if got, want := r.seen.transcript(), "list-0 RUNNING"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
	if o, _ := r.offsets.Get(testContext(t), "list", map[string]any{"list": "one"}); o[0] != nil {
		t.Errorf("an abandoned task committed %v", o[0])
	}
}

// inKafka keeps the rig's offsets in a topic, as exactly-once tasks need.
func inKafka(r *rig, c *Config) {
	c.OffsetTopic = kafka.Topic{Name: "offsets", Partitions: 3, Replication: 1}
	store, err := offset.OpenKafka(testContext(r.t), offset.WorkerConfig(c.OffsetTopic, c.Properties, "test-", true, nil))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(store.Close)
	c.Offsets = store
}

// startExactlyOnce starts task 0 of a connector with transactions.
func (r *rig) startExactlyOnce(name string, config map[string]string) state.TaskID {
	r.t.Helper()
	id := state.TaskID{Connector: name}
	start := TaskStart{ID: id, ConnectorConfig: config, TaskConfig: config, Target: state.TargetStarted, ExactlyOnce: true}
	if err := r.worker.StartTask(testContext(r.t), start); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func TestExactlyOnce(t *testing.T) {
	for _, boundary := range []string{"poll", "interval"} {
		t.Run(boundary, func(t *testing.T) {
			s := &listSource{topic: "out", values: words(3000), size: 100}
			playExactlyOnce(t, s, sourceRig(t, s, inKafka), boundary)
		})
	}
}

func playExactlyOnce(t *testing.T, s *listSource, r *rig, boundary string) {
	id := r.startExactlyOnce("list", sourceConfig("transaction.boundary", boundary, "transaction.boundary.interval.ms", "20"))
	r.awaitOffset("list", int64(len(s.values)-1))
	r.stop(id)
	if got, want := values(r.readCommitted(s.topic)), strings.Join(s.values, " "); got != want {
		t.Errorf("topic holds %.300s", got)
	}
	if n := len(s.committed); n == 0 || s.committed[n-1] != int64(len(s.values)-1) {
		t.Errorf("the task heard of offsets %v", s.committed)
	}
	if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 UNASSIGNED"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
}

// TestFailedCommit shows that a task whose commit fails, while the next transaction
// takes records, fails too, and that it goes on where the last commit has left it.
func TestFailedCommit(t *testing.T) {
	for _, failing := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(failing), func(t *testing.T) {
			s := &listSource{topic: "out", values: words(3000), size: 10, onPoll: func(*listSource, *connect.Batch) { time.Sleep(time.Millisecond) }}
			r := sourceRig(t, s, inKafka)
			ends := 0
			r.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidTxnState, TopLevel: true,
				When: func(kmsg.Request) bool { ends++; return ends == failing }})
			config := sourceConfig("transaction.boundary", "interval", "transaction.boundary.interval.ms", "0")
			r.startExactlyOnce("list", config)
			st := r.seen.await(t, "list-0", state.Failed)
			if !strings.Contains(st.Trace, "invalid transaction state") && !strings.Contains(st.Trace, "attempted a transactional operation in an invalid state") {
				t.Errorf("trace\n%s", st.Trace)
			}
			if heard := len(s.committed); heard != failing-1 {
				t.Errorf("the task heard of %d commits: %v", heard, s.committed)
			}
			id := r.restartExactlyOnce("list", config)
			r.awaitOffset("list", int64(len(s.values)-1))
			r.stop(id)
			if got, want := values(r.readCommitted("out")), strings.Join(s.values, " "); got != want {
				t.Errorf("topic holds %.300s", got)
			}
		})
	}
}

// restartExactlyOnce starts task 0 of a connector anew after it has failed.
func (r *rig) restartExactlyOnce(name string, config map[string]string) state.TaskID {
	r.t.Helper()
	r.stop(state.TaskID{Connector: name})
	return r.startExactlyOnce(name, config)
}

// readCommitted reads the records of committed transactions.
func (r *rig) readCommitted(topic string) []*sarama.ConsumerMessage {
	r.t.Helper()
	client, err := kafka.Open(testContext(r.t), kafka.Config{Role: kafka.RoleConsumer, Properties: kafka.Properties{
		"bootstrap.servers": r.bootstrap, "isolation.level": "read_committed"}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	reader, err := kafka.NewReader(testContext(r.t), kafka.ReaderConfig{Client: client, Topic: topic})
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	var out []*sarama.ConsumerMessage
	err = reader.ReadAll(testContext(r.t), func(rec kafka.Record) error {
		m := &sarama.ConsumerMessage{Topic: topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value}
		for _, h := range rec.Headers {
			m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		out = append(out, m)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestConnectorDefinesTransactions(t *testing.T) {
	s := definingSource()
	playDefined(t, sourceRig(t, s, inKafka))
}

func definingSource() *listSource {
	s := &listSource{topic: "out", values: words(12), size: 4}
	s.onPoll = func(s *listSource, b *connect.Batch) {
		switch s.next {
		case 4: // w0 w1 | w2 w3...
			s.tc.Transaction().CommitAfter(b, 1)
		case 8: // ... w4 aborted | w5 w6 w7...
			s.tc.Transaction().AbortAfter(b, 0)
		case 12: // ... w8 committed | the rest stays open
			s.tc.Transaction().CommitAfter(b, 0)
		}
	}
	return s
}

func playDefined(t *testing.T, r *rig) {
	id := r.startExactlyOnce("list", sourceConfig("transaction.boundary", "connector"))
	r.awaitOffset("list", 8)
	r.stop(id)
	if got, want := values(r.readCommitted("out")), "w0 w1 w5 w6 w7 w8"; got != want {
		t.Errorf("topic holds %s, want %s", got, want)
	}
	r.awaitOffset("list", 8)
}

func TestFencedTaskFails(t *testing.T) {
	s, gate := gatedSource()
	playFenced(t, sourceRig(t, s, inKafka), gate)
}

// gatedSource gives out a second record when gate is closed.
func gatedSource() (_ *listSource, gate chan struct{}) {
	s := &listSource{topic: "out", values: words(2), size: 1}
	gate = make(chan struct{})
	s.onPoll = func(s *listSource, b *connect.Batch) {
		if s.next == 2 && len(b.Records) > 0 {
			<-gate
		}
	}
	return s, gate
}

func playFenced(t *testing.T, r *rig, gate chan struct{}) {
	r.startExactlyOnce("list", sourceConfig())
	r.awaitOffset("list", 0)
	if err := r.worker.FenceZombies(testContext(t), "list", sourceConfig(), 1); err != nil {
		t.Fatal(err)
	}
	close(gate)
	st := r.seen.await(t, "list-0", state.Failed)
	if !strings.Contains(st.Trace, "fences the current one") {
		t.Errorf("trace\n%s", st.Trace)
	}
	if got, want := values(r.readCommitted("out")), "w0"; got != want {
		t.Errorf("topic holds %s, want %s", got, want)
	}
}

func TestVerifyIsAskedBeforeOffsetsAreRead(t *testing.T) {
	r := sourceRig(t, &listSource{topic: "out"}, inKafka)
	err := r.worker.StartTask(testContext(t), TaskStart{ID: state.TaskID{Connector: "list"}, ConnectorConfig: sourceConfig(), ExactlyOnce: true,
		Target: state.TargetStarted, Verify: func(context.Context) error { return errors.New("the task belongs to another worker") }})
	if err == nil || !strings.Contains(r.seen.await(t, "list-0", state.Failed).Trace, "belongs to another worker") {
		t.Errorf("got %v", err)
	}
}

func TestConnectorWithItsOwnOffsetTopic(t *testing.T) {
	for _, exactlyOnce := range []bool{false, true} {
		t.Run(fmt.Sprint(exactlyOnce), func(t *testing.T) {
			s := &listSource{topic: "out", values: words(10)}
			r := sourceRig(t, s, inKafka)
			config := sourceConfig("offsets.storage.topic", "own-offsets")
			start := r.start
			if exactlyOnce {
				start = r.startExactlyOnce
			}
			id := start("list", config)
			r.awaitOffset("list", 9) // which reads the worker's topic
			r.stop(id)
			if got := r.readCommitted("own-offsets"); len(got) == 0 || string(got[len(got)-1].Value) != `{"n":9}` {
				t.Errorf("the connector's own topic holds %s", values(got))
			}
			offsets, err := r.worker.Offsets(testContext(t), "list", config)
			if err != nil || len(offsets) != 1 || offsets[0].Offset["n"] != int64(9) {
				t.Errorf("offsets %v, %v", offsets, err)
			}
			if _, err := r.worker.AlterOffsets(testContext(t), "list", config, nil, true); err != nil {
				t.Fatal(err)
			}
			if offsets, err = r.worker.Offsets(testContext(t), "list", config); err != nil || len(offsets) != 0 {
				t.Errorf("after a reset: %v, %v", offsets, err)
			}
		})
	}
}

// countSource gives out records without end and without allocations.
type countSource struct {
	listSource
	total int64
	value []byte
	heard int // calls of Committed
	done  chan struct{}
}

func (s *countSource) Poll(ctx context.Context, b *connect.Batch) error {
	for !b.Full() && s.next < s.total {
		r := b.Add()
		r.Topic, r.Key, r.Value = "count", data.StringBytes(s.value[:16]), data.StringBytes(s.value)
		r.Source, r.Offset = s.partition, connect.Offset{Base: numbered{}, N: s.next}
		s.next++
	}
	if len(b.Records) > 0 {
		return nil
	}
	<-ctx.Done()
	return nil
}

func (s *countSource) Committed(_ context.Context, offsets []connect.CommittedOffset) error {
	s.heard++
	if offsets[0].Offset.N == s.total-1 {
		close(s.done)
	}
	return nil
}

// BenchmarkSourceTask measures the way of a record through a worker, without
// reading a source: b.N records of 700 bytes, into a broker in the same process.
func BenchmarkSourceTask(b *testing.B) {
	benchmarkSource(b, false, func(options ...rigOption) *rig { return newRig(b, options...) })
}

func BenchmarkExactlyOnceSourceTask(b *testing.B) {
	benchmarkSource(b, true, func(options ...rigOption) *rig { return newRig(b, append(options, inKafka)...) })
}

func benchmarkSource(b *testing.B, exactlyOnce bool, newRig func(options ...rigOption) *rig) {
	s := &countSource{total: int64(b.N), value: []byte(strings.Repeat("0123456789", 70)), done: make(chan struct{})}
	r := newRig(source("test.CountSource", func() connect.SourceTask { return s }))
	b.SetBytes(int64(len(s.value)))
	b.ReportAllocs()
	before := cpuSeconds(b)
	b.ResetTimer()
	start := r.start
	if exactlyOnce {
		start = r.startExactlyOnce
	}
	id := start("count", map[string]string{"connector.class": "test.CountSource"})
	<-s.done
	b.StopTimer()
	b.ReportMetric(float64(s.heard), "commits")
	b.ReportMetric((cpuSeconds(b)-before)/float64(b.N)*1e6, "cpu-s/M")
	r.stop(id)
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
