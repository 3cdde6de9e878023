package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

func cluster(t *testing.T, cfg embedded.Config) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func client(t *testing.T, c *embedded.Cluster, role kafka.Role, extra kafka.Properties) *kafka.Client {
	t.Helper()
	p := kafka.Properties{"bootstrap.servers": c.Bootstrap()}.With(extra)
	k, err := kafka.Open(t.Context(), kafka.Config{Role: role, Properties: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func admin(t *testing.T, c *embedded.Cluster) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(client(t, c, kafka.RoleAdmin, nil))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func create(t *testing.T, a *kafka.Admin, topic kafka.Topic) {
	t.Helper()
	if _, err := a.CreateTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
}

func writer(t *testing.T, c *embedded.Cluster) *kafka.Writer {
	t.Helper()
	w, err := kafka.NewWriter(client(t, c, kafka.RoleProducer, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func txnWriter(t *testing.T, c *embedded.Cluster, id string) *kafka.TxnWriter {
	t.Helper()
	w, err := kafka.NewTxnWriter(t.Context(), client(t, c, kafka.RoleProducer, kafka.Properties{"transactional.id": id}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func reader(t *testing.T, c *embedded.Cluster, topic string, extra kafka.Properties) *kafka.Reader {
	t.Helper()
	r, err := kafka.NewReader(t.Context(), kafka.ReaderConfig{Client: client(t, c, kafka.RoleConsumer, extra), Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

var committed = kafka.Properties{"isolation.level": "read_committed"}

func text(key, value string) kafka.Record {
	return kafka.Record{Partition: kafka.AnyPartition, Key: []byte(key), Value: []byte(value)}
}

func readAll(t *testing.T, r *kafka.Reader) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []string
	err := r.ReadAll(ctx, func(rec kafka.Record) error {
		value := "null"
		if rec.Value != nil {
			value = string(rec.Value)
		}
		out = append(out, fmt.Sprintf("%s=%s", rec.Key, value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestReadToEndCountsTransactions(t *testing.T) {
	c := cluster(t, embedded.Config{})
	create(t, admin(t, c), kafka.Topic{Name: "log", Partitions: 1, Replication: 1})
	w := txnWriter(t, c, "writer")
	ctx := t.Context()
	for _, batch := range [][]kafka.Record{{text("a", "1"), text("b", "2")}, {text("a", "3")}} {
		if err := w.Write(ctx, "log", batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer(t, c).Append(ctx, "log", kafka.Record{Key: []byte("c")}); err != nil {
		t.Fatal(err)
	}
	r := reader(t, c, "log", committed)
	if got, want := readAll(t, r), "a=1 b=2 a=3 c=null"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	ends, err := r.EndOffsets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ends[0] != 6 { // 4 records and 2 commit markers
		t.Errorf("end offset %d, want 6", ends[0])
	}
	if got := readAll(t, r); got != "" {
		t.Errorf("second read gave %q again", got)
	}
}

func TestFencedWriterIsTold(t *testing.T) {
	c := cluster(t, embedded.Config{})
	a := admin(t, c)
	create(t, a, kafka.Topic{Name: "log", Partitions: 1, Replication: 1})
	for name, fence := range map[string]func(id string){
		"by admin":          func(id string) { must(t, a.Fence(t.Context(), id)) },
		"by another writer": func(id string) { txnWriter(t, c, id) },
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			w := txnWriter(t, c, id)
			must(t, w.Write(t.Context(), "log", text("k", "before")))
			fence(id)
			err := w.Write(t.Context(), "log", text("k", "zombie"))
			if !errors.Is(err, kafka.ErrFenced) {
				t.Fatalf("write after the fence: %v, want ErrFenced", err)
			}
		})
	}
	if got := readAll(t, reader(t, c, "log", committed)); strings.Contains(got, "zombie") {
		t.Errorf("a fenced writer's record is visible: %s", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysGoWhereJavaPutsThem(t *testing.T) {
	c := cluster(t, embedded.Config{})
	create(t, admin(t, c), kafka.Topic{Name: "status", Partitions: 5, Replication: 1})
	w := writer(t, c)
	// Partitions computed by org.apache.kafka.common.utils.Utils.murmur2.
	for key, partition := range map[string]int32{"status-connector-fs1": 0, "status-task-fs1-0": 4, "a": 4} {
		got := make(chan int32, 1)
		must(t, w.Send(t.Context(), "status", text(key, "x"), func(p int32, _ int64, err error) {
			if err != nil {
				t.Error(err)
			}
			got <- p
		}))
		if p := <-got; p != partition {
			t.Errorf("key %s went to partition %d, want %d", key, p, partition)
		}
	}
}

func TestReadSeveralBrokers(t *testing.T) {
	c := cluster(t, embedded.Config{Brokers: 3})
	create(t, admin(t, c), kafka.Topic{Name: "many", Partitions: 6, Replication: 1})
	w := writer(t, c)
	want := map[string]bool{}
	for i := range 60 {
		r := text(fmt.Sprint("k", i), "v")
		r.Partition = int32(i % 6)
		must(t, w.Append(t.Context(), "many", r))
		want[string(r.Key)] = true
	}
	last := map[int32]int64{}
	err := reader(t, c, "many", nil).ReadAll(t.Context(), func(r kafka.Record) error {
		if o, seen := last[r.Partition]; seen && r.Offset != o+1 {
			t.Errorf("partition %d: offset %d after %d", r.Partition, r.Offset, o)
		}
		last[r.Partition] = r.Offset
		delete(want, string(r.Key))
		return nil
	})
	must(t, err)
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}

func TestReadCompactedTopicToItsEnd(t *testing.T) {
	c := cluster(t, embedded.Config{CompactEvery: 10 * time.Millisecond})
	a := admin(t, c)
	create(t, a, kafka.Topic{Name: "log", Partitions: 1, Replication: 1, Configs: map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "1",
	}})
	w := txnWriter(t, c, "w")
	for i := range 200 {
		must(t, w.Write(t.Context(), "log", text(fmt.Sprint("k", i%3), fmt.Sprint(i))))
	}
	got := readAll(t, reader(t, c, "log", committed))
	if !strings.HasSuffix(got, "k2=197 k0=198 k1=199") {
		t.Errorf("latest values are missing at the end of %.200q", got)
	}
}

func TestTopicAdmin(t *testing.T) {
	c := cluster(t, embedded.Config{})
	a := admin(t, c)
	ctx := t.Context()
	compact := kafka.Topic{Name: "good", Partitions: 3, Replication: kafka.BrokerDefault, Configs: map[string]string{"cleanup.policy": "compact"}}
	created, err := a.CreateTopic(ctx, compact)
	if err != nil || !created {
		t.Fatalf("first creation: %v %v", created, err)
	}
	if created, err = a.CreateTopic(ctx, compact); err != nil || created {
		t.Fatalf("second creation: %v %v", created, err)
	}
	info, err := a.DescribeTopic(ctx, "good")
	if err != nil || info.Partitions != 3 || info.Replication != 1 {
		t.Errorf("described as %+v %v", info, err)
	}
	if _, err = a.DescribeTopic(ctx, "missing"); !errors.Is(err, kafka.ErrNoTopic) {
		t.Errorf("describing a missing topic: %v", err)
	}
	must(t, a.CheckCompacted(ctx, "good", "config.storage.topic", "connector configurations"))
	create(t, a, kafka.Topic{Name: "bad", Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact,delete"}})
	err = a.CheckCompacted(ctx, "bad", "config.storage.topic", "connector configurations")
	if err == nil || !strings.Contains(err.Error(), "'cleanup.policy=compact,delete'") || !strings.Contains(err.Error(), "config.storage.topic") {
		t.Errorf("a topic that also deletes: %v", err)
	}
	if id := client(t, c, kafka.RoleAdmin, nil).ClusterID(); id == "" {
		t.Error("no cluster id")
	}
}

func TestGroupOffsets(t *testing.T) {
	c := cluster(t, embedded.Config{})
	a := admin(t, c)
	ctx := t.Context()
	create(t, a, kafka.Topic{Name: "t", Partitions: 2, Replication: 1})
	must(t, writer(t, c).Append(ctx, "t", kafka.Record{}, kafka.Record{}, kafka.Record{Partition: 1}))
	p0, p1 := kafka.TopicPartition{Topic: "t"}, kafka.TopicPartition{Topic: "t", Partition: 1}
	must(t, a.SetGroupOffsets(ctx, "g", map[kafka.TopicPartition]int64{p0: 2, p1: 1}))
	must(t, a.DeleteGroupOffsets(ctx, "g", []kafka.TopicPartition{p1}))
	got, err := a.GroupOffsets(ctx, "g")
	if err != nil || len(got) != 1 || got[p0] != 2 {
		t.Errorf("offsets %v %v", got, err)
	}
	must(t, a.DeleteGroup(ctx, "g"))
	must(t, a.DeleteGroup(ctx, "g"))
	if got, err = a.GroupOffsets(ctx, "g"); err != nil || len(got) != 0 {
		t.Errorf("offsets of a deleted group: %v %v", got, err)
	}
}

func TestReaderFollowsARestartedBroker(t *testing.T) {
	dir := t.TempDir()
	c, err := embedded.Start(embedded.Config{DataDir: dir})
	must(t, err)
	port := portOf(t, c.Addrs()[0])
	create(t, admin(t, c), kafka.Topic{Name: "log", Partitions: 1, Replication: 1})
	must(t, writer(t, c).Append(t.Context(), "log", text("a", "1")))
	r := reader(t, c, "log", nil)
	readAll(t, r)
	c.Close()
	again := cluster(t, embedded.Config{DataDir: dir, Port: port})
	must(t, writer(t, again).Append(t.Context(), "log", text("b", "2")))
	if got := readAll(t, r); got != "b=2" {
		t.Errorf("after the restart: %q", got)
	}
}

func portOf(t *testing.T, addr string) (port int) {
	t.Helper()
	if _, err := fmt.Sscanf(addr[strings.LastIndex(addr, ":"):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

func TestLog(t *testing.T) {
	c := cluster(t, embedded.Config{})
	p := kafka.Properties{"bootstrap.servers": c.Bootstrap()}
	l := kafka.NewLog(kafka.LogConfig{Topic: kafka.Topic{Name: "history", Partitions: 1, Replication: 1}, Producer: p, Consumer: p, Admin: p})
	ctx := t.Context()
	none := func(kafka.Record) error { t.Error("a record in an empty log"); return nil }
	if err := l.ReadAll(ctx, none); !errors.Is(err, kafka.ErrNoTopic) {
		t.Errorf("reading a missing topic: %v", err)
	}
	if ok, err := l.Exists(ctx); ok || err != nil {
		t.Errorf("missing topic exists: %v %v", ok, err)
	}
	if created, err := l.Create(ctx); !created || err != nil {
		t.Fatalf("creation: %v %v", created, err)
	}
	must(t, l.ReadAll(ctx, none))
	must(t, l.Append(ctx, kafka.Record{Value: []byte("one")}))
	must(t, l.Close())
	must(t, l.Append(ctx, kafka.Record{Value: []byte("two")}))
	must(t, l.Close())
	var got []string
	must(t, l.ReadAll(ctx, func(r kafka.Record) error { got = append(got, string(r.Value)); return nil }))
	if strings.Join(got, " ") != "one two" {
		t.Errorf("read %v", got)
	}
}

// A writer with the longest delivery time, as those of the internal topics have, stays small however many partitions it
// writes to.
func TestWritersAreSmall(t *testing.T) {
	const partitions, most = 25, 4 << 20
	c := cluster(t, embedded.Config{})
	create(t, admin(t, c), kafka.Topic{Name: "t", Partitions: partitions, Replication: 1})
	w, err := kafka.NewWriter(client(t, c, kafka.RoleProducer, kafka.Properties{"delivery.timeout.ms": "2147483647"}))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for p := range int32(partitions) {
		if err := w.Send(t.Context(), "t", kafka.Record{Partition: p, Key: []byte("k"), Value: []byte("v")}, func(_ int32, _ int64, err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := heap(); after > before+most {
		t.Errorf("the heap has grown by %d kB; want at most %d", (after-before)>>10, most>>10)
	}
}
