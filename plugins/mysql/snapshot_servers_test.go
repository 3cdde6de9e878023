//go:build servers

package mysql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Every way to lock gives the same rows, over one connection and over several, and the stream goes on behind them.
func TestSnapshotLocking(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			mustExec(t, db, "CREATE DATABASE locks", "CREATE TABLE locks.a (id INT PRIMARY KEY, v INT NOT NULL)", "CREATE TABLE locks.b (id INT PRIMARY KEY, v INT NOT NULL)",
				"INSERT INTO locks.b VALUES (1,1)")
			for i := range 100 {
				mustExec(t, db, fmt.Sprintf("INSERT INTO locks.a VALUES (%d,%d)", i, i))
			}
			next := 100
			for i, mode := range []string{"minimal", "minimal_percona", "extended", "none"} {
				for _, threads := range []string{"1", "4"} {
					t.Run(mode+" "+threads, func(t *testing.T) {
						l := newLife(t, db, 5800+i, map[string]string{
							"database.include.list": "locks", "include.schema.changes": "false",
							"snapshot.locking.mode": mode, "snapshot.max.threads": threads, "snapshot.chunk.rows": "7",
						})
						l.start()
						checkSnapshot(t, texts(l.take(next+1)), next)
						mustExec(t, db, fmt.Sprintf("INSERT INTO locks.a VALUES (%d,0)", next))
						wantRecords(t, l.take(1), fmt.Sprintf(`p.locks.a {"id":%d} c null->{"id":%[1]d,"v":0} false 0`, next))
						next++
					})
				}
			}
		})
	}
}

// checkSnapshot checks rows 0 to n-1 of table a in order, then that of b, with their markers.
func checkSnapshot(t *testing.T, got []string, n int) {
	t.Helper()
	var want []string
	for i := range n {
		marker, v := "true", i
		switch i {
		case 0:
			marker = "first"
		case n - 1:
			marker = "last_in_data_collection"
		}
		if i >= 100 {
			v = 0
		}
		want = append(want, fmt.Sprintf(`p.locks.a {"id":%d} r null->{"id":%[1]d,"v":%d} %s 0`, i, v, marker))
	}
	want = append(want, `p.locks.b {"id":1} r null->{"id":1,"v":1} last 0`)
	if !slices.Equal(got, want) {
		t.Errorf("records:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
