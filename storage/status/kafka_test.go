package status_test

import (
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

const fetch = 1 // key of the request

// A worker that was out of reach of its group and of the topic does not overwrite what others have written meanwhile,
// although it has not read that yet.
func TestLostWorkerYields(t *testing.T) {
	c, err := embedded.Start(embedded.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	open := func() *status.Kafka {
		s, err := status.OpenKafka(t.Context(), status.KafkaConfig{
			Topic:  kafka.Topic{Name: "statuses", Partitions: 1, Replication: 1},
			Worker: kafka.Properties{"bootstrap.servers": c.Bootstrap()}, ClientID: "test-",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	lost, other := open(), open()
	flush := func(s *status.Kafka) {
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const n = 200
	for i := range n {
		lost.PutConnector(fmt.Sprint(i), state.Status{State: state.Running, WorkerID: "lost", Generation: 4}, false)
	}
	flush(lost)
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
	flush(other)
	for i := range n {
		lost.PutConnector(fmt.Sprint(i), state.Status{State: state.Unassigned, WorkerID: "lost", Generation: -1}, true)
	}
	lost.PutConnector("own", state.Status{State: state.Running, WorkerID: "lost", Generation: 4}, false)
	lost.PutConnector("own", state.Status{State: state.Unassigned, WorkerID: "lost", Generation: -1}, true)
	time.Sleep(50 * time.Millisecond) // enough to write them
	blind.Store(false)
	flush(lost)

	var gone []string // what anybody may read as given up
	topic := kafka.Topic{Name: "statuses", Partitions: 1, Replication: 1}
	clients := topiclog.WorkerClients(kafka.Properties{"bootstrap.servers": c.Bootstrap()}, "test-", false)
	log, err := topiclog.Open(t.Context(), topiclog.Config{
		Topic: topic, Producer: clients.Producer, Consumer: clients.Consumer, Admin: clients.Admin,
	}, func(records []kafka.Record) {
		for _, r := range records {
			if strings.Contains(string(r.Value), "UNASSIGNED") {
				gone = append(gone, string(r.Key))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if !slices.Equal(gone, []string{"status-connector-own"}) {
		t.Errorf("the lost worker gives up %v", gone)
	}
}
