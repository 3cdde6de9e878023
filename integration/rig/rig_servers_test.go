//go:build servers

package rig_test

import (
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Both servers keep what was committed when they are killed, and come back on the same port.
func TestDatabasesSurviveKill(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			if err := db.Exec("CREATE DATABASE kept", "CREATE TABLE kept.t (i INT PRIMARY KEY)", "INSERT INTO kept.t VALUES (7)"); err != nil {
				t.Fatal(err)
			}
			pid, port := db.Pid(), db.Port
			db.Kill()
			if db.Running() {
				t.Fatal("still running after Kill")
			}
			if err := db.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if db.Pid() == pid || db.Port != port {
				t.Errorf("pid %d, port %d after the restart; %d, %d before", db.Pid(), db.Port, pid, port)
			}
			if got := number(t, db, "SELECT i FROM kept.t"); got != 7 {
				t.Errorf("%d is kept; want 7", got)
			}
			if err := db.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The binlog settings are those that a connector needs and that recordings were made with.
func TestBinlogSettings(t *testing.T) {
	for name, c := range map[string]struct {
		start  func(testing.TB, ...string) *peer.Database
		server int64
	}{"mysql": {rig.MySQL, 223344}, "mariadb": {rig.MariaDB, 223345}} {
		t.Run(name, func(t *testing.T) {
			db := c.start(t)
			if got := number(t, db, "SELECT @@server_id"); got != c.server {
				t.Errorf("server_id is %d; want %d", got, c.server)
			}
			if got := number(t, db, "SELECT @@log_bin AND @@binlog_format = 'ROW' AND @@binlog_row_image = 'FULL'"); got != 1 {
				t.Error("the server does not log full row images")
			}
		})
	}
}

func number(t *testing.T, db *peer.Database, query string) int64 {
	t.Helper()
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	result, err := conn.Execute(query)
	if err != nil {
		t.Fatal(err)
	}
	n, err := result.GetInt(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
