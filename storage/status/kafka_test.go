package status_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/storage/topiclog"
)

// Whoever reports a status must not wait for a broker that is down, and the status
// must arrive when the broker is back.
func TestPutsDoNotWaitForBrokers(t *testing.T) {
	dir := t.TempDir()
	c, err := embedded.Start(embedded.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(c.Addrs()[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	s, err := status.OpenKafka(t.Context(), status.KafkaConfig{
		Topic:  kafka.Topic{Name: "statuses", Partitions: 3, Replication: 1},
		Worker: kafka.Properties{"bootstrap.servers": c.Bootstrap()}, ClientID: "test-",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c.Close()

	const n = 2000 // more than any queue of the client library holds
	put := make(chan struct{})
	go func() {
		defer close(put)
		for i := range n {
			s.PutTask(state.TaskID{Connector: "c", Task: i}, state.Status{State: state.Running, WorkerID: "w", Generation: 1}, false)
		}
	}()
	select {
	case <-put:
	case <-time.After(10 * time.Second):
		t.Fatal("reporting statuses waits for a broker")
	}

	again, err := embedded.Start(embedded.Config{DataDir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(s.Tasks("c")) < n {
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(ctx); err != nil {
			t.Fatalf("%d of %d statuses arrived: %v", len(s.Tasks("c")), n, err)
		}
	}
}

const produce, fetch = 0, 1 // keys of requests

// A worker that was out of reach of its group and of the topic does not overwrite what others have written meanwhile,
// although it has not read that yet.
func TestLostWorkerYields(t *testing.T) {
	c, err := embedded.Start(embedded.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lost, other := open(t, c.Bootstrap()), open(t, c.Bootstrap())
	const n = 200
	for i := range n {
		lost.PutConnector(fmt.Sprint(i), state.Status{State: state.Running, WorkerID: "lost", Generation: 4}, false)
	}
	flush(t, lost)
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var blind atomic.Bool // nobody can read
	blind.Store(true)
	c.Fake.ControlKey(fetch, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		return nil, errors.New("no answer"), blind.Load()
	})
	for i := range n {
		other.PutConnector(fmt.Sprint(i), state.Status{State: state.Running, WorkerID: "other", Generation: 5}, false)
	}
	flush(t, other)
	for i := range n {
		lost.PutConnector(fmt.Sprint(i), state.Status{State: state.Unassigned, WorkerID: "lost", Generation: -1}, true)
	}
	lost.PutConnector("own", state.Status{State: state.Running, WorkerID: "lost", Generation: 4}, false)
	lost.PutConnector("own", state.Status{State: state.Unassigned, WorkerID: "lost", Generation: -1}, true)
	time.Sleep(50 * time.Millisecond) // enough to write them
	blind.Store(false)
	flush(t, lost)

	if gone := givenUp(t, c.Bootstrap()); !slices.Equal(gone, []string{"status-connector-own"}) {
		t.Errorf("the lost worker gives up %v", gone)
	}
}

func open(t *testing.T, bootstrap string) *status.Kafka {
	t.Helper()
	s, err := status.OpenKafka(t.Context(), status.KafkaConfig{
		Topic:  kafka.Topic{Name: "statuses", Partitions: 1, Replication: 1},
		Worker: kafka.Properties{"bootstrap.servers": bootstrap}, ClientID: "test-",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func flush(t *testing.T, s *status.Kafka) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// givenUp are the keys that anybody may read as given up.
func givenUp(t *testing.T, bootstrap string) (keys []string) {
	t.Helper()
	clients := topiclog.WorkerClients(kafka.Properties{"bootstrap.servers": bootstrap}, "test-", false)
	log, err := topiclog.Open(t.Context(), topiclog.Config{
		Topic:    kafka.Topic{Name: "statuses", Partitions: 1, Replication: 1},
		Producer: clients.Producer, Consumer: clients.Consumer, Admin: clients.Admin,
	}, func(records []kafka.Record) {
		for _, r := range records {
			if strings.Contains(string(r.Value), "UNASSIGNED") {
				keys = append(keys, string(r.Key))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	return keys
}

// A worker whose write failed looks for what others have written since before it sends it again, although it has not
// heard of it yet.
func TestFailedWriteYields(t *testing.T) {
	c, err := embedded.Start(embedded.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	left, other := open(t, c.Bootstrap()), open(t, c.Bootstrap())
	for _, name := range []string{"taken", "own"} {
		left.PutConnector(name, state.Status{State: state.Running, WorkerID: "left", Generation: 4}, false)
	}
	flush(t, left)
	if err := left.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused, blind atomic.Bool
	var attempts atomic.Int64
	refused.Store(true)
	blind.Store(true)
	c.Fake.ControlKey(produce, func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		refuse := refused.Load() && bytes.Contains(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records, []byte("UNASSIGNED"))
		if refuse {
			attempts.Add(1)
		}
		return nil, errors.New("no answer"), refuse
	})
	c.Fake.ControlKey(fetch, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		return nil, errors.New("no answer"), blind.Load()
	})
	for _, name := range []string{"taken", "own"} {
		left.PutConnector(name, state.Status{State: state.Unassigned, WorkerID: "left", Generation: 4}, true)
	}
	flush(t, left) // it has failed once
	other.PutConnector("taken", state.Status{State: state.Running, WorkerID: "other", Generation: 5}, false)
	flush(t, other)
	for began, seen := time.Now(), int64(-1); seen != attempts.Load() && time.Since(began) < 10*time.Second; { // one may be on its way
		seen = attempts.Load()
		time.Sleep(2 * time.Second)
	}
	refused.Store(false)
	time.Sleep(500 * time.Millisecond) // enough to write without having read
	blind.Store(false)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		gone := givenUp(t, c.Bootstrap())
		if slices.Equal(gone, []string{"status-connector-own"}) {
			break
		}
		if len(gone) > 0 || time.Now().After(deadline) {
			t.Fatalf("the worker that leaves gives up %v", gone)
		}
	}
}

// A write that failed does not come again behind a newer one of the same worker.
func TestFailedWriteIsNotRepeatedBehindANewerOne(t *testing.T) {
	c, err := embedded.Start(embedded.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := open(t, c.Bootstrap())
	id := state.TaskID{Connector: "c", Task: 0}
	var refused atomic.Int64
	c.Fake.ControlKey(produce, func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		refuse := bytes.Contains(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records, []byte("RESTARTING")) && refused.Add(1) == 1
		return nil, errors.New("no answer"), refuse
	})
	s.PutTask(id, state.Status{State: state.Restarting, WorkerID: "w", Generation: 1}, false)
	flush(t, s) // it has failed once
	s.PutTask(id, state.Status{State: state.Running, WorkerID: "w", Generation: 1}, false)
	for began := time.Now(); s.Tasks("c")[0].State != state.Running; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the newer status did not arrive")
		}
	}
	time.Sleep(500 * time.Millisecond) // enough to repeat the older one
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Tasks("c")[0].State; refused.Load() == 0 || got != state.Running {
		t.Errorf("the status is %s, after %d attempts of the one before", got, refused.Load())
	}
}
