package history_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/history/historytest"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

func TestMemory(t *testing.T) {
	m := history.NewMemory()
	historytest.Run(t, func() history.Storage { return m })
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "history.dat")
	historytest.Run(t, func() history.Storage { return history.NewFile(path) })
}

func startKafka(t *testing.T) map[string]string {
	t.Helper()
	c, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Fake.Close)
	return map[string]string{"bootstrap.servers": strings.Join(c.Fake.ListenAddrs(), ",")}
}

func openKafka(t *testing.T, topic string, properties map[string]string) *history.Kafka {
	t.Helper()
	k, err := history.NewKafka(history.KafkaConfig{Topic: topic, Producer: properties, Consumer: properties})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func TestKafka(t *testing.T) {
	properties := startKafka(t)
	historytest.Run(t, func() history.Storage { return openKafka(t, "dbhistory.shop", properties) })
}

// TestKafkaTopic looks at the topic and its records with a plain client.
func TestKafkaTopic(t *testing.T) {
	properties := startKafka(t)
	k := openKafka(t, "h", properties)
	if err := k.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin, err := kafka.NewAdmin(client)
	if err != nil {
		t.Fatal(err)
	}
	info, err := admin.DescribeTopic(t.Context(), "h")
	if err != nil || info.Partitions != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	got, err := admin.TopicConfig(t.Context(), "h", "cleanup.policy", "retention.ms", "retention.bytes")
	if err != nil || got["cleanup.policy"] != "delete" || got["retention.ms"] != "9223372036854775807" || got["retention.bytes"] != "-1" {
		t.Errorf("topic configuration %v, %v", got, err)
	}
	database, sql := "", "SET x = 1"
	r := &history.Record{Source: map[string]any{"server": "s"}, Position: map[string]any{"pos": 4}, Database: &database, DDL: &sql}
	log := kafka.NewLog(kafka.LogConfig{Topic: kafka.Topic{Name: "h"}, Producer: properties, Consumer: properties})
	defer log.Close()
	if err := log.Append(t.Context(), kafka.Record{}); err != nil {
		t.Fatal(err)
	}
	if err := k.Append(t.Context(), []*history.Record{r}); err != nil {
		t.Fatal(err)
	}
	var last kafka.Record
	if err := log.ReadAll(t.Context(), func(r kafka.Record) error { last = r; return nil }); err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"source\" : {\n    \"server\" : \"s\"\n  },\n  \"position\" : {\n    \"pos\" : 4\n  },\n  \"databaseName\" : \"\",\n  \"ddl\" : \"SET x = 1\"\n}"
	if last.Key != nil || string(last.Value) != want || last.Partition != 0 {
		t.Errorf("partition %d key %q value\n%s\nwant\n%s", last.Partition, last.Key, last.Value, want)
	}
	n := 0
	if err := k.Read(t.Context(), func(string, []byte) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d records beside a null one, %v", n, err)
	}
}

// A topic that somebody else has made may lose what it is told: each setting is named.
func TestKafkaTopicThatForgets(t *testing.T) {
	properties := startKafka(t)
	makeTopic := func(topic string, partitions int32, configs map[string]string) {
		t.Helper()
		log := kafka.NewLog(kafka.LogConfig{Topic: kafka.Topic{Name: topic, Partitions: partitions, Replication: 1, Configs: configs}, Admin: properties})
		if _, err := log.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	makeTopic("short", 1, map[string]string{"retention.ms": "604800000", "retention.bytes": "1000000"})
	makeTopic("compacted", 3, map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"})
	good := openKafka(t, "good", properties)
	if err := good.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string][]string{
		"good": nil, "missing": nil, "short": {"retention.ms=604800000", "retention.bytes=1000000"},
		"compacted": {"3 partitions", "cleanup.policy=compact"},
	} {
		got := openKafka(t, topic, properties).Check(t.Context())
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q", topic, got, want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], want[i]) || !strings.Contains(got[i], "topic "+topic) {
				t.Errorf("%s: %q, want %q", topic, got[i], want[i])
			}
		}
	}
}

func TestTopicNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"dbhistory.shop-1_x": true, strings.Repeat("x", 249): true,
		"": false, ".": false, "..": false, "a b": false, "ü": false, "a\n": false, strings.Repeat("x", 250): false,
	} {
		_, err := history.NewKafka(history.KafkaConfig{Topic: name})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "schema.history.internal.kafka.topic") {
			t.Errorf("topic %q: %v", name, err)
		}
	}
}

// TestFileAfterACrash cuts the file in the middle of its last record.
func TestFileAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	h := history.New(history.Config{Storage: history.NewFile(path), Source: map[string]any{"server": "s"}})
	record := func(sql string) {
		t.Helper()
		if err := h.Record(t.Context(), &ddl.Change{Database: "db", SQL: sql}, map[string]any{"pos": 1}); err != nil {
			t.Fatal(err)
		}
	}
	record("CREATE TABLE a (x INT)")
	record("CREATE TABLE b (x INT)")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	record("CREATE TABLE c (x INT)")
	p := ddl.New(ddl.Config{})
	counts, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always})
	if err != nil || counts != (history.Recovered{Read: 3, Applied: 2, Skipped: 1}) || p.Catalog().Len() != 2 {
		t.Errorf("%+v, %v, %d tables", counts, err, p.Catalog().Len())
	}
}

func always(map[string]any) (bool, error) { return true, nil }

// A wrong client property is named as the connector has it.
func TestWrongPropertiesAreNamed(t *testing.T) {
	good := map[string]string{"bootstrap.servers": "127.0.0.1:1"}
	bad := map[string]string{"bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": `M required password="hunter2`}
	k, err := history.NewKafka(history.KafkaConfig{Topic: "h", Producer: bad, Consumer: good})
	if err != nil {
		t.Fatal(err)
	}
	_, exists := k.Exists(t.Context())
	errs := map[string]error{"create": k.Create(t.Context()), "exists": exists, "append": k.Append(t.Context(), []*history.Record{{}})}
	if k, err = history.NewKafka(history.KafkaConfig{Topic: "h", Producer: good, Consumer: bad}); err != nil {
		t.Fatal(err)
	}
	errs["read"] = k.Read(t.Context(), nil)
	for name, err := range errs {
		client := "producer"
		if name == "read" {
			client = "consumer"
		}
		if err == nil || !strings.Contains(err.Error(), "schema.history.internal."+client+".sasl.jaas.config: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
