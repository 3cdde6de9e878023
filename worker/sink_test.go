package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// listSink notes what it is given. onPut, when set, decides what Put returns.
type listSink struct {
	mu     sync.Mutex
	calls  []string // Start, Open, Close, Stop
	values []string
	got    chan struct{} // one slot
	tc     connect.SinkTaskContext
	onPut  func(s *listSink, records []connect.SinkRecord) error
}

func newListSink() *listSink { return &listSink{got: make(chan struct{}, 1)} }

func (s *listSink) call(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, what)
}

func (s *listSink) Start(_ context.Context, tc connect.SinkTaskContext, _ map[string]string) error {
	s.tc = tc
	s.call("start")
	return nil
}

func (s *listSink) Open(_ context.Context, partitions []connect.TopicPartition) error {
	s.call(fmt.Sprint("open ", partitions))
	return nil
}

func (s *listSink) Close(_ context.Context, partitions []connect.TopicPartition) error {
	s.call(fmt.Sprint("close ", partitions))
	return nil
}

func (s *listSink) Stop(context.Context) error {
	s.call("stop")
	return nil
}

func (s *listSink) Put(_ context.Context, records []connect.SinkRecord) error {
	if s.onPut != nil {
		if err := s.onPut(s, records); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.values = append(s.values, strings.Clone(r.Value.Str()))
	}
	select {
	case s.got <- struct{}{}:
	default:
	}
	return nil
}

// await waits until the values given are the ones wanted.
func (s *listSink) await(t testing.TB, want string) {
	t.Helper()
	deadline := testContext(t)
	for {
		s.mu.Lock()
		have := strings.Join(s.values, " ")
		s.mu.Unlock()
		if have == want {
			return
		}
		select {
		case <-s.got:
		case <-deadline.Done():
			t.Fatalf("got %q, want %q", have, want)
		}
	}
}

func (s *listSink) transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, ", ")
}

func sinkRig(t *testing.T, s connect.SinkTask) *rig {
	t.Parallel()
	return newRig(t, listSinks(s))
}

func listSinks(s connect.SinkTask) rigOption {
	return sink("test.ListSink", func() connect.SinkTask { return s })
}

func sinkConfig(more ...string) map[string]string {
	config := map[string]string{"connector.class": "test.ListSink", "topics": "in", "consumer.override.metadata.max.age.ms": "1000", "consumer.override.fetch.max.wait.ms": "20"}
	for i := 0; i < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	return config
}

