package status_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
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
