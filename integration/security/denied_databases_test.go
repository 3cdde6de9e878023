//go:build servers || real

package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// shop is a database whose table is captured.
type shop struct {
	db   *peer.Database
	mu   sync.Mutex // held while a row is written, so that the binlog has them in order
	rows int
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{db: rig.MySQL(t), rows: 1}
	if err := s.db.Exec("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	return s
}

// sell writes the next row.
func (s *shop) sell(t *testing.T) (id int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows++
	if err := s.db.Exec(fmt.Sprintf("INSERT INTO shop.t VALUES (%d)", s.rows)); err != nil {
		t.Fatal(err)
	}
	return s.rows
}

// captured writes a row and waits until it is in the connector's topic, behind all rows before it.
func (b rights) captured(s *shop, name string) func(*testing.T, string) {
	return func(t *testing.T, _ string) {
		last, seen := s.sell(t), map[int]bool{}
		b.payloads(t, name+".shop.t", func(payload json.RawMessage) bool {
			var change struct{ After struct{ ID int } }
			if err := json.Unmarshal(payload, &change); err != nil {
				t.Fatal(err)
			}
			seen[change.After.ID] = true
			return change.After.ID >= last
		})
		for id := 1; id <= last; id++ {
			if !seen[id] {
				t.Errorf("row %d is missing", id)
			}
		}
	}
}

// deniedDatabases are the rights that clients of a database connector need beside those of other sources: for its schema
// history, for signals, and on the topics that it has beside those of tables.
func deniedDatabases(t *testing.T, b rights, address string, who client) {
	b.allow(t, who.principal, "db-")
	w := supervise(t, rig.Build(t), peer.WorkerConfig{Bootstrap: address, Group: "db-group", Properties: joined(
		joined(prefixed(who.properties, "", "producer.", "consumer.", "admin."), healing()),
		map[string]string{"exactly.once.source.support": "disabled"})})
	s := openShop(t)
	signals := map[string]string{"signal.enabled.channels": "kafka", "signal.poll.interval.ms": "200"}
	for i, d := range []denial{
		{name: "db-history-create", resource: ".history", op: mayCreate, says: "schema.history.internal.kafka.topic"},
		{name: "db-history-describe", resource: ".history", op: mayDescribe, says: "schema.history.internal.kafka.topic"},
		{name: "db-history-write", resource: ".history", op: mayWrite, says: "schema.history.internal.kafka.topic"},
		{name: "db-history-later", resource: ".history", op: mayWrite, says: "schema.history.internal.kafka.topic", before: b.captured(s, "db-history-later"),
			miss: func(t *testing.T, _ string) {
				if err := s.db.Exec("CREATE TABLE shop.other (id INT PRIMARY KEY)"); err != nil {
					t.Fatal(err)
				}
			}},
		{name: "db-history-read", resource: ".history", op: mayRead, says: "schema.history.internal.kafka.topic", before: b.captured(s, "db-history-read"),
			miss: func(t *testing.T, url string) {
				rig.Call(t, http.MethodPost, url+"/connectors/db-history-read/tasks/0/restart", "", http.StatusNoContent)
			}},
		{name: "db-changes", resource: "", op: mayWrite, says: "WRITE on the topic"}, // of the schema
		{name: "db-heartbeat", resource: ".beat.db-heartbeat", op: mayWrite, says: "WRITE on the topic",
			config: map[string]string{"heartbeat.interval.ms": "300", "topic.heartbeat.prefix": "db-heartbeat.beat"}},
		{name: "db-transaction", resource: ".transaction", op: mayWrite, says: "WRITE on the topic", before: b.captured(s, "db-transaction"),
			config: map[string]string{"provide.transaction.metadata": "true"}},
		{name: "db-notify", resource: ".notes", op: mayWrite, says: "WRITE on the topic",
			config: map[string]string{"notification.enabled.channels": "sink", "notification.sink.topic.name": "db-notify.notes"}},
		{name: "db-signal", resource: ".signals", op: mayRead, says: "READ on the topic", config: signals},
		{name: "db-signal-describe", resource: ".signals", op: mayDescribe, says: "DESCRIBE on the topic", config: signals},
		{name: "db-signal-see", kind: onGroup, op: mayDescribe, says: "DESCRIBE on the group", config: signals},
		{name: "db-signal-commit", kind: onGroup, op: mayRead, says: "READ on the group", config: signals,
			miss: func(t *testing.T, _ string) { b.signal(t, "db-signal-commit", "one") }},
	} {
		d.worker, d.resource = w, d.name+d.resource
		if d.kind == 0 {
			d.kind = onTopic
		}
		d.config = joined(sourceOf(who, s.db, address, d.name, 7100+i), d.config)
		captured := b.captured(s, d.name)
		d.works = captured
		if d.config["signal.enabled.channels"] != "" {
			b.signalTopic(t, d.name)
			d.works = func(t *testing.T, url string) {
				captured(t, url)
				b.heard(t, w, d.name)
			}
		}
		t.Run(d.name, func(t *testing.T) { d.play(t, b, who.principal) })
	}
}

// sourceOf is a MySQL connector whose history and signals authenticate as the worker does.
func sourceOf(c client, db *peer.Database, bootstrap, name string, id int) map[string]string {
	config := db.Connector(bootstrap, name, map[string]string{
		"database.server.id": strconv.Itoa(id), "database.include.list": "shop", "schema.history.internal.kafka.topic": name + ".history",
		"signal.kafka.topic": name + ".signals", "signal.kafka.groupId": name, "signal.kafka.bootstrap.servers": bootstrap,
	})
	return joined(config, prefixed(c.properties, "schema.history.internal.producer.", "schema.history.internal.consumer.", "signal.consumer."))
}

func (b rights) signalTopic(t *testing.T, name string) {
	t.Helper()
	if err := b.admin.CreateTopic(name+".signals", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
}

// signal asks a connector to log a message.
func (b rights) signal(t *testing.T, name, message string) {
	t.Helper()
	p, err := sarama.NewSyncProducerFromClient(b.client)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	value := fmt.Sprintf(`{"type": "log", "data": {"message": "%s heard %s"}}`, name, message)
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: name + ".signals", Key: sarama.StringEncoder(name), Value: sarama.StringEncoder(value)}); err != nil {
		t.Fatal(err)
	}
}

// heard sends a signal and waits until it is obeyed and its offset is committed.
func (b rights) heard(t *testing.T, w *supervised, name string) {
	t.Helper()
	b.signal(t, name, "all")
	w.waitLine(t, name+" heard all")
	end := rig.End(b.client, name+".signals")
	rig.Eventually(t, "the signal's offset is committed", func() error {
		offsets, err := b.admin.ListConsumerGroupOffsets(name, map[string][]int32{name + ".signals": {0}})
		if err != nil {
			return err
		}
		block := offsets.GetBlock(name+".signals", 0)
		if block == nil || block.Offset != end {
			return errors.Join(fmt.Errorf("the offset is %v, not %d", block, end))
		}
		return nil
	})
}
