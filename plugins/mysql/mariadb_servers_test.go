//go:build servers

package mysql

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// What stops Debezium's MariaDB connector works here: its statements are applied, and the rows behind them come.
func TestWhatStopsDebeziumOnMariaDB(t *testing.T) {
	db := rig.MariaDB(t)
	mustExec(t, db, "CREATE DATABASE odd", "CREATE TABLE odd.years (id INT PRIMARY KEY, y YEAR)", "INSERT INTO odd.years VALUES (1,0)",
		"CREATE TABLE odd.end (id INT PRIMARY KEY)")
	l := newLife(t, db, 5911, map[string]string{"database.include.list": "odd", "include.schema.changes": "false", "connector.class": mariadbProduct().class})
	l.start()
	wantRecords(t, l.take(1), `p.odd.years {"id":1} r null->{"id":1,"y":2000} last 0`)
	for i, c := range []struct {
		name       string
		statements []string
		want       []string
	}{
		{"INET4 and INET6", []string{"CREATE TABLE odd.inet (id INT PRIMARY KEY, a INET4, b INET6)", "INSERT INTO odd.inet VALUES (1,'10.0.0.0','2001:db8::')"},
			[]string{`p.odd.inet {"id":1} c null->{"id":1,"a":"10.0.0.0","b":"2001:db8::"} false 0`}},
		{"WITHOUT SYSTEM VERSIONING", []string{"CREATE TABLE odd.w (id INT PRIMARY KEY, v INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING", "INSERT INTO odd.w VALUES (1,2)"},
			[]string{`p.odd.w {"id":1} c null->{"id":1,"v":2} false 0`}},
		{"ADD and DROP SYSTEM VERSIONING", []string{"CREATE TABLE odd.v (id INT PRIMARY KEY, v INT)", "ALTER TABLE odd.v ADD SYSTEM VERSIONING",
			"INSERT INTO odd.v VALUES (1,2)", "ALTER TABLE odd.v DROP SYSTEM VERSIONING", "INSERT INTO odd.v VALUES (2,3)"},
			[]string{`p.odd.v {"id":1} c null->{"id":1,"v":2} false 0`, `p.odd.v {"id":2} c null->{"id":2,"v":3} false 0`}},
		{"rows of a versioned table", []string{"CREATE TABLE odd.s (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING", "INSERT INTO odd.s VALUES (1,2)", "INSERT INTO odd.s VALUES (2,5)",
			"UPDATE odd.s SET v=3 WHERE id=1", "REPLACE INTO odd.s VALUES (1,4)", "DELETE FROM odd.s WHERE id=2", "DELETE HISTORY FROM odd.s", "INSERT INTO odd.s VALUES (6,6)"},
			[]string{`p.odd.s {"id":1} c null->{"id":1,"v":2} false 0`, `p.odd.s {"id":2} c null->{"id":2,"v":5} false 0`,
				`p.odd.s {"id":1} u {"id":1,"v":2}->{"id":1,"v":3} false 0`,
				`p.odd.s {"id":1} d {"id":1,"v":3}->null false 0`, `p.odd.s {"id":1} tombstone`, `p.odd.s {"id":1} c null->{"id":1,"v":4} false 0`,
				`p.odd.s {"id":2} d {"id":2,"v":5}->null false 0`, `p.odd.s {"id":2} tombstone`, `p.odd.s {"id":6} c null->{"id":6,"v":6} false 0`}},
		{"CREATE OR REPLACE TABLE", []string{"CREATE TABLE odd.r (id INT PRIMARY KEY, a INT, b INT)", "CREATE OR REPLACE TABLE odd.r (id INT PRIMARY KEY, c VARCHAR(9))", "INSERT INTO odd.r VALUES (1,'x')"},
			[]string{`p.odd.r {"id":1} c null->{"id":1,"c":"x"} false 0`}},
		{"CHANGE COLUMN IF EXISTS", []string{"ALTER TABLE odd.r CHANGE COLUMN IF EXISTS nothing something INT", "INSERT INTO odd.r VALUES (2,'y')"},
			[]string{`p.odd.r {"id":2} c null->{"id":2,"c":"y"} false 0`}},
		{"COMPRESSED columns", []string{"CREATE TABLE odd.c (id INT PRIMARY KEY, t TEXT COMPRESSED, b VARBINARY(99) COMPRESSED)", "INSERT INTO odd.c VALUES (1,REPEAT('t',9),'b')",
			"UPDATE odd.c SET t=REPEAT('u',200) WHERE id=1", "SET column_compression_zlib_wrap=ON", "UPDATE odd.c SET t=REPEAT('w',300) WHERE id=1", "ALTER TABLE odd.c MODIFY t TEXT", "INSERT INTO odd.c VALUES (2,'plain',NULL)"},
			[]string{`p.odd.c {"id":1} c null->{"id":1,"t":"ttttttttt","b":"Yg=="} false 0`,
				`p.odd.c {"id":1} u {"id":1,"t":"ttttttttt","b":"Yg=="}->{"id":1,"t":"` + strings.Repeat("u", 200) + `","b":"Yg=="} false 0`,
				`p.odd.c {"id":1} u {"id":1,"t":"` + strings.Repeat("u", 200) + `","b":"Yg=="}->{"id":1,"t":"` + strings.Repeat("w", 300) + `","b":"Yg=="} false 0`,
				`p.odd.c {"id":2} c null->{"id":2,"t":"plain","b":null} false 0`}},
		{"a sequence that is not excluded", []string{"CREATE SEQUENCE odd.seq", "CREATE TABLE odd.q (id BIGINT DEFAULT NEXTVAL(odd.seq) PRIMARY KEY, v INT)", "INSERT INTO odd.q (v) VALUES (7)"},
			[]string{`p.odd.q {"id":1} c null->{"id":1,"v":7} false 0`}},
		{"CREATE OR REPLACE DATABASE", []string{"CREATE OR REPLACE DATABASE odd CHARACTER SET latin1", "CREATE TABLE odd.n (id INT PRIMARY KEY, v VARCHAR(9))", "INSERT INTO odd.n VALUES (1,'é')"},
			[]string{`p.odd.n {"id":1} c null->{"id":1,"v":"é"} false 0`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			odd(t, db, l, c.statements)
			wantRecords(t, l.take(len(c.want)), c.want...)
		})
		if i%3 == 2 { // the schema history takes it all as well
			l.stop()
			l.start()
		}
	}
}

func odd(t *testing.T, db *peer.Database, l *life, statements []string) {
	t.Helper()
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, sql := range append([]string{"SET NAMES utf8mb4"}, statements...) {
		if _, err := conn.Execute(sql); err != nil {
			t.Fatalf("%v\nin: %s", err, sql)
		}
	}
}

// The event of a TRUNCATE TABLE belongs to the transaction that MariaDB's GTID begins.
func TestTruncationIsInATransaction(t *testing.T) {
	t.Parallel()
	db := rig.MariaDB(t)
	database(t, db, "emptied")
	l := newLife(t, db, 7130, map[string]string{
		"database.include.list": "emptied", "include.schema.changes": "false", "skipped.operations": "none", "provide.transaction.metadata": "true",
	})
	l.start()
	l.take(2)
	mustExec(t, db, "TRUNCATE TABLE emptied.a")
	for {
		r := l.take(1)[0]
		if r.topic != "p.emptied.a" {
			continue
		}
		if !strings.Contains(r.value, `"op":"t"`) || !strings.Contains(r.value, `"total_order":1,"data_collection_order":1}`) {
			t.Errorf("got %s", r.value)
		}
		return
	}
}
