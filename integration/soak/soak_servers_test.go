//go:build servers

package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// pause between steps keeps the backlog small: the worker is away for much of the time.
const pause = 20 * time.Millisecond

// defaultDuration is how long the test of the suite changes rows; MILLRACE_SOAK gives another.
const defaultDuration = 15 * time.Second

const (
	prefix   = "soak"
	offsets  = "soak-offsets"
	database = "soak_db"
	lastRow  = "the end"
)

func TestSoakMySQL(t *testing.T) {
	t.Parallel()
	soak(t, rig.MySQL(t, "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"), mysqlDialect())
}

func TestSoakMariaDB(t *testing.T) {
	t.Parallel()
	soak(t, rig.MariaDB(t, "--innodb-flush-log-at-trx-commit=0"), mariadbDialect())
}

// bed is a database, a broker and a worker with one connector.
type bed struct {
	db     *peer.Database
	worker *peer.Worker
	client sarama.Client
	kills  int
}

func soak(t *testing.T, db *peer.Database, d dialect) {
	random, duration := seedAndDuration(t)
	kafka := rig.FakeKafka(t)
	b := &bed{db: db, client: rig.Client(t, kafka)}
	b.worker = rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka, Properties: map[string]string{
		"session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "0", "rebalance.timeout.ms": "3000",
		"offset.flush.interval.ms": "500", "offset.storage.partitions": "1", "offset.storage.topic": offsets, "value.converter.schemas.enable": "false", "key.converter.schemas.enable": "false",
	}})
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := newWriter(t, conn, rand.New(rand.NewPCG(random.Uint64(), 1)), d)
	rig.CreateConnector(t, b.worker.URL(), "soak", connector(db, kafka))
	b.waitSnapshot(t)

	until := time.Now().Add(duration)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		b.disturb(t, rand.New(rand.NewPCG(random.Uint64(), 2)), until)
	}()
	for time.Now().Before(until) && !t.Failed() {
		w.step()
		time.Sleep(pause)
	}
	<-killed
	w.finish(lastRow)
	b.compare(t, conn, w)
	t.Logf("%d statements, of which %d changed a structure; %d kills; %d tables with %d rows at the end",
		w.statements, w.structures, b.kills, len(w.tables), w.rows())
}

func seedAndDuration(t *testing.T) (*rand.Rand, time.Duration) {
	t.Helper()
	random, duration := rig.Random(t), defaultDuration
	if text := os.Getenv("MILLRACE_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("MILLRACE_SOAK: %v", err)
		}
	}
	t.Logf("MILLRACE_SOAK=%s", duration)
	return random, duration
}

func connector(db *peer.Database, kafka string) map[string]string {
	return db.Connector(kafka, prefix, map[string]string{
		"database.include.list": database,
		"skipped.operations":    "none", "decimal.handling.mode": "string", "time.precision.mode": "isostring",
		"bigint.unsigned.handling.mode": "precise", "binary.handling.mode": "hex", "retriable.restart.connector.wait.ms": "100",
		"connect.keep.alive.interval.ms": "1000",
	})
}

// waitSnapshot waits until the snapshot is done and its end is committed. Rows that are deleted while a snapshot runs that
// is then begun anew stay in the topics, as with Debezium: a snapshot knows of no deletes.
func (b *bed) waitSnapshot(t *testing.T) {
	t.Helper()
	rig.Eventually(t, "the snapshot's end", func() error {
		var answer struct {
			Offsets []struct{ Offset map[string]any }
		}
		if err := json.Unmarshal(rig.Call(t, http.MethodGet, b.worker.URL()+"/connectors/soak/offsets", "", http.StatusOK), &answer); err != nil {
			return err
		}
		if len(answer.Offsets) != 1 || answer.Offsets[0].Offset["snapshot"] != nil {
			return fmt.Errorf("offsets: %v", answer.Offsets)
		}
		return nil
	})
}

// disturb kills the worker, or the connections of its connector, at random moments, each after offsets have been
// committed since the last: a worker that is killed before it gets to work proves nothing.
func (b *bed) disturb(t *testing.T, random *rand.Rand, until time.Time) {
	for {
		b.waitCommit(until)
		wait := time.Duration(1+random.IntN(3000)) * time.Millisecond
		if time.Now().Add(wait).After(until) || t.Failed() {
			return
		}
		time.Sleep(wait)
		b.kills++
		if random.IntN(3) == 0 {
			if err := b.db.KillConnections(peer.ConnectorUser); err != nil {
				t.Error(err)
			}
			continue
		}
		b.worker.Kill()
		if err := b.worker.Restart(t.Context()); err != nil {
			t.Error(err)
			return
		}
	}
}

// waitCommit waits until an offset is committed.
func (b *bed) waitCommit(until time.Time) {
	before := rig.End(b.client, offsets)
	for time.Now().Before(until) && rig.End(b.client, offsets) == before {
		time.Sleep(50 * time.Millisecond)
	}
}

// catchUp waits as long as offsets are committed, or two minutes for the next.
func (b *bed) catchUp(t *testing.T, w *writer) {
	t.Helper()
	for {
		there := 0
		for _, table := range w.tables {
			if rig.End(b.client, prefix+"."+database+"."+table.name) > 0 {
				there++
			}
		}
		if there == len(w.tables) {
			return
		}
		before := rig.End(b.client, offsets)
		b.waitCommit(time.Now().Add(2 * time.Minute))
		if rig.End(b.client, offsets) == before {
			t.Fatalf("nothing was committed for two minutes; %d of %d tables have topics", there, len(w.tables))
		}
	}
}

// compare waits for the last row and compares each table with the fold of its topic.
func (b *bed) compare(t *testing.T, conn *client.Conn, w *writer) {
	t.Helper()
	b.catchUp(t, w)
	for _, table := range w.tables {
		want := tableRows(t, conn, table)
		got := foldTopic(t, b.client, prefix+"."+database+"."+table.name, lastRow)
		compareRows(t, table.name, got, want)
	}
}