// committed is the committed offset of partition 0 of topic in.
func (r *rig) committed(group string) int64 {
	r.t.Helper()
	client, err := kafka.Open(testContext(r.t), kafka.Config{Role: kafka.RoleAdmin, Properties: kafka.Properties{"bootstrap.servers": r.bootstrap}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	admin, err := kafka.NewAdmin(client)
	if err != nil {
		r.t.Fatal(err)
	}
	offsets, err := admin.GroupOffsets(testContext(r.t), group)
	if err != nil {
		r.t.Fatal(err)
	}
	if o, ok := offsets[kafka.TopicPartition{Topic: "in"}]; ok {
		return o
	}
	return -1
}

func TestSinkGetsRecordsAndCommits(t *testing.T) {
	s := newListSink()
	playSink(t, s, sinkRig(t, s))
}

func playSink(t *testing.T, s *listSink, r *rig) {
	r.write("in", "a", "b", "c")
	id := r.start("list", sinkConfig())
	s.await(t, "a b c")
	r.write("in", "d")
	s.await(t, "a b c d")
	r.stop(id)
	if got, want := s.transcript(), "start, open [{in 0}], close [{in 0}], stop"; got != want {
		t.Errorf("calls were %s, want %s", got, want)
	}
	if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 UNASSIGNED"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
	if got := r.committed("connect-list"); got != 4 {
		t.Errorf("committed offset %d, want 4", got)
	}
	if got := strings.Join(r.seen.topics, ", "); got != "list-0 in" {
		t.Errorf("topics used: %s", got)
	}
	// The next start goes on where this one ended.
	r.write("in", "e")
	r.start("list", sinkConfig())
	s.await(t, "a b c d e")
}

func TestSinkRetriesTheSameRecords(t *testing.T) {
	s := newListSink()
	attempts := 0
	s.onPut = func(s *listSink, records []connect.SinkRecord) error {
		if len(records) == 0 {
			return nil
		}
		s.tc.Timeout(10)
		if attempts++; attempts <= 3 {
			return connect.Retriable(errors.New("the other side is busy"))
		}
		return nil
	}
	r := sinkRig(t, s)
	r.write("in", "a", "b")
	r.start("list", sinkConfig())
	s.await(t, "a b")
	if attempts != 4 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestSinkFailure(t *testing.T) {
	s := newListSink()
	s.onPut = func(_ *listSink, records []connect.SinkRecord) error {
		if len(records) > 0 {
			return errors.New("the disk is full")
		}
		return nil
	}
	r := sinkRig(t, s)
	r.write("in", "a")
	id := r.start("list", sinkConfig())
	st := r.seen.await(t, "list-0", state.Failed)
	want := "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception: the disk is full\n" +
		"Caused by: org.apache.kafka.connect.errors.ConnectException: the disk is full\n"
	if st.Trace != want || st.Version != "7" {
		t.Errorf("trace\n%s\nwant\n%s", st.Trace, want)
	}
	if got, want := s.transcript(), "start, open [{in 0}], close [{in 0}], stop"; got != want {
		t.Errorf("calls were %s, want %s", got, want)
	}
	if got := r.committed("connect-list"); got != -1 {
		t.Errorf("committed offset %d although the record was not taken", got)
	}
	r.stop(id)
}

func TestSinkPausesAndResumes(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	r.write("in", "a")
	r.start("list", sinkConfig())
	s.await(t, "a")
	if err := r.worker.SetTarget(testContext(t), "list", state.TargetPaused); err != nil {
		t.Fatal(err)
	}
	r.seen.await(t, "list-0", state.Paused)
	r.write("in", "b")
	if err := r.worker.SetTarget(testContext(t), "list", state.TargetStarted); err != nil {
		t.Fatal(err)
	}
	s.await(t, "a b")
	if got, want := r.seen.transcript(), "list-0 RUNNING, list-0 PAUSED, list-0 RUNNING"; got != want {
		t.Errorf("statuses were %s, want %s", got, want)
	}
}

func TestSinkSeeksAndPausesPartitions(t *testing.T) {
	s := newListSink()
	sought, paused := false, false
	s.onPut = func(s *listSink, records []connect.SinkRecord) error {
		tp := connect.TopicPartition{Topic: "in"}
		for _, r := range records {
			switch {
			case r.Value.Str() == "c" && !sought:
				sought = true
				s.tc.Seek(map[connect.TopicPartition]int64{tp: 1})
			case r.Value.Str() == "d" && !paused:
				paused = true
				s.tc.Pause(tp)
			}
		}
		if len(records) == 0 && paused {
			s.tc.Resume(tp)
		}
		return nil
	}
	r := sinkRig(t, s)
	r.write("in", "a", "b", "c")
	id := r.start("list", sinkConfig())
	s.await(t, "a b c b c")
	r.write("in", "d")
	s.await(t, "a b c b c d")
	r.write("in", "e")
	s.await(t, "a b c b c d e")
	r.stop(id)
	if got := r.committed("connect-list"); got != 5 {
		t.Errorf("committed offset %d, want 5", got)
	}
}

func TestSinkTransformsAndDeadLetterQueue(t *testing.T) {
	s := newListSink()
	s.onPut = func(s *listSink, records []connect.SinkRecord) error {
		for _, r := range records {
			if r.Value.Str() == "odd!" {
				return s.tc.ErrantRecord().Report(context.Background(), r, errors.New("cannot store odd"))
			}
		}
		return nil
	}
	r := sinkRig(t, s)
	r.write("in", "a", "bad", "drop", "wrong", "b")
	id := r.start("list", sinkConfig("transforms", "e", "transforms.e.type", "test.Edit", "transforms.e.mark", "!",
		"errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dead", "errors.deadletterqueue.topic.replication.factor", "1",
		"errors.deadletterqueue.context.headers.enable", "true"))
	s.await(t, "a! b!")
	r.write("in", "odd")
	s.await(t, "a! b! odd!")
	r.stop(id)
	dead := r.read("dead")
	if got := values(dead); got != "bad wrong odd" {
		t.Fatalf("dead letters: %s", got)
	}
	headers := map[string]string{}
	for _, h := range dead[1].Headers {
		headers[string(h.Key)] = string(h.Value)
	}
	for key, want := range map[string]string{
		"h": "head-wrong", "__connect.errors.topic": "in", "__connect.errors.partition": "0", "__connect.errors.offset": "3",
		"__connect.errors.connector.name": "list", "__connect.errors.task.id": "0", "__connect.errors.stage": "TRANSFORMATION",
		"__connect.errors.class.name": "test.Edit", "__connect.errors.exception.message": "this record is wrong",
	} {
		if headers[key] != want {
			t.Errorf("header %s is %q, want %q", key, headers[key], want)
		}
	}
	if got := r.committed("connect-list"); got != 6 {
		t.Errorf("committed offset %d, want 6", got)
	}
}

func TestSinkWithoutToleranceFailsOnBadRecords(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	r.write("in", "a", "bad")
	r.start("list", sinkConfig())
	st := r.seen.await(t, "list-0", state.Failed)
	for _, part := range []string{"Tolerance exceeded in error handler", "connector list", "VALUE_CONVERTER", "test.Text", "topic in", "this text is bad"} {
		if !strings.Contains(st.Trace, part) {
			t.Errorf("the trace does not name %q:\n%s", part, st.Trace)
		}
	}
}

// TestSinkCommitsNothingBehindAFailure of a record that came with others.
func TestSinkCommitsNothingBehindAFailure(t *testing.T) {
	for _, poison := range []string{"wrong", "panic"} {
		t.Run(poison, func(t *testing.T) {
			s := newListSink()
			r := sinkRig(t, s)
			r.write("in", "a", "b", poison, "c", "d")
			id := r.start("list", sinkConfig("transforms", "e", "transforms.e.type", "test.Edit"))
			r.seen.await(t, "list-0", state.Failed)
			s.await(t, "a b")
			r.stop(id)
			if got := r.committed("connect-list"); got != 2 {
				t.Errorf("committed offset %d, want that of the poison, 2", got)
			}
		})
	}
}

func TestSinkFollowsAPattern(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	r.write("in-1", "a")
	config := sinkConfig("topics.regex", "in-.*")
	delete(config, "topics")
	r.start("list", config)
	s.await(t, "a")
	r.write("in-2", "b")
	s.await(t, "a b")
}

// As Java's consumers do, sinks make brokers create the topics that they list, unless they are told not to; those
// that are not there keep nobody from consuming the others.
func TestSinkWithMissingTopics(t *testing.T) {
	t.Parallel()
	s := newListSink()
	r := newRig(t, listSinks(s))
	r.start("list", sinkConfig())
	r.seen.await(t, "list-0", state.Running)
	deadline := testContext(t)
	for r.cluster.Fake.TopicInfo("in") == nil {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline.Done():
			t.Fatal("the topic was not created")
		}
	}
	r.write("in", "a")
	s.await(t, "a")
	later := newListSink()
	r = newRig(t, listSinks(later))
	r.write("in", "b")
	r.start("list", sinkConfig("topics", "later, in", "consumer.override.allow.auto.create.topics", "false"))
	later.await(t, "b")
	if r.cluster.Fake.TopicInfo("later") != nil {
		t.Fatal("the topic was created")
	}
	r.write("later", "c")
	later.await(t, "b c")
}

// TestSinkBeginsWhileBrokersAreAway has a task begin that knows of brokers which do not answer.
func TestSinkBeginsWhileBrokersAreAway(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	r.write("in", "a")
	brokers := r.bootstrap
	for range 15 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		brokers += "," + l.Addr().String()
		_ = l.Close()
	}
	r.start("list", sinkConfig("consumer.override.bootstrap.servers", brokers))
	s.await(t, "a")
}

// TestSinkCommitsWhatTheTaskSays has a task that buffers.
func TestSinkCommitsWhatTheTaskSays(t *testing.T) {
	s := &bufferingSink{listSink: newListSink()}
	r := sinkRig(t, s)
	r.write("in", "a", "b", "c")
	id := r.start("list", sinkConfig())
	s.await(t, "a b c")
	for deadline := testContext(t); r.committed("connect-list") != 2; {
		if deadline.Err() != nil {
			t.Fatalf("committed offset %d, want 2", r.committed("connect-list"))
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.stop(id)
	if got := r.committed("connect-list"); got != 2 {
		t.Errorf("committed offset %d, want 2", got)
	}
}

type bufferingSink struct{ *listSink }

// PreCommit says that all but the last record are safe.
func (s *bufferingSink) PreCommit(_ context.Context, current map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	for tp := range current {
		current[tp]--
	}
	return current, nil
}
