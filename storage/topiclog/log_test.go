package topiclog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/topiclog"
)

// applied collects records as text; it is asked from other goroutines than the
// tail's.
type applied struct {
	mu   sync.Mutex
	text []string
}

func (a *applied) take(records []kafka.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		a.text = append(a.text, fmt.Sprintf("%s=%s", r.Key, r.Value))
	}
}

func (a *applied) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.text, " ")
}

func config(bootstrap, topic string) topiclog.Config {
	c := topiclog.WorkerClients(kafka.Properties{"bootstrap.servers": bootstrap, "group.id": "g"}, "me", true)
	return topiclog.Config{
		Topic:    kafka.Topic{Name: topic, Partitions: 2, Replication: 1},
		Property: "x.storage.topic", Purpose: "things",
		Producer: c.Producer, Consumer: c.Consumer, Admin: c.Admin,
	}
}

func start(t *testing.T, cfg embedded.Config) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, cfg topiclog.Config, a *applied) *topiclog.Log {
	t.Helper()
	l, err := topiclog.Open(t.Context(), cfg, a.take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func record(key, value string) kafka.Record {
	return kafka.Record{Partition: kafka.AnyPartition, Key: []byte(key), Value: []byte(value)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func admin(t *testing.T, c *embedded.Cluster) *kafka.Admin {
	t.Helper()
	k, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: kafka.Properties{"bootstrap.servers": c.Bootstrap()}})
	must(t, err)
	t.Cleanup(func() { _ = k.Close() })
	a, err := kafka.NewAdmin(k)
	must(t, err)
	return a
}

func TestCreatesTheTopicCompacted(t *testing.T) {
	c := start(t, embedded.Config{})
	t.Cleanup(c.Close)
	cfg := config(c.Bootstrap(), "t")
	cfg.Topic.Configs = map[string]string{"cleanup.policy": "delete", "segment.bytes": "1048576"} // a user's setting does not win
	l := open(t, cfg, &applied{})
	if l.Partitions() != 2 {
		t.Errorf("%d partitions", l.Partitions())
	}
	got, err := admin(t, c).TopicConfig(t.Context(), "t", "cleanup.policy", "segment.bytes")
	if err != nil || got["cleanup.policy"] != "compact" || got["segment.bytes"] != "1048576" {
		t.Errorf("settings %v %v", got, err)
	}
	if cfg.Topic.Configs["cleanup.policy"] != "delete" {
		t.Error("the caller's settings were changed")
	}
}

func TestRefusesUnfitTopics(t *testing.T) {
	c := start(t, embedded.Config{})
	t.Cleanup(c.Close)
	a := admin(t, c)
	for name, configs := range map[string]map[string]string{"deleting": {"cleanup.policy": "delete"}, "wide": {"cleanup.policy": "compact"}} {
		_, err := a.CreateTopic(t.Context(), kafka.Topic{Name: name, Partitions: 3, Replication: 1, Configs: configs})
		must(t, err)
		cfg := config(c.Bootstrap(), name)
		cfg.MaxPartitions = 1
		_, err = topiclog.Open(t.Context(), cfg, (&applied{}).take)
		if err == nil || !strings.Contains(err.Error(), "'"+name+"'") || !strings.Contains(err.Error(), "'x.storage.topic'") || !strings.Contains(err.Error(), "things") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestReadsItsOwnWrites(t *testing.T) {
	c := start(t, embedded.Config{})
	t.Cleanup(c.Close)
	var before, got applied
	l := open(t, config(c.Bootstrap(), "t"), &before)
	must(t, l.Append(t.Context(), record("a", "1"), record("a", "2")))
	second := open(t, config(c.Bootstrap(), "t"), &got)
	if got.String() != "a=1 a=2" || before.String() != "" {
		t.Errorf("read %q on opening, and %q before Follow", &got, &before)
	}
	second.Follow()
	outcome := make(chan error, 1)
	must(t, second.Send(t.Context(), record("a", "3"), func(err error) { outcome <- err }))
	must(t, second.ReadToEnd(t.Context())) // sees what was sent, not only what was acknowledged
	must(t, <-outcome)
	if got.String() != "a=1 a=2 a=3" {
		t.Errorf("read %q", &got)
	}
}

func TestFollowsThroughARestart(t *testing.T) {
	dir := t.TempDir()
	c := start(t, embedded.Config{DataDir: dir})
	var port int
	_, err := fmt.Sscanf(c.Addrs()[0], "127.0.0.1:%d", &port)
	must(t, err)
	var got applied
	l := open(t, config(c.Bootstrap(), "t"), &got)
	l.Follow()
	must(t, l.Append(t.Context(), record("a", "1")))
	must(t, l.ReadToEnd(t.Context()))
	c.Close()
	down, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := l.ReadToEnd(down); !errors.Is(err, context.DeadlineExceeded) && !kafka.IsRetriable(err) {
		t.Errorf("reading while the broker is down: %v", err)
	}
	again := start(t, embedded.Config{DataDir: dir, Port: port})
	t.Cleanup(again.Close)
	must(t, l.Append(t.Context(), record("a", "2")))
	must(t, l.ReadToEnd(t.Context()))
	if got.String() != "a=1 a=2" {
		t.Errorf("read %q", &got)
	}
}

func TestExclusiveWrites(t *testing.T) {
	c := start(t, embedded.Config{})
	t.Cleanup(c.Close)
	cfg := config(c.Bootstrap(), "t")
	cfg.TransactionalID = "connect-cluster-g"
	var got applied
	one, two := open(t, cfg, &applied{}), open(t, cfg, &got)
	two.Follow()
	ctx := t.Context()
	if err := one.AppendExclusive(ctx, record("k", "none")); !errors.Is(err, topiclog.ErrNotClaimed) {
		t.Errorf("without a claim: %v", err)
	}
	must(t, one.Claim(ctx))
	must(t, one.AppendExclusive(ctx, record("k", "1"), record("k", "2")))
	must(t, two.Claim(ctx))
	must(t, two.AppendExclusive(ctx, record("k", "3")))
	if err := one.AppendExclusive(ctx, record("k", "zombie")); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("after another's claim: %v", err)
	}
	if err := one.AppendExclusive(ctx, record("k", "zombie")); !errors.Is(err, topiclog.ErrNotClaimed) {
		t.Errorf("after being fenced: %v", err)
	}
	must(t, one.Claim(ctx))
	must(t, one.AppendExclusive(ctx, record("k", "4")))
	must(t, two.ReadToEnd(ctx))
	if got.String() != "k=1 k=2 k=3 k=4" {
		t.Errorf("read %q", &got)
	}
}

func TestClosed(t *testing.T) {
	c := start(t, embedded.Config{})
	t.Cleanup(c.Close)
	l := open(t, config(c.Bootstrap(), "t"), &applied{})
	l.Follow()
	l.Close()
	l.Close()
	if err := l.Append(t.Context(), record("a", "1")); !errors.Is(err, kafka.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.ReadToEnd(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("read to the end: %v", err)
	}
}

func TestWorkerClients(t *testing.T) {
	worker := kafka.Properties{
		"bootstrap.servers": "b:1", "group.id": "g", "security.protocol": "SSL", "session.timeout.ms": "10000",
		"acks": "1", "max.in.flight.requests.per.connection": "5", "isolation.level": "read_uncommitted", "producer.acks": "0",
	}
	c := topiclog.WorkerClients(worker, "id", true)
	for what, ok := range map[string]bool{
		"acks":      c.Producer["acks"] == "all",
		"in flight": c.Producer["max.in.flight.requests.per.connection"] == "1",
		"group":     c.Consumer["group.id"] == "" && c.Consumer["session.timeout.ms"] == "",
		"isolation": c.Consumer["isolation.level"] == "read_committed",
		"security":  c.Admin["security.protocol"] == "SSL" && c.Admin["client.id"] == "id",
		"worker":    worker["acks"] == "1" && worker["group.id"] == "g",
	} {
		if !ok {
			t.Errorf("%s is wrong: %v", what, c)
		}
	}
	if got := topiclog.ClientIDBase(worker); got != "g-" {
		t.Errorf("client ids begin with %q", got)
	}
	if got := topiclog.ClientIDBase(kafka.Properties{"client.id": "me"}); got != "connect-me-" {
		t.Errorf("client ids begin with %q", got)
	}
}
