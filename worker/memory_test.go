package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/state"
)

// busySource gives out records as fast as they are taken, in memory of the batch.
type busySource struct {
	total, size int
	topic       string
	next        int
	partition   *connect.SourcePartition
}

func (s *busySource) Start(_ context.Context, tc connect.SourceTaskContext, _ map[string]string) error {
	s.topic = tc.ConnectorName()
	s.partition = &connect.SourcePartition{Key: map[string]any{"list": "one"}}
	return nil
}

func (s *busySource) Poll(ctx context.Context, b *connect.Batch) error {
	for !b.Full() && s.next < s.total {
		text := b.Arena.Bytes(s.size)
		clear(text)
		binary.BigEndian.PutUint32(text, uint32(s.next))
		r := b.Add()
		r.Topic, r.Value = s.topic, data.StringBytes(text)
		r.Source, r.Offset = s.partition, connect.Offset{Base: numbered{}, N: int64(s.next)}
		s.next++
	}
	if len(b.Records) > 0 {
		return nil
	}
	<-ctx.Done()
	return nil
}

func (s *busySource) Stop(context.Context) error { return nil }

func busySources(total, size int) rigOption {
	return source("test.Busy", func() connect.SourceTask { return &busySource{total: total, size: size} })
}

func busyConfig(more ...string) map[string]string {
	config := map[string]string{"connector.class": "test.Busy"}
	for i := 0; i < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	return config
}

func taskMemory(n int) rigOption { return func(_ *rig, cfg *Config) { cfg.TaskMemory = n } }

// slowly lets a cluster take a while for each request to write.
func slowly(c *embedded.Cluster, d time.Duration) {
	c.Fake.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		c.Fake.SleepControl(func() { time.Sleep(d) })
		return nil, nil, false
	})
}

// watchMemory looks at what tasks hold until it is called off, and tells the most.
func watchMemory(w *Worker) (most func() int) {
	over, peak := make(chan struct{}), 0
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			peak = max(peak, w.memory.Used())
			select {
			case <-over:
				return
			case <-time.After(50 * time.Microsecond):
			}
		}
	})
	return func() int {
		close(over)
		watching.Wait()
		return peak
	}
}

// hasAll checks that a topic has the records of a busySource, each once and in order.
func (r *rig) hasAll(topic string, total int) {
	r.t.Helper()
	got := r.readCommitted(topic)
	if len(got) != total {
		r.t.Fatalf("topic %s has %d records, want %d", topic, len(got), total)
	}
	for i, m := range got {
		if n := binary.BigEndian.Uint32(bytes.Clone(m.Value)[:4]); int(n) != i {
			r.t.Fatalf("topic %s: record %d is number %d", topic, i, n)
		}
	}
}

func (r *rig) holdsNothing() {
	r.t.Helper()
	r.eventually("all memory to come back", func() bool { return r.worker.memory.Used() == 0 })
}

// Many busy tasks in front of a slow broker hold no more than the worker's memory, and
// what each may have in any case.
func TestManyTasksShareTheMemoryOfTheWorker(t *testing.T) {
	for _, c := range []struct {
		name             string
		exactlyOnce      bool
		memory           int
		tasks, total, kB int
	}{
		{"at least once", false, 8 << 20, 40, 600, 2},
		{"at least once, hardly any memory", false, 1 << 20, 40, 300, 2},
		{"at least once, long records", false, 4 << 20, 10, 40, 300},
		{"exactly once", true, 4 << 20, 10, 600, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, busySources(c.total, c.kB<<10), taskMemory(c.memory), inKafka)
			slowly(r.cluster, 2*time.Millisecond)
			start := r.start
			if c.exactlyOnce {
				start = r.startExactlyOnce
			}
			most := watchMemory(r.worker)
			var ids []state.TaskID
			for n := range c.tasks {
				ids = append(ids, start(fmt.Sprintf("busy-%d", n), busyConfig()))
			}
			for _, id := range ids {
				r.awaitOffset(id.Connector, int64(c.total-1))
			}
			peak := most()
			const inAnyCase, begun = leastMemory + 64<<10, 128 << 10
			record := 2 * c.kB << 10 // where one is read, and where one is written
			if bound := c.memory + c.tasks*(inAnyCase+begun+record); peak > bound {
				t.Errorf("%d tasks held %d bytes, %d are allowed", c.tasks, peak, bound)
			}
			t.Logf("%d tasks held %.1f of %.1f MiB", c.tasks, float64(peak)/(1<<20), float64(c.memory)/(1<<20))
			r.worker.StopTasks(testContext(t), ids...)
			for _, id := range ids {
				r.hasAll(id.Connector, c.total)
			}
			r.holdsNothing()
		})
	}
}

// A task whose broker answers nothing keeps what it has got, but others go on.
func TestATaskThatIsStuckHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	const memory, total = 2 << 20, 500
	silent, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(silent.Close)
	answer := make(chan struct{})
	silent.Fake.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		silent.Fake.KeepControl()
		silent.Fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	r := newRig(t, busySources(total, 8<<10), taskMemory(memory), inKafka)
	stuck := r.start("stuck", busyConfig("producer.override.bootstrap.servers", silent.Bootstrap()))
	r.eventually("the stuck task to take all that it may", func() bool { return r.worker.memory.Used() > memory/3 })
	var ids []state.TaskID
	for n := range 10 {
		ids = append(ids, r.start(fmt.Sprintf("busy-%d", n), busyConfig()))
	}
	for _, id := range ids {
		r.awaitOffset(id.Connector, total-1)
		r.hasAll(id.Connector, total)
	}
	close(answer)
	r.awaitOffset(stuck.Connector, total-1)
	r.worker.StopTasks(testContext(t), append(ids, stuck)...)
	r.holdsNothing()
}

// barrenSource uses the memory of batches for nothing, as a task does that reads what is
// filtered out, and now and then has a record.
type barrenSource struct {
	busySource
	polls int
}

func (s *barrenSource) Poll(ctx context.Context, b *connect.Batch) error {
	for !b.Full() {
		b.Arena.Bytes(1000)
	}
	if s.polls++; s.polls%5 != 0 {
		return nil
	}
	s.size = 100
	b.MaxRecords = len(b.Records) + 1
	defer func() { b.MaxRecords = batchRecords }()
	b.Arena.Reset()
	return s.busySource.Poll(ctx, b)
}

// Batches that come back without records do not keep their memory, for which the task would
// wait in vain.
func TestATaskThatReadsInVainGoesOn(t *testing.T) {
	t.Parallel()
	const total = 20
	r := newRig(t, source("test.Busy", func() connect.SourceTask { return &barrenSource{busySource: busySource{total: total}} }), taskMemory(1))
	id := r.start("barren", busyConfig())
	r.awaitOffset(id.Connector, total-1)
	r.stop(id)
	r.holdsNothing()
}

// Tasks that are stopped while they wait for memory, and such as are given up, give back
// what they hold.
func TestTasksThatEndGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, busySources(1<<30, 8<<10), taskMemory(1<<20), func(_ *rig, cfg *Config) { cfg.GracefulTimeout = 300 * time.Millisecond })
	answer := make(chan struct{})
	t.Cleanup(func() { close(answer) })
	r.cluster.Fake.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		r.cluster.Fake.KeepControl()
		r.cluster.Fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	var ids []state.TaskID
	for n := range 5 {
		ids = append(ids, r.start(fmt.Sprintf("busy-%d", n), busyConfig()))
	}
	r.eventually("all memory to be taken", func() bool { return r.worker.memory.Used() > 1<<19 })
	r.worker.StopTasks(testContext(t), ids...)
	r.holdsNothing()
}
