package distributed

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
)

// inKafka keeps configurations and statuses in topics of the cluster's broker.
func (c *testCluster) inKafka(exactlyOnce bool) option {
	return func(cfg *Config) {
		worker := kafka.Properties{"bootstrap.servers": strings.Join(c.broker.Addrs(), ","), "group.id": "g"}
		kc := config.KafkaConfig{
			Topic: kafka.Topic{Name: "g-configs", Partitions: 1, Replication: 1}, Worker: worker, ClientID: "connect-g-", ExactlyOnce: exactlyOnce,
		}
		if exactlyOnce {
			kc.TransactionalID = "connect-cluster-g"
		}
		store := config.NewKafka(kc)
		c.t.Cleanup(store.Close)
		cfg.ExactlyOnce = exactlyOnce
		cfg.Configs = NewConfigTopic(c.t.Context(), store)
		statuses, err := status.OpenKafka(c.t.Context(), status.KafkaConfig{
			Topic: kafka.Topic{Name: "g-status", Partitions: 5, Replication: 1}, Worker: worker, ClientID: "connect-g-",
		})
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(statuses.Close)
		cfg.Local.Statuses = statuses
	}
}

func TestClusterOnKafka(t *testing.T) {
	for _, exactlyOnce := range []bool{false, true} {
		t.Run(fmt.Sprintf("exactly-once=%t", exactlyOnce), func(t *testing.T) {
			c := newTestCluster(t)
			in := c.inKafka(exactlyOnce)
			a, b := c.start("a", in), c.start("b", in)
			var want []string
			for i := range 6 {
				name := fmt.Sprintf("c%d", i)
				c.put([]*node{a, b}[i%2], name, props(2))
				want = append(want, name, name+"-0", name+"-1")
			}
			c.runs(want...)
			c.put(b, "c0", props(3))
			c.runs(append(want, "c0-2")...)
			err := c.via(b, func(n *node) error { return n.StopConnector(t.Context(), "c1") })
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "c1 is STOPPED, and no status is left of its tasks", func() bool {
				s, err := a.ConnectorStatus(t.Context(), "c1")
				return err == nil && s.Connector.State == state.Stopped && len(s.Tasks) == 0
			})
			a.stop()
			c.runs("c0", "c0-0", "c0-1", "c0-2", "c1", "c2", "c2-0", "c2-1", "c3", "c3-0", "c3-1", "c4", "c4-0", "c4-1", "c5", "c5-0", "c5-1")
			eventually(t, "all is RUNNING on b", func() bool {
				for _, name := range []string{"c0", "c2", "c3", "c4", "c5"} {
					s, err := b.ConnectorStatus(t.Context(), name)
					if err != nil || s.Connector.State != state.Running || s.Connector.WorkerID != "b:8083" {
						return false
					}
				}
				return true
			})
			if err := b.DeleteConnector(t.Context(), "c2"); err != nil {
				t.Error(err)
			}
			c.runs("c0", "c0-0", "c0-1", "c0-2", "c1", "c3", "c3-0", "c3-1", "c4", "c4-0", "c4-1", "c5", "c5-0", "c5-1")
		})
	}
}

// TestAFencedLeaderClaimsBack has another writer take the transactional id.
func TestAFencedLeaderClaimsBack(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a", c.inKafka(true))
	c.put(a, "x", props(1))
	c.runs("x", "x-0")
	intruder := config.NewKafka(config.KafkaConfig{
		Topic:    kafka.Topic{Name: "g-configs", Partitions: 1, Replication: 1},
		Worker:   kafka.Properties{"bootstrap.servers": strings.Join(c.broker.Addrs(), ",")},
		ClientID: "intruder-", ExactlyOnce: true, TransactionalID: "connect-cluster-g",
	})
	defer intruder.Close()
	if _, err := intruder.Start(t.Context(), func(*config.State, []config.Change) {}); err != nil {
		t.Fatal(err)
	}
	if err := intruder.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := a.PutConnector(t.Context(), herder.PutRequest{Name: "y", Config: props(1)})
	if err == nil || !strings.Contains(err.Error(), "can be safely retried") {
		t.Errorf("the fenced leader answers %v", err)
	}
	c.put(a, "y", props(1))
	c.runs("x", "x-0", "y", "y-0")
}

func BenchmarkStartWithConnectors(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkStart(b, n) })
	}
}

// benchmarkStart measures the time from opening the config topic until the
// connectors are known.
func benchmarkStart(b *testing.B, n int) {
	c, err := embedded.Start(embedded.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	open := func() *config.Kafka {
		return config.NewKafka(config.KafkaConfig{
			Topic:  kafka.Topic{Name: "g-configs", Partitions: 1, Replication: 1},
			Worker: kafka.Properties{"bootstrap.servers": c.Bootstrap()}, ClientID: "bench-",
		})
	}
	store := open()
	if _, err := store.Start(b.Context(), func(*config.State, []config.Change) {}); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		if err := store.PutConnector(b.Context(), fmt.Sprintf("c%d", i), props(1), ""); err != nil {
			b.Fatal(err)
		}
	}
	store.Close()
	for b.Loop() {
		store := open()
		l := herder.NewLocal(&herder.Local{})
		topic := NewConfigTopic(b.Context(), store)
		go topic.Start(b.Context(), func(e ConfigsRead) { l.Publish(e.Snapshot) }, func(ConfigsChanged) {})
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		if names, err := l.Connectors(ctx); err != nil || len(names) != n {
			b.Fatal(len(names), err)
		}
		cancel()
		store.Close()
	}
}

// BenchmarkCreateConnectors creates many connectors one after the other, as a
// deployment tool does, and waits until all of them run.
func BenchmarkCreateConnectors(b *testing.B) {
	const n = 1000
	for b.Loop() {
		c := newTestCluster(b)
		nodes := []*node{c.start("a", c.inKafka(false)), c.start("b", c.inKafka(false))}
		for i := range n {
			c.put(nodes[i%2], fmt.Sprintf("c%04d", i), props(1))
		}
		eventually(b, "all run", func() bool { return len(c.running()) == 2*n })
		for _, x := range nodes {
			x.stop()
		}
	}
}
