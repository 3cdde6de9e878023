//go:build servers

package failover

import (
	"maps"
	"strconv"
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

func always(config map[string]string) func(source, replica string) map[string]string {
	return func(_, _ string) map[string]string { return maps.Clone(config) }
}

func dialects() map[string]dialect {
	return map[string]dialect{"mysql": mysqlDialect(), "mariadb": mariadbDialect()}
}

// The address stays and leads to the replica: the task goes on by itself, with each change once.
func TestAddressLeadsToReplica(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, d)
			b.begin(t, nil)
			b.insert(t, b.source, 20)
			b.failOver(t)
			b.insert(t, b.replica, 10)
			b.proxy.Connect(b.replica.Address())
			b.insert(t, b.replica, 10)
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
			b.sequence(t, 0)
			// The offset is one of the new server's.
			settled()
			b.exec(t, b.replica, "FLUSH LOGS")
			b.restart(t)
			b.insert(t, b.replica, 5)
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
			b.sequence(t, 0)
			rig.WaitRunning(t, b.worker.URL(), "f")
		})
	}
}

// The configuration is changed to the replica's address, by PUT.
func TestConfigurationNamesReplica(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, d)
			b.begin(t, nil)
			b.insert(t, b.source, 20)
			b.failOver(t)
			b.insert(t, b.replica, 10)
			rig.CreateConnector(t, b.worker.URL(), "f", b.config(map[string]string{"database.port": strconv.Itoa(b.replica.Port)}))
			b.insert(t, b.replica, 10)
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
			b.sequence(t, 20) // what was not committed when the source went
			rig.WaitRunning(t, b.worker.URL(), "f")
		})
	}
}

// A server that has transactions of its own, which the connector has never seen: whether they are read is what
// gtid.new.channel.position and the filters of sources say. The first of them counts when a task starts, as in Java: what
// a server that took over has written since must not be passed over when a connection is made anew.
func TestTransactionsOfAnotherSource(t *testing.T) {
	for name, c := range map[string]struct {
		config  func(source, replica string) map[string]string
		restart bool // of the task, by PUT, instead of another connection
		own     bool // what the replica wrote before is read
		later   bool // what it writes afterwards is read
	}{
		"earliest":          {always(nil), false, true, true},
		"latest":            {always(map[string]string{"gtid.new.channel.position": "latest"}), false, true, true},
		"latest, restart":   {always(map[string]string{"gtid.new.channel.position": "latest"}), true, false, true},
		"includes":          {func(source, _ string) map[string]string { return map[string]string{"gtid.source.includes": source} }, false, false, false},
		"excludes, restart": {func(_, replica string) map[string]string { return map[string]string{"gtid.source.excludes": replica} }, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, mysqlDialect())
			config := c.config(uuid(t, b.source), uuid(t, b.replica))
			b.begin(t, config)
			b.caughtUp(t)
			b.exec(t, b.replica, "INSERT INTO shop.a VALUES (1000)", "DELETE FROM shop.a WHERE id=1000")
			b.insert(t, b.source, 3)
			b.caughtUp(t)
			want := b.rows
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(want))
			settled()
			if c.restart {
				config = b.config(config)
				config["database.port"] = strconv.Itoa(b.replica.Port)
				rig.CreateConnector(t, b.worker.URL(), "f", config)
			} else {
				b.proxy.Connect(b.replica.Address())
			}
			b.source.Kill()
			b.logged(t, 2, "Reading the binlog", "connector=f ")
			b.insert(t, b.replica, 2)
			if c.own {
				want += 3 // a row, its deletion and the tombstone
			}
			if c.later {
				want += 2
			}
			rig.WaitRecords(t, b.kafka, "f.shop.a", int64(want))
			settled()
			if end := rig.End(b.client, "f.shop.a"); end != int64(want) {
				t.Errorf("there are %d records, want %d", end, want)
			}
			rig.WaitRunning(t, b.worker.URL(), "f")
		})
	}
}
