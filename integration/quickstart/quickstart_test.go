package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/rig"
)

func TestParseDSN(t *testing.T) {
	for dsn, want := range map[string]database{
		"root:secret@tcp(db.example:3307)/shop?tls=1": {"db.example", 3307, "root", "secret"},
		"root@tcp(db.example)/":                       {"db.example", 3306, "root", ""},
		"me:p@ss:w@127.0.0.1:3306":                    {"127.0.0.1", 3306, "me", "p@ss:w"},
		"mysql://me:p%40ss@db:3310/shop":              {"db", 3310, "me", "p@ss"},
		"me:x@tcp([::1]:3306)/":                       {"::1", 3306, "me", "x"},
	} {
		got, err := parseDSN(dsn)
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v; want %+v", dsn, got, err, want)
		}
	}
	for _, dsn := range []string{"secret", "secret@", "me:secret@unix(/tmp/sock)/", "mysql://db:3306", "me:secret@db:port", "me:secret@db:0", ":secret@db"} {
		got, err := parseDSN(dsn)
		if err == nil {
			t.Errorf("%s: %+v; want an error", dsn, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats the password: %v", dsn, err)
		}
	}
}

func TestPublishedPort(t *testing.T) {
	const container = `{"Service":"mysql","Publishers":[{"TargetPort":33060,"PublishedPort":1},{"TargetPort":3306,"PublishedPort":3399}]}`
	for out, want := range map[string]int{
		container + "\n":       3399,
		"[" + container + "]":  3399,
		"":                     0,
		`{"Publishers":[]}`:    0,
		"no such command: ps ": 0,
	} {
		if got := publishedPort([]byte(out)); got != want {
			t.Errorf("%q: %d; want %d", out, got, want)
		}
	}
}

// The example is what Debezium 1.x users have: its keys are the point, and the quickstart changes none of them.
func TestExampleKeys(t *testing.T) {
	want := []string{
		"connector.class", "database.history.kafka.bootstrap.servers", "database.history.kafka.topic", "database.hostname",
		"database.include.list", "database.password", "database.port", "database.server.id", "database.server.name",
		"database.user", "include.schema.changes", "tasks.max",
	}
	c, err := readExample(filepath.Join("..", "..", "examples", "ecommerce.json"))
	if err != nil {
		t.Fatal(err)
	}
	c.place(&database{host: "h", port: 1, user: "u", password: "p"}, "b:2")
	if got := slices.Sorted(maps.Keys(c.Config)); c.Name != connectorName || !slices.Equal(got, want) {
		t.Errorf("%s: %v; want %v", c.Name, got, want)
	}
	if c.Config["database.port"] != "1" || c.Config["database.history.kafka.bootstrap.servers"] != "b:2" {
		t.Errorf("not placed: %v", c.Config)
	}
	if prefix := c.Config["database.server.name"]; schemaTopic != prefix || rowTopic != prefix+".ecommerce.orders" {
		t.Errorf("the topics of %s are not %s and %s", prefix, schemaTopic, rowTopic)
	}
}

func TestMasked(t *testing.T) {
	if got := masked([]byte(`{"p":"a\"b"}`), `a"b`); string(got) != `{"p":"********"}` {
		t.Errorf("%s", got)
	}
	if got := masked([]byte(`{"p":"dbz"}`), "dbz"); string(got) != `{"p":"dbz"}` {
		t.Errorf("%s: the password of a server of this run is no secret", got)
	}
}

func TestChoosePort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	var out bytes.Buffer
	q := quickstart{out: &out}
	got, err := q.choosePort("Kafka", port, "-kafka-port")
	if err != nil || got <= port {
		t.Fatalf("%d, %v; want a port after %d", got, err, port)
	}
	if !strings.Contains(out.String(), "-kafka-port") {
		t.Errorf("%q does not say how to choose another", &out)
	}
}

// Records come in order, from the first one on, of a topic that is not there when watching begins.
func TestWatch(t *testing.T) {
	bootstrap := rig.FakeKafka(t)
	w, err := watch(bootstrap, schemaTopic, rowTopic)
	if err != nil {
		t.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	var want []string
	for _, ddl := range []string{"CREATE DATABASE ecommerce", "CREATE TABLE orders (i INT)"} {
		value, err := json.Marshal(map[string]any{"schema": map[string]any{}, "payload": map[string]string{"ddl": ddl}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: schemaTopic, Value: sarama.ByteEncoder(value)}); err != nil {
			t.Fatal(err)
		}
		want = append(want, `{"ddl":"`+ddl+`"}`)
	}
	for i := range want {
		r, err := w.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.payload()); got != want[i] || r.createsTable() != (i == 1) {
			t.Errorf("record %d is %s, creates the table: %v; want %s", i, got, r.createsTable(), want[i])
		}
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}
