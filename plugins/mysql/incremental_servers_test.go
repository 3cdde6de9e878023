//go:build servers

package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// TestChunksAmongRandomChanges takes incremental snapshots of a table while rows
// of it change at random and the connector is killed now and then. Folded, the
// records are the table; and no older version of a row follows a newer one.
func TestChunksAmongRandomChanges(t *testing.T) {
	t.Parallel()
	mysql := func() *peer.Database { return rig.MySQL(t) }
	for _, c := range []struct {
		name   string
		db     func() *peer.Database
		config map[string]string
	}{
		{"insert_insert", mysql, nil},
		{"insert_delete", mysql, map[string]string{"incremental.snapshot.watermarking.strategy": "insert_delete"}},
		{"read-only by GTID", mysql, map[string]string{"read.only": "true"}},
		{"read-only without GTIDs", func() *peer.Database { return rig.MySQL(t, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF") }, map[string]string{"read.only": "true"}},
		{"read-only on MariaDB", func() *peer.Database { return rig.MariaDB(t) }, map[string]string{"read.only": "true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			chunksAmongChanges(t, c.db(), c.config, 7)
		})
	}
}

// versioned follows the versions of rows.
type versioned struct {
	t    *testing.T
	rows map[string]int64 // as the records say, by key
	last map[string]int64 // greatest version seen in this life, by key
	seen map[string]int   // records by operation
}

// row is one row of the table; versions only grow.
type versionedRow struct{ A, V int64 }

func (v *versioned) take(r record) (done bool) {
	var e struct {
		Op            string
		Type          string
		Before, After *versionedRow
	}
	if r.value == "" || json.Unmarshal([]byte(r.value), &e) != nil {
		return false
	}
	if e.Type == "COMPLETED" && strings.Contains(r.value, "Incremental") {
		return true
	}
	if r.topic != "p.chunks.t" {
		return false
	}
	v.seen[e.Op]++
	if e.After == nil {
		v.last[r.key] = max(v.last[r.key], e.Before.V+1) // what was deleted must not come again
		delete(v.rows, r.key)
		return false
	}
	if e.After.V < v.last[r.key] {
		v.t.Errorf("%s of %s has version %d, but %d or its deletion was there before", e.Op, r.key, e.After.V, v.last[r.key])
	}
	v.last[r.key], v.rows[r.key] = e.After.V, e.After.V
	return false
}

func chunksAmongChanges(t *testing.T, db *peer.Database, config map[string]string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	mustExec(t, db, "CREATE DATABASE chunks", "CREATE TABLE chunks.signals (id VARCHAR(64) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048) NULL)",
		"CREATE TABLE chunks.t (a INT, b VARCHAR(10) CHARACTER SET latin1, v BIGINT NOT NULL, PRIMARY KEY (a, b))")
	file := filepath.Join(t.TempDir(), "signals")
	all := map[string]string{
		"database.include.list": "chunks", "snapshot.mode": "no_data", "incremental.snapshot.chunk.size": "25", "signal.enabled.channels": "source,file",
		"signal.data.collection": "chunks.signals", "signal.file": file, "signal.poll.interval.ms": "20", "include.schema.changes": "false",
		"notification.enabled.channels": "sink", "notification.sink.topic.name": "notes",
	}
	maps.Copy(all, config)
	version := int64(0)
	change := func(r *rand.Rand) string {
		version++
		a, b := r.IntN(30), []string{"x", "ä", "Z"}[r.IntN(3)]
		switch r.IntN(6) {
		case 0:
			return fmt.Sprintf("DELETE FROM chunks.t WHERE a = %d AND b = '%s'", a, b)
		case 1:
			return fmt.Sprintf("UPDATE IGNORE chunks.t SET a = %d, v = %d WHERE a = %d AND b = '%s'", r.IntN(30), version, a, b)
		}
		return fmt.Sprintf("REPLACE INTO chunks.t VALUES (%d, '%s', %d)", a, b, version)
	}
	for range 80 {
		mustExec(t, db, change(r))
	}
	l := newLife(t, db, 7000+int(seed), all)
	l.start()
	v := &versioned{t: t, rows: map[string]int64{}, last: map[string]int64{}, seen: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	writing := make(chan error, 1)
	go func() { writing <- writeChanges(ctx, db, change, seed, 1000) }()
	execute := func() {
		if err := os.WriteFile(file, []byte(`{"id":"s","type":"execute-snapshot","data":{"data-collections":["chunks.t"]}}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	execute()
	kills, completed, written, marked := 0, false, false, false
	for ctx.Err() == nil && (!completed || !written || !marked) {
		short, stop := context.WithTimeout(ctx, 3*time.Second)
		got, err := l.poll(short, 20)
		stop()
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range got {
			if v.take(rec) {
				if completed = written; !completed {
					execute() // again and again, as long as rows change
				}
			}
			marked = marked || strings.Contains(rec.value, `"the end"`)
			if rec.offset != nil {
				l.runtime.offset = committed(t, rec.offset)
			}
		}
		if v.seen["r"] > 5 && kills < 3 && r.IntN(4) == 0 {
			kills++
			l.stop()
			l.start()
			clear(v.last) // what was read twice comes again
			if l.runtime.offset["incremental_snapshot_collections"] == nil {
				execute() // it had ended, and its notification may have gone with the life before
			}
		}
		select {
		case err := <-writing:
			if err != nil {
				t.Fatal(err)
			}
			mustExec(t, db, "INSERT INTO chunks.signals VALUES ('the end', 'log', NULL)")
			written = true
		default:
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("completed %t, written %t, marked %t; records %v; %s", completed, written, marked, v.seen, l.log.String())
	}
	want := map[string]int64{}
	for _, row := range tableRows(t, db) {
		want[row.key] = row.version
	}
	if !maps.Equal(v.rows, want) {
		t.Errorf("the records make\n%v\nthe table is\n%v", v.rows, want)
	}
	if v.seen["r"] == 0 {
		t.Error("no row was read by chunks")
	}
}

// writeChanges changes rows while the snapshot runs.
func writeChanges(ctx context.Context, db *peer.Database, change func(*rand.Rand) string, seed uint64, n int) error {
	conn, err := db.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Execute("SET NAMES utf8mb4"); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for range n {
		if _, err := conn.Execute(change(r)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(r.IntN(3)) * time.Millisecond):
		}
	}
	return nil
}

type keyedVersion struct {
	key     string
	version int64
}

func tableRows(t *testing.T, db *peer.Database) (rows []keyedVersion) {
	t.Helper()
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	result, err := conn.Execute("SELECT a, CONVERT(b USING utf8mb4), v FROM chunks.t")
	if err != nil {
		t.Fatal(err)
	}
	for i := range result.RowNumber() {
		a, err1 := result.GetInt(i, 0)
		b, err2 := result.GetString(i, 1)
		v, err3 := result.GetInt(i, 2)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		rows = append(rows, keyedVersion{fmt.Sprintf(`{"a":%d,"b":%q}`, a, b), v})
	}
	return rows
}

// TestAddedTablesAreFilledIn widens the include list of a connector.
func TestAddedTablesAreFilledIn(t *testing.T) {
	t.Parallel()
	db := rig.MySQL(t)
	mustExec(t, db, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "CREATE TABLE shop.b (id INT PRIMARY KEY)",
		"INSERT INTO shop.a VALUES (1)", "INSERT INTO shop.b VALUES (1), (2)")
	l := newLife(t, db, 7101, map[string]string{
		"table.include.list": "shop.a", "snapshot.added.tables": "backfill", "include.schema.changes": "false",
	})
	l.start()
	l.take(1)
	mustExec(t, db, "INSERT INTO shop.b VALUES (3)", "INSERT INTO shop.a VALUES (2)")
	l.take(1)
	l.stop()
	l.config["table.include.list"] = "shop.a,shop.b"
	l.start()
	wantRecords(t, l.take(3),
		`p.shop.b {"id":1} r null->{"id":1} incremental 0`,
		`p.shop.b {"id":2} r null->{"id":2} incremental 0`,
		`p.shop.b {"id":3} r null->{"id":3} incremental 0`)
	mustExec(t, db, "INSERT INTO shop.b VALUES (4)")
	wantRecords(t, l.take(1), `p.shop.b {"id":4} c null->{"id":4} false 0`)
	l.stop()
	l.start() // nothing is new any more
	mustExec(t, db, "INSERT INTO shop.b VALUES (5)")
	wantRecords(t, l.take(1), `p.shop.b {"id":5} c null->{"id":5} false 0`)
}

// TestTablesThatMayBeNew widens the include list together with snapshot.added.tables=backfill: the offset does not tell what
// is new, and the log says so.
func TestTablesThatMayBeNew(t *testing.T) {
	t.Parallel()
	db := rig.MySQL(t)
	mustExec(t, db, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "CREATE TABLE shop.b (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	for i, c := range []struct {
		only, want string
		told       bool
	}{
		{"true", `tables=shop.b data="{\"data-collections\":[\"shop.b\"]}"`, true},
		{"true", "does not tell yet", false}, // nothing is new
		{"false", "does not tell yet which tables it has captured; it will from now on", true},
	} {
		l := newLife(t, db, 7110+i, map[string]string{
			"table.include.list": "shop.a", "include.schema.changes": "false", "schema.history.internal.store.only.captured.tables.ddl": c.only,
		})
		l.start()
		l.take(1)
		mustExec(t, db, fmt.Sprintf("INSERT INTO shop.a VALUES (%d)", 2+2*i))
		l.take(1)
		l.stop()
		l.config["snapshot.added.tables"] = "backfill"
		if c.told {
			l.config["table.include.list"] = "shop.a,shop.b"
		}
		l.start()
		mustExec(t, db, fmt.Sprintf("INSERT INTO shop.a VALUES (%d)", 3+2*i))
		if got := l.take(1)[0].offset[fieldCaptured]; got == nil {
			t.Errorf("%v: the offset does not tell either", c)
		}
		if strings.Contains(l.log.String(), c.want) != c.told {
			t.Errorf("%v: %s", c, l.log.String())
		}
		l.stop()
		mustExec(t, db, "DELETE FROM shop.a WHERE id > 1")
	}
}
