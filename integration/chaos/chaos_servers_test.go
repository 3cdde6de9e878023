//go:build servers

package chaos

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	snapshotRows = 100_000
	snapshotKill = 3
	streamKills  = 4
	topic        = "chaos.shop.t"
)

// guarantees are the configurations of the worker that promises are checked under.
var guarantees = map[string]map[string]string{
	"at-least-once": {"exactly.once.source.support": "disabled"},
	"exactly-once":  {"exactly.once.source.support": "enabled"},
}

// Promise: every row that is there when a snapshot begins comes out of it, however often the worker is killed.
func TestSnapshotLosesNoRow(t *testing.T) {
	for name, properties := range guarantees {
		t.Run(name, func(t *testing.T) {
			random := rig.Random(t)
			c := newCase(t, properties)
			fillTable(t, c.db, snapshotRows)
			rig.CreateConnector(t, c.worker.URL(), "chaos", c.connector())
			for range snapshotKill {
				c.killAfter(t, random.Int64N(snapshotRows))
			}
			missing := make(map[int]bool, snapshotRows)
			for id := range snapshotRows {
				missing[id] = true
			}
			rig.Read(t, c.client, topic, func(m *sarama.ConsumerMessage) bool {
				delete(missing, decode(t, m).After.ID)
				return len(missing) == 0
			})
		})
	}
}

// Promise: every committed change of a row comes out, each for the first time after the one before it, however often the
// worker is killed while it streams; and exactly once where that was asked for.
func TestStreamLosesNoChange(t *testing.T) {
	for name, properties := range guarantees {
		t.Run(name, func(t *testing.T) {
			random := rig.Random(t)
			c := newCase(t, properties)
			fillTable(t, c.db, 1)
			rig.CreateConnector(t, c.worker.URL(), "chaos", c.connector())
			rig.WaitRecords(t, c.kafka, topic, 1)

			stop := rig.Rounds(t, c.db, 0, changes)
			for range streamKills {
				c.killAfter(t, random.Int64N(2000))
			}
			c.checkStream(t, stop(), name == "exactly-once")
		})
	}
}

// testCase is a database, an embedded broker and a worker.
type testCase struct {
	db     *peer.Database
	kafka  string
	client sarama.Client
	worker *peer.Worker
}

func newCase(t *testing.T, properties map[string]string) *testCase {
	t.Helper()
	c := &testCase{db: rig.MySQL(t), kafka: rig.FakeKafka(t)}
	c.client = rig.Client(t, c.kafka)
	c.worker = rig.Worker(t, peer.WorkerConfig{Bootstrap: c.kafka, Properties: withFastGroup(properties)})
	return c
}

// withFastGroup lets the broker forget a killed worker after seconds, and gives its tasks out without waiting for it.
func withFastGroup(properties map[string]string) map[string]string {
	all := map[string]string{
		"session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "0",
		"offset.flush.interval.ms": "200", "value.converter.schemas.enable": "false",
	}
	for k, v := range properties {
		all[k] = v
	}
	return all
}

func (c *testCase) connector() map[string]string {
	return c.db.Connector(c.kafka, "chaos", map[string]string{"database.include.list": "shop", "include.schema.changes": "false"})
}

// killAfter waits until that many further records have reached the topic, kills the worker and starts it again. A
// snapshot that ends before is as good a moment.
func (c *testCase) killAfter(t *testing.T, records int64) {
	t.Helper()
	from := rig.End(c.client, topic)
	last, since := from, time.Now()
	for last < from+records && time.Since(since) < 3*time.Second {
		if end := rig.End(c.client, topic); end != last {
			last, since = end, time.Now()
		}
		time.Sleep(2 * time.Millisecond)
	}
	c.worker.Kill()
	t.Logf("killed the worker %d records after its last start", last-from)
	if err := c.worker.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// changes are those of round n: it inserts row n, updates it to n and, every tenth time, deletes the row before it, so
// that each change can be told from all others.
func changes(n int) []string {
	all := []string{
		fmt.Sprintf("INSERT INTO shop.t VALUES (%d, 0, '')", n),
		fmt.Sprintf("UPDATE shop.t SET v = %d WHERE id = %d", n, n),
	}
	if n%10 == 0 {
		all = append(all, fmt.Sprintf("DELETE FROM shop.t WHERE id = %d", n-1))
	}
	return all
}

// change is what is read of a change event.
type change struct {
	Op            string
	Before, After struct{ ID, V int }
}

func (c change) String() string {
	if c.Op == "d" {
		return fmt.Sprintf("d %d", c.Before.ID)
	}
	return fmt.Sprintf("%s %d %d", c.Op, c.After.ID, c.After.V)
}

func decode(t *testing.T, m *sarama.ConsumerMessage) change {
	t.Helper()
	var c change
	if m.Value == nil {
		return c // the tombstone after a delete
	}
	if err := json.Unmarshal(m.Value, &c); err != nil {
		t.Fatalf("offset %d: %v: %s", m.Offset, err, m.Value)
	}
	return c
}

// expected lists the changes that write made, in order.
func expected(written int) []string {
	var all []string
	for n := 1; n <= written; n++ {
		all = append(all, fmt.Sprintf("c %d 0", n), fmt.Sprintf("u %d %d", n, n))
		if n%10 == 0 {
			all = append(all, fmt.Sprintf("d %d", n-1))
		}
	}
	return all
}

// checkStream reads until the last change and compares the changes, in the order in which each came first.
func (c *testCase) checkStream(t *testing.T, written int, once bool) {
	t.Helper()
	want := expected(written)
	seen := make(map[string]int)
	next, repeated := 0, 0
	rig.Read(t, c.client, topic, func(m *sarama.ConsumerMessage) bool {
		got := decode(t, m)
		if got.Op == "" || got.Op == "r" {
			return false
		}
		text := got.String()
		if seen[text]++; seen[text] > 1 {
			repeated++
			return false
		}
		if text != want[next] {
			t.Fatalf("offset %d: %s came before %s, change %d of %d", m.Offset, text, want[next], next, len(want))
		}
		next++
		return next == len(want)
	})
	t.Logf("%d changes, %d of them repeated after a kill", len(want), repeated)
	if once && repeated != 0 {
		t.Errorf("%d changes came more than once", repeated)
	}
}

// fillTable creates the captured table with rows 0 to n-1.
func fillTable(t *testing.T, db *peer.Database, n int) {
	t.Helper()
	statements := []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v INT NOT NULL, pad VARCHAR(200) NOT NULL)"}
	const batch = 1000
	for first := 0; first < n; first += batch {
		var values []string
		for id := first; id < min(n, first+batch); id++ {
			values = append(values, fmt.Sprintf("(%d,-1,REPEAT('x',100))", id))
		}
		statements = append(statements, "INSERT INTO shop.t VALUES "+strings.Join(values, ","))
	}
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}
