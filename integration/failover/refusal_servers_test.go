//go:build servers

package failover

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

func text(t *testing.T, config map[string]string) string {
	t.Helper()
	body, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func uuid(t *testing.T, db *peer.Database) string {
	t.Helper()
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	result, err := conn.Execute("SELECT @@server_uuid")
	if err != nil {
		t.Fatal(err)
	}
	text, err := result.GetString(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The binlog is purged while the connector is cut off: the task fails, and a new snapshot mends it. With
// snapshot.mode=when_needed it takes one by itself.
func TestBinlogPurgedInMidRun(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, d)
			b.begin(t, nil)
			b.caughtUp(t)
			b.exec(t, b.replica, b.promote...)
			b.purge(t, 1)
			says(t, b.failed(t), "no longer has the binlog", "snapshot.mode", "when_needed")
			records := rig.End(b.client, "f.shop.a")
			again := b.config(map[string]string{"snapshot.mode": "when_needed"})
			rig.Call(t, http.MethodPut, b.worker.URL()+"/connectors/f/config", text(t, again), http.StatusOK)
			records = b.snapshot(t, records)
			b.purge(t, 2)
			b.snapshot(t, records)
			rig.WaitRunning(t, b.worker.URL(), "f")
		})
	}
}

// purge cuts the connector off, for the n-th time, and purges what it has not read.
func (b *bed) purge(t *testing.T, n int) {
	t.Helper()
	settled()
	b.proxy.Connect("127.0.0.1:1") // nobody
	disconnect(t, b.source)
	b.logged(t, n, "connecting again", "connector=f ", "attempt=1")
	b.insert(t, b.source, 3)
	b.exec(t, b.source, "FLUSH LOGS", "INSERT INTO shop.a VALUES (1000)", "DELETE FROM shop.a WHERE id=1000", "FLUSH LOGS",
		"PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
	b.proxy.Connect(b.source.Address())
}

// snapshot waits until all rows have come again, and the changes that follow; it returns the number of records.
func (b *bed) snapshot(t *testing.T, before int64) int64 {
	t.Helper()
	rig.WaitRecords(t, b.kafka, "f.shop.a", before+int64(b.rows))
	b.insert(t, b.source, 2)
	rig.WaitRecords(t, b.kafka, "f.shop.a", before+int64(b.rows))
	return before + int64(b.rows)
}

// A replica that has the connector's server id takes the connection from it, and the connector says so; once the replica
// has another one, a restart of the task is enough.
func TestReplicaWithTheSameServerID(t *testing.T) {
	b := newBed(t, mariadbDialect())
	config := b.config(map[string]string{"database.server.id": "102"})
	rig.Call(t, http.MethodPut, b.worker.URL()+"/connectors/f/config", text(t, config), http.StatusCreated)
	says(t, b.failed(t), "database.server.id", "102", "a different number")
	b.exec(t, b.replica, "STOP SLAVE", "SET GLOBAL server_id=103", "START SLAVE")
	b.caughtUp(t)
	b.restart(t)
	b.insert(t, b.source, 3)
	rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
	b.sequence(t, b.rows)
	rig.WaitRunning(t, b.worker.URL(), "f")
}

// A user whose password is changed, or who is dropped, in mid-run is waited for.
func TestUserChangedInMidRun(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, d)
			const make = "CREATE USER 'own'@'%%' IDENTIFIED BY '%s'"
			const grant = "GRANT SELECT, RELOAD, LOCK TABLES, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO 'own'@'%'"
			b.exec(t, b.source, fmt.Sprintf(make, "first"), grant)
			b.begin(t, map[string]string{"database.user": "own", "database.password": "first"})
			lost := 0
			for what, change := range map[string][2][]string{
				"password": {{"ALTER USER 'own'@'%' IDENTIFIED BY 'second'"}, {"ALTER USER 'own'@'%' IDENTIFIED BY 'first'"}},
				"dropped":  {{"DROP USER 'own'@'%'"}, {fmt.Sprintf(make, "first"), grant}},
			} {
				b.exec(t, b.source, change[0]...)
				b.proxy.Connect("127.0.0.1:1")
				rig.KillConnections(t, b.source, "own")
				b.proxy.Connect(b.source.Address())
				b.insert(t, b.source, 2)
				lost++
				b.logged(t, lost, "level=WARN", "connecting again", "does not let user", "connector=f ")
				b.exec(t, b.source, change[1]...)
				b.insert(t, b.source, 2)
				rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
				t.Logf("%s: %d rows", what, b.rows)
			}
			b.sequence(t, 0)
			rig.WaitRunning(t, b.worker.URL(), "f")
			// A task that starts fails at once, and the message names the properties.
			b.exec(t, b.source, "ALTER USER 'own'@'%' IDENTIFIED BY 'third'")
			b.restart(t)
			says(t, b.failed(t), "database.user, database.password", strconv.Quote("own"))
			b.exec(t, b.source, "ALTER USER 'own'@'%' IDENTIFIED BY 'first'")
			b.restart(t)
			b.insert(t, b.source, 2)
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
			b.sequence(t, b.rows)
		})
	}
}
