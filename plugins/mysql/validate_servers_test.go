//go:build servers

package mysql

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

var connectionID = regexp.MustCompile(`\(conn=\d+\) `)

// The check of the connection answers as Debezium's. MariaDB's driver puts the connection's id before what the server says.
func TestConnectionErrorsAreDebeziums(t *testing.T) {
	servers := map[string]*peer.Database{"MySqlConnector": rig.MySQL(t), "MariaDbConnector": rig.MariaDB(t)}
	compared := 0
	for _, r := range readRecordedErrors(t) {
		db := servers[r.Class]
		if !r.ofConnection() || otherwise(&r) {
			continue
		}
		compared++
		c := &connector{product: r.product()}
		got := strings.Join(c.Validate(t.Context(), r.config("127.0.0.1", db.Port, "kafka:9092")).Get("database.hostname").Errors, "\n")
		want := connectionID.ReplaceAllString(strings.Join(r.Errors["database.hostname"], "\n"), "")
		if want = strings.ReplaceAll(want, "${port}", strconv.Itoa(db.Port)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", &r, got, want)
		}
	}
	if compared < 13 {
		t.Errorf("only %d answers compared", compared)
	}
}

// otherwise are the cases in which the answer says more than Debezium's, or is about Java.
func otherwise(r *recordedErrors) bool {
	for _, name := range []string{"database.ssl.mode", "database.protocol", "database.query.timeout.ms"} {
		if r.Changes[name] != nil {
			return true
		}
	}
	port, statements := r.Changes["database.port"], r.Changes["database.initial.statements"]
	return r.Class == "MariaDbConnector" && port != nil && *port != "1" || r.Class == "MySqlConnector" && statements != nil
}
