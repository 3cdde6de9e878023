//go:build servers

package badinput

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// What is wrong with the server or its user is said when the connector is created, in the log, and in the trace of the
// task, which fails.
func TestServerThatCannotServe(t *testing.T) {
	db, b := rig.MySQL(t), newBed(t)
	shop(t, db)
	for name, c := range map[string]struct{ wrong, right, names string }{
		"statement": {"SET GLOBAL binlog_format='STATEMENT'", "SET GLOBAL binlog_format='ROW'", "binlog_format is STATEMENT"},
		"mixed":     {"SET GLOBAL binlog_format='MIXED'", "SET GLOBAL binlog_format='ROW'", "binlog_format is MIXED"},
		"minimal":   {"SET GLOBAL binlog_row_image='MINIMAL'", "SET GLOBAL binlog_row_image='FULL'", "binlog_row_image is MINIMAL"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, db, c.wrong)
			defer run(t, db, c.right)
			b.fails(t, name, b.connector(name, db, "all", nil), c.names, "run SET GLOBAL")
		})
	}
	for name, c := range map[string]struct{ privileges, lacks string }{
		"no-select": {"RELOAD, LOCK TABLES, REPLICATION CLIENT, REPLICATION SLAVE", "SELECT"},
		"no-client": {"SELECT, RELOAD, LOCK TABLES, REPLICATION SLAVE", "REPLICATION CLIENT"},
		"no-slave":  {"SELECT, RELOAD, LOCK TABLES, REPLICATION CLIENT", "REPLICATION SLAVE"},
		"no-right":  {"", "SELECT"},
	} {
		t.Run(name, func(t *testing.T) {
			user(t, db, name, c.privileges)
			b.fails(t, name, b.connector(name, db, name, nil), c.lacks+" privilege", "GRANT "+c.lacks+" ON *.* TO '"+name+"'@'%'")
		})
	}
	t.Run("no locks", func(t *testing.T) {
		user(t, db, "nolocks", "SELECT, REPLICATION CLIENT, REPLICATION SLAVE")
		b.create(t, "nolocks", b.connector("nolocks", db, "nolocks", nil))
		wantTexts(t, b.failed(t, "nolocks"), "neither the RELOAD nor the LOCK TABLES privilege", "snapshot.locking.mode", "GRANT RELOAD")
		b.remove(t, "nolocks")
	})
	t.Run("table locks", func(t *testing.T) {
		user(t, db, "locks", "SELECT, LOCK TABLES, REPLICATION CLIENT, REPLICATION SLAVE")
		b.create(t, "locks", b.connector("locks", db, "locks", nil))
		rig.WaitRecords(t, b.kafka, "locks.shop.a", 2)
		run(t, db, "INSERT INTO shop.a VALUES (3,'z')")
		rig.WaitRecords(t, b.kafka, "locks.shop.a", 3)
		b.logged(t, "the captured tables will be locked one by one", "grant RELOAD")
	})
	t.Run("table locks on one database", func(t *testing.T) {
		user(t, db, "some", "REPLICATION CLIENT, REPLICATION SLAVE")
		run(t, db, "GRANT SELECT, LOCK TABLES ON shop.* TO 'some'@'%'")
		b.create(t, "some", b.connector("some", db, "some", nil))
		rig.WaitRecords(t, b.kafka, "some.shop.a", 3)
	})
}

func TestServerWithoutBinlog(t *testing.T) {
	b := newBed(t)
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			db := start(t, "--skip-log-bin")
			run(t, db, "CREATE DATABASE shop")
			run(t, db, fmt.Sprintf("CREATE USER 'all'@'%%' IDENTIFIED BY '%s'", secret), "GRANT ALL PRIVILEGES ON *.* TO 'all'@'%'")
			b.fails(t, name, b.connector(name, db, "all", nil), "writes no binlog", "log_bin")
		})
	}
}

// fails creates a connector whose task must fail. The texts are in its trace and in a warning of the worker's log.
func (b *bed) fails(t *testing.T, name string, config map[string]string, texts ...string) {
	t.Helper()
	b.create(t, name, config)
	trace := b.failed(t, name)
	wantTexts(t, trace, texts...)
	b.logged(t, append([]string{"level=WARN", "the task will fail", "connector=" + name + " "}, texts...)...)
	t.Logf("trace: %s", firstLine(trace))
	b.remove(t, name)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// What only the task can find out.
func TestTaskThatCannotGoOn(t *testing.T) {
	db, b := rig.MySQL(t), newBed(t)
	shop(t, db)
	t.Run("same server id", func(t *testing.T) {
		id := map[string]string{"database.server.id": "7777"}
		b.create(t, "one", b.connector("one", db, "all", id))
		rig.WaitRecords(t, b.kafka, "one.shop.a", 2)
		b.logged(t, "Reading the binlog", "connector=one")
		b.create(t, "two", b.connector("two", db, "all", id))
		trace := b.failed(t, "one")
		wantTexts(t, trace, "database.server.id", "7777", "a different number")
		t.Logf("trace: %s", firstLine(trace))
		b.remove(t, "one")
		b.remove(t, "two")
	})
	t.Run("no history", func(t *testing.T) {
		config := b.connector("nohist", db, "all", nil)
		b.create(t, "nohist", config)
		rig.WaitRecords(t, b.kafka, "nohist.shop.a", 2)
		b.stopped(t, "nohist")
		config["schema.history.internal.kafka.topic"] = "another-history"
		b.reconfigured(t, "nohist", config)
		trace := b.failed(t, "nohist")
		wantTexts(t, trace, "schema.history.internal.kafka.topic", "another-history", "snapshot.mode=recovery")
		t.Logf("trace: %s", firstLine(trace))
		b.remove(t, "nohist")
	})
	t.Run("purged", func(t *testing.T) {
		b.create(t, "purged", b.connector("purged", db, "all", nil))
		rig.WaitRecords(t, b.kafka, "purged.shop.a", 2)
		b.stopped(t, "purged")
		run(t, db, "INSERT INTO shop.a VALUES (9,'unread')", "FLUSH BINARY LOGS", "INSERT INTO shop.a VALUES (10,'read')", "FLUSH BINARY LOGS", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
		b.resume(t, "purged")
		trace := b.failed(t, "purged")
		wantTexts(t, trace, "purged", "snapshot.mode=when_needed")
		t.Logf("trace: %s", firstLine(trace))
		b.remove(t, "purged")
	})
}

// stopped stops a connector once its offsets are committed.
func (b *bed) stopped(t *testing.T, name string) {
	t.Helper()
	rig.Call(t, http.MethodPut, b.worker.URL()+"/connectors/"+name+"/stop", "", http.StatusNoContent)
	eventually(t, func() error {
		_, text := b.ask(t, http.MethodGet, "/connectors/"+name+"/status", nil)
		if !strings.Contains(text, `"state":"STOPPED"`) || !strings.Contains(text, `"tasks":[]`) {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
}

func (b *bed) resume(t *testing.T, name string) {
	t.Helper()
	rig.Call(t, http.MethodPut, b.worker.URL()+"/connectors/"+name+"/resume", "", http.StatusAccepted)
}

// reconfigured changes the configuration of a stopped connector and resumes it.
func (b *bed) reconfigured(t *testing.T, name string, config map[string]string) {
	t.Helper()
	status, text := b.ask(t, http.MethodPut, "/connectors/"+name+"/config", config)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	b.resume(t, name)
}
