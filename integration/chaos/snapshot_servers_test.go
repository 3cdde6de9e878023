//go:build servers

package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Promise: a snapshot whose worker is killed goes on where it was, while the table changes: what the topic folds to is the
// table, and far from all rows are read again.
func TestSnapshotGoesOn(t *testing.T) {
	random := rig.Random(t)
	c := newCase(t, map[string]string{"exactly.once.source.support": "disabled", "offset.flush.interval.ms": "50"})
	fillWide(t, c.db)
	config := c.connector()
	config["snapshot.max.threads"], config["snapshot.chunk.rows"] = "3", "2000"
	config["database.port"] = slowly(t, c.db.Address())
	rig.CreateConnector(t, c.worker.URL(), "chaos", config)

	stop := rig.Rounds(t, c.db, 2*time.Millisecond, wideChanges(rand.New(rand.NewPCG(random.Uint64(), 0))))
	done := 0
	for range snapshotKill {
		done = c.killCommitted(t, done+random.IntN(wideRows/5))
	}
	c.waitProgress(t)
	stop()
	const end = 10 * wideRows
	if err := c.db.Exec(fmt.Sprintf("INSERT INTO shop.t VALUES (%d, 0, '')", end)); err != nil {
		t.Fatal(err)
	}
	topic, read := c.fold(t, end)
	table := rig.Versions(t, c.db)
	if !maps.Equal(topic, table) {
		t.Errorf("the topic folds to %d rows, the table has %d", len(topic), len(table))
		for id, v := range table {
			if topic[id] != v {
				t.Fatalf("row %d has version %d, the table %d", id, topic[id], v)
			}
		}
	}
	t.Logf("%d rows of %d were read", read, wideRows)
	if read > wideRows*3/2 {
		t.Errorf("%d rows of %d were read: the snapshot began anew", read, wideRows)
	}
}

// slowly lets connections to a server through, so slowly that a snapshot takes seconds, and returns the port for them.
func slowly(t *testing.T, address string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, client); server.Close() }()
				buffer := make([]byte, 64<<10)
				for {
					n, err := server.Read(buffer)
					if _, failed := client.Write(buffer[:n]); err != nil || failed != nil {
						return
					}
					time.Sleep(time.Duration(n) * time.Second / bytesPerSecond)
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// bytesPerSecond is what each connection to the database gets.
const bytesPerSecond = 3 << 20

// wideRows rows of 1 KB take a moment to be read.
const wideRows = 60_000

func fillWide(t *testing.T, db *peer.Database) {
	t.Helper()
	err := db.Exec("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v INT NOT NULL, pad VARCHAR(1000) NOT NULL)",
		"SET SESSION cte_max_recursion_depth = 1000000",
		fmt.Sprintf("INSERT INTO shop.t WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < %d) SELECT id, 0, REPEAT('x', 1000) FROM n", wideRows-1))
	if err != nil {
		t.Fatal(err)
	}
}

// wideChanges change rows at random; the versions of rows only grow.
func wideChanges(random *rand.Rand) func(version int) []string {
	return func(version int) []string {
		id := random.IntN(wideRows)
		return []string{[...]string{
			fmt.Sprintf("UPDATE shop.t SET v = %d WHERE id BETWEEN %d AND %d", version, id, id+3),
			fmt.Sprintf("DELETE FROM shop.t WHERE id = %d", id),
			fmt.Sprintf("REPLACE INTO shop.t VALUES (%d, %d, '')", id, version),
			fmt.Sprintf("UPDATE IGNORE shop.t SET v = %d, id = %d WHERE id = %d", version, random.IntN(wideRows), id),
		}[random.IntN(4)]}
	}
}

// killCommitted kills the worker when its offset says that this many rows of the snapshot are done, and starts it again. It
// returns how many were. A snapshot that ends before is as good a moment.
func (c *testCase) killCommitted(t *testing.T, rows int) (done int) {
	t.Helper()
	running := true
	for deadline := time.Now().Add(time.Minute); running && done <= rows && time.Now().Before(deadline); {
		done, running = c.committed(t)
		time.Sleep(2 * time.Millisecond)
	}
	said := c.progress(t)
	c.worker.Kill()
	t.Logf("killed the worker with %d rows done; it said %+v", done, said)
	if running && (said.State == "" || said.Rows < int64(done) || said.Percent <= 0) {
		t.Errorf("the API said %+v when %d rows were done", said, done)
	}
	if err := c.worker.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return done
}

// committed is how many rows of the snapshot are done by the connector's offset, and whether it runs.
func (c *testCase) committed(t *testing.T) (rows int, running bool) {
	t.Helper()
	var all struct {
		Offsets []struct {
			Offset struct {
				Snapshot   string
				Checkpoint string `json:"millrace_snapshot"`
			}
		}
	}
	status, body, err := rig.Ask(t.Context(), http.MethodGet, c.worker.URL()+"/connectors/chaos/offsets", "")
	if err != nil || status != http.StatusOK { // it has just started
		return 0, true
	}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Offsets) == 0 || all.Offsets[0].Offset.Checkpoint == "" {
		return 0, len(all.Offsets) == 0 || all.Offsets[0].Offset.Snapshot != ""
	}
	var checkpoint struct{ Total int }
	if err := json.Unmarshal([]byte(all.Offsets[0].Offset.Checkpoint), &checkpoint); err != nil {
		t.Fatal(err)
	}
	return checkpoint.Total, true
}

// waitProgress waits until the snapshot is done, by the connector's offset and by what the API says.
func (c *testCase) waitProgress(t *testing.T) {
	t.Helper()
	rig.Eventually(t, "the snapshot is done", func() error {
		if rows, running := c.committed(t); running {
			return fmt.Errorf("%d rows are done", rows)
		}
		p := c.progress(t)
		if p.State == "" { // it was done before the last kill
			return nil
		}
		if p.State != "DONE" || p.Percent != 100 || p.Rows != p.Estimated || p.Rows < wideRows/2 {
			return fmt.Errorf("the API says %+v", p)
		}
		return nil
	})
}

type progress struct {
	State           string
	Rows, Estimated int64
	Percent         float64
}

func (c *testCase) progress(t *testing.T) progress {
	t.Helper()
	var p struct {
		Tasks []struct {
			State     string
			Rows      int64
			Estimated int64 `json:"estimated_rows"`
			Percent   float64
		}
	}
	status, body, err := rig.Ask(t.Context(), http.MethodGet, c.worker.URL()+"/connectors/chaos/progress", "")
	if err != nil || status != http.StatusOK {
		return progress{}
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Tasks) == 0 {
		return progress{}
	}
	return progress(p.Tasks[0])
}

// fold reads the topic up to the row with the id end, and returns the version of each row, and how many rows were read by
// the snapshot.
func (c *testCase) fold(t *testing.T, end int) (versions map[int]int, read int) {
	t.Helper()
	versions = map[int]int{}
	rig.Read(t, c.client, topic, func(m *sarama.ConsumerMessage) bool {
		got := decode(t, m)
		switch got.Op {
		case "":
		case "d":
			delete(versions, got.Before.ID)
		case "r":
			read++
			fallthrough
		default:
			versions[got.After.ID] = got.After.V
		}
		return got.After.ID == end
	})
	return versions, read
}
