//go:build servers

package mysql

import (
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// Statements of sessions with ANSI_QUOTES and NO_BACKSLASH_ESCAPES are understood when
// they are streamed and when the schema history is recovered.
func TestStatementsOfOtherModes(t *testing.T) {
	t.Parallel()
	db := rig.MySQL(t)
	database(t, db, "modes")
	l := newLife(t, db, 7120, map[string]string{"database.include.list": "modes", "include.schema.changes": "false", "decimal.handling.mode": "string"})
	l.start()
	l.take(2)
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := conn.Execute(sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	run("USE modes", "SET SESSION sql_mode='ANSI_QUOTES'", `ALTER TABLE "a" ADD COLUMN "n m" INT DEFAULT 5, CHANGE "v" "w" VARCHAR(30)`,
		`INSERT INTO "a" VALUES (3, 'three', 3, 3)`, `CREATE TABLE "b c" ("id" INT, "Key" VARCHAR(5) NOT NULL DEFAULT 'k', PRIMARY KEY ("id", "Key"))`,
		`INSERT INTO "b c" VALUES (1, 'k')`)
	wantRecords(t, l.take(2), `p.modes.a {"id":3} c null->{"id":3,"w":"three","d":"3.00","n m":3} false 0`,
		`p.modes.b_c {"id":1,"Key":"k"} c null->{"id":1,"Key":"k"} false 0`)
	run("SET SESSION sql_mode='NO_BACKSLASH_ESCAPES'", `ALTER TABLE a ADD COLUMN p VARCHAR(20) DEFAULT 'ends in \', ADD COLUMN q INT DEFAULT 7`, "INSERT INTO a (id) VALUES (4)")
	want := `p.modes.a {"id":4} c null->{"id":4,"w":null,"d":null,"n m":5,"p":"ends in \\","q":7} false 0`
	wantRecords(t, l.take(1), want)
	l.stop()
	l.start()
	run("INSERT INTO a (id) VALUES (5)")
	wantRecords(t, l.take(1), `p.modes.a {"id":5} c null->{"id":5,"w":null,"d":null,"n m":5,"p":"ends in \\","q":7} false 0`)
	run(`INSERT INTO ` + "`b c`" + ` VALUES (2, 'l')`)
	wantRecords(t, l.take(1), `p.modes.b_c {"id":2,"Key":"l"} c null->{"id":2,"Key":"l"} false 0`)
}
