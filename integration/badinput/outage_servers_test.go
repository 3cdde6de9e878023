//go:build servers

package badinput

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/rig"
)

// A task that streams goes on by itself after an outage, and no change is lost or doubled.
func TestTasksOutliveOutages(t *testing.T) {
	db, b := rig.MySQL(t), newBed(t)
	shop(t, db)
	client := rig.Client(t, b.kafka)
	for name, changes := range map[string]map[string]string{
		"keeps": nil,
		"again": {"connect.keep.alive": "false"},
	} {
		b.create(t, name, b.connector(name, db, "all", changes))
		rig.WaitRecords(t, b.kafka, name+".shop.a", 2)
		b.logged(t, "Reading the binlog", "connector="+name+" ")
	}
	id := 2
	insert := func(t *testing.T) {
		t.Helper()
		id++
		run(t, db, fmt.Sprintf("INSERT INTO shop.a VALUES (%d,'more')", id))
		b.expect(t, client, id)
	}
	insert(t)
	t.Run("server restart", func(t *testing.T) {
		if err := db.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		insert(t)
	})
	t.Run("server killed", func(t *testing.T) {
		db.Kill()
		b.logged(t, "level=WARN", "connecting again", "nothing answers at "+db.Address())
		b.logged(t, "level=WARN", "the task starts again", "connector=again ")
		if err := db.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		insert(t)
	})
	t.Run("connections killed", func(t *testing.T) {
		rig.KillConnections(t, db, "all")
		insert(t)
	})
	t.Run("user dropped and made again", func(t *testing.T) {
		run(t, db, "RENAME USER 'all'@'%' TO 'gone'@'%'")
		rig.KillConnections(t, db, "all")
		b.logged(t, "level=WARN", "connecting again", "does not let user", "connector=keeps ")
		run(t, db, "RENAME USER 'gone'@'%' TO 'all'@'%'")
		insert(t)
	})
	t.Run("pause and resume", func(t *testing.T) {
		for _, name := range outlivers() {
			rig.Call(t, http.MethodPut, b.worker.URL()+"/connectors/"+name+"/pause", "", http.StatusAccepted)
			eventually(t, func() error {
				task, err := b.task(t, name)
				if err == nil && task.State != "PAUSED" {
					err = fmt.Errorf("%s is %s", name, task.State)
				}
				return err
			})
		}
		id++
		run(t, db, fmt.Sprintf("INSERT INTO shop.a VALUES (%d,'while paused')", id))
		for _, name := range outlivers() {
			b.resume(t, name)
		}
		insert(t)
	})
	for _, name := range outlivers() {
		if task, err := b.task(t, name); err != nil || task.State != "RUNNING" {
			t.Errorf("%s: %v, %v", name, task, err)
		}
		sequence(t, client, name+".shop.a", id)
	}
}

// outlivers are the connectors of TestTasksOutliveOutages: one whose reader connects again, and one that starts again.
func outlivers() []string { return []string{"keeps", "again"} }

// expect waits until both connectors have written n records.
func (b *bed) expect(t *testing.T, client sarama.Client, n int) {
	t.Helper()
	for _, name := range outlivers() {
		eventually(t, func() error {
			if task, err := b.task(t, name); err == nil && task.State == "FAILED" {
				t.Fatalf("the task of %s has failed: %s", name, task.Trace)
			}
			if end := rig.End(client, name+".shop.a"); end < int64(n) {
				return fmt.Errorf("%s has %d records of %d", name, end, n)
			}
			return nil
		})
	}
}

// sequence checks that a topic holds the rows 1 to n, each once.
func sequence(t *testing.T, client sarama.Client, topic string, n int) {
	t.Helper()
	id := 0
	rig.Read(t, client, topic, func(m *sarama.ConsumerMessage) bool {
		id++
		if want := fmt.Sprintf(`"payload":{"id":%d}`, id); !strings.Contains(string(m.Key), want) {
			t.Errorf("%s: record %d has the key %s", topic, id, m.Key)
		}
		return id == n
	})
}
