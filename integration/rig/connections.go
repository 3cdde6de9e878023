package rig

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
)

// KillConnections ends all connections of a user of a database.
func KillConnections(t testing.TB, db *peer.Database, user string) {
	t.Helper()
	conn, err := db.Connect()
	check(t, err)
	defer conn.Close()
	ids, err := conn.Execute("SELECT id FROM information_schema.processlist WHERE user = '" + user + "'")
	check(t, err)
	for i := range ids.RowNumber() {
		id, err := ids.GetInt(i, 0)
		check(t, err)
		if _, err := conn.Execute(fmt.Sprintf("KILL %d", id)); err != nil && !strings.Contains(err.Error(), "Unknown thread") {
			t.Fatal(err)
		}
	}
}
