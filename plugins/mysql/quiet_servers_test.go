//go:build servers

package mysql

import (
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/connect"
)

// Snapshots beside the stream end on a server on which nothing happens any more, whatever the last statement in its
// binlog was: not every one ends a transaction.
func TestSnapshotsEndOnAQuietServer(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := start(t)
			mustExec(t, db, "CREATE DATABASE still", "CREATE TABLE still.t (a INT PRIMARY KEY)", "INSERT INTO still.t VALUES (1), (2)")
			l := newLife(t, db, 7140, map[string]string{
				"database.include.list": "still", "table.include.list": "still.t", "signal.enabled.channels": "in-process", "read.only": "true",
				"include.schema.changes": "false",
			})
			l.start()
			l.take(2)
			for _, c := range []struct {
				name       string
				statements []string
			}{
				{"DDL", []string{"CREATE TABLE still.u (a INT)"}},
				{"a new file", []string{"FLUSH BINARY LOGS"}},
				{"XA PREPARE", []string{"XA START 'x1'", "INSERT INTO still.u VALUES (78)", "XA END 'x1'", "XA PREPARE 'x1'"}},
				{"XA COMMIT", []string{"XA COMMIT 'x1'"}},
				{"XA ROLLBACK", []string{"XA START 'x2'", "INSERT INTO still.u VALUES (79)", "XA END 'x2'", "XA PREPARE 'x2'", "XA ROLLBACK 'x2'"}},
			} {
				odd(t, db, l, c.statements)
				for _, kind := range []string{"INCREMENTAL", "BLOCKING"} {
					if err := l.task.(connect.SignalTaker).Signal(connect.Signal{
						ID: c.name, Type: "execute-snapshot", Data: `{"data-collections":["still.t"],"type":"` + kind + `"}`,
					}); err != nil {
						t.Fatal(err)
					}
					t.Logf("%s behind %s", kind, c.name)
					for _, want := range []string{"1/r", "2/r"} {
						if got := operation(t, l.take(1)[0]); got != want {
							t.Fatalf("got %s, want %s", got, want)
						}
					}
				}
			}
		})
	}
}
