//go:build servers

package mysql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// MariaDB takes a column whose name follows a dot; the parser does not. Behind such a statement a task goes on with the
// table as the server has it, when that is certain.
func TestUnparseableStatements(t *testing.T) {
	db := rig.MariaDB(t)
	t.Run("the last statement", func(t *testing.T) { relearnAtOnce(t, db, 5701) })
	t.Run("rows that name their columns", func(t *testing.T) { relearnByRows(t, db, 5702) })
	t.Run("rows that do not", func(t *testing.T) { relearnWithoutNames(t, db, 5703) })
	t.Run("a table that has changed again", func(t *testing.T) { relearnTooLate(t, db, 5704) })
	t.Run("a table that is not captured", func(t *testing.T) { relearnOther(t, db, 5705) })
	t.Run("a copy of an unknown table", func(t *testing.T) { relearnCopy(t, db, 5707) })
	t.Run("skipped", func(t *testing.T) { relearnSkipped(t, db, 5706) })
}

func relearnLife(t *testing.T, db *peer.Database, name string, id int, more ...string) *life {
	t.Helper()
	database(t, db, name)
	config := map[string]string{"database.include.list": name, "decimal.handling.mode": "string", "table.include.list": name + ".a"}
	for i := 0; i < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	l := newLife(t, db, id, config)
	l.start()
	for len(l.takeChanges(t, 2)) < 2 {
		t.Fatal("no snapshot")
	}
	return l
}

// takeChanges takes records until so many of them are changes of rows.
func (l *life) takeChanges(t *testing.T, n int) (changes []record) {
	t.Helper()
	for len(changes) < n {
		if r := l.take(1)[0]; strings.HasPrefix(r.topic, "p.") {
			changes = append(changes, r)
		}
	}
	return changes
}

// relearnCopy creates a captured table like one that the history does not hold.
func relearnCopy(t *testing.T, db *peer.Database, id int) {
	database(t, db, "copies")
	mustExec(t, db, "CREATE TABLE copies.original (id INT PRIMARY KEY, n INT)")
	l := newLife(t, db, id, map[string]string{
		"table.include.list": "copies.a,copies.copy", "schema.history.internal.store.only.captured.tables.ddl": "true",
	})
	l.start()
	l.takeChanges(t, 2)
	mustExec(t, db, "CREATE TABLE copies.copy LIKE copies.original")
	wantRecords(t, l.take(1), "p ddl CREATE TABLE copies.copy LIKE copies.original")
	mustExec(t, db, "INSERT INTO copies.copy VALUES (1,2)")
	wantRecords(t, l.take(1), `p.copies.copy {"id":1} c null->{"id":1,"n":2} false 0`)
	l.stop()
	l.start() // with the history alone
	mustExec(t, db, "INSERT INTO copies.copy VALUES (2,3)")
	wantRecords(t, l.take(1), `p.copies.copy {"id":2} c null->{"id":2,"n":3} false 0`)
}

func relearnAtOnce(t *testing.T, db *peer.Database, id int) {
	l := relearnLife(t, db, "at_once", id)
	mustExec(t, db, "ALTER TABLE at_once.a ADD COLUMN (.n INT DEFAULT 7)")
	changed := l.take(1)
	wantRecords(t, changed, `p ddl ALTER TABLE at_once.a ADD COLUMN (.n INT DEFAULT 7)`)
	if !strings.Contains(changed[0].value, `"type":"ALTER","id":"\"at_once\".\"a\""`) || !strings.Contains(changed[0].value, `"name":"n"`) {
		t.Errorf("the schema change is %s", changed[0].value)
	}
	mustExec(t, db, "INSERT INTO at_once.a VALUES (3,'y',3,8)")
	wantRecords(t, l.take(1), `p.at_once.a {"id":3} c null->{"id":3,"v":"y","d":"3.00","n":8} false 0`)
	// The schema history knows it too.
	l.stop()
	l.start()
	mustExec(t, db, "INSERT INTO at_once.a VALUES (4,'z',4,9)")
	wantRecords(t, l.take(1), `p.at_once.a {"id":4} c null->{"id":4,"v":"z","d":"4.00","n":9} false 0`)
}

// behind runs statements while the task is stopped, so that the first of them is not the last when it reads it.
func behind(t *testing.T, l *life, statements ...string) {
	t.Helper()
	l.stop()
	mustExec(t, l.db, statements...)
	l.start()
}

func relearnByRows(t *testing.T, db *peer.Database, id int) {
	mustExec(t, db, "SET GLOBAL binlog_row_metadata=FULL")
	defer mustExec(t, db, "SET GLOBAL binlog_row_metadata=NO_LOG")
	l := relearnLife(t, db, "by_rows", id)
	behind(t, l, "ALTER TABLE by_rows.a ADD COLUMN (.n INT DEFAULT 7)", "INSERT INTO by_rows.a VALUES (3,'y',3,8),(4,'z',4,9)")
	wantRecords(t, l.takeChanges(t, 2),
		`p.by_rows.a {"id":3} c null->{"id":3,"v":"y","d":"3.00","n":8} false 0`,
		`p.by_rows.a {"id":4} c null->{"id":4,"v":"z","d":"4.00","n":9} false 1`)
	behind(t, l, "UPDATE by_rows.a SET n=1 WHERE id=4")
	wantRecords(t, l.takeChanges(t, 1), `p.by_rows.a {"id":4} u {"id":4,"v":"z","d":"4.00","n":9}->{"id":4,"v":"z","d":"4.00","n":1} false 0`)
}

func relearnWithoutNames(t *testing.T, db *peer.Database, id int) {
	l := relearnLife(t, db, "nameless", id)
	behind(t, l, "ALTER TABLE nameless.a ADD COLUMN (.n INT)", "INSERT INTO nameless.a VALUES (3,'y',3,8)")
	err := l.fails()
	for _, want := range []string{"mariadb-bin.", "ADD COLUMN (.n INT)", "binlog_row_metadata=FULL", "nameless.a", "near \".n INT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func relearnTooLate(t *testing.T, db *peer.Database, id int) {
	mustExec(t, db, "SET GLOBAL binlog_row_metadata=FULL")
	defer mustExec(t, db, "SET GLOBAL binlog_row_metadata=NO_LOG")
	l := relearnLife(t, db, "too_late", id)
	behind(t, l, "ALTER TABLE too_late.a ADD COLUMN (.n INT)", "INSERT INTO too_late.a VALUES (3,'y',3,8)", "ALTER TABLE too_late.a RENAME COLUMN n TO m")
	err := l.fails()
	for _, want := range []string{"ADD COLUMN (.n INT)", "has changed again", "id, v, d, n", "snapshot"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func relearnOther(t *testing.T, db *peer.Database, id int) {
	l := relearnLife(t, db, "others", id)
	mustExec(t, db, "CREATE TABLE others.b (.n INT)", "INSERT INTO others.b VALUES (1)", "INSERT INTO others.a VALUES (3,'y',3)")
	wantRecords(t, l.takeChanges(t, 1), `p.others.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`)
	if log := l.log.String(); !strings.Contains(log, "its table is not captured") || !strings.Contains(log, "others.b") {
		t.Error("the log does not tell of the statement")
	}
}

func relearnSkipped(t *testing.T, db *peer.Database, id int) {
	l := relearnLife(t, db, "skipping", id, "schema.history.internal.skip.unparseable.ddl", "true")
	mustExec(t, db, "CREATE TABLE skipping.b (.n INT)", fmt.Sprintf("INSERT INTO skipping.a VALUES (3,'%d',3)", time.Now().Year()))
	l.takeChanges(t, 1)
	if !strings.Contains(l.log.String(), "cannot be applied and is skipped") {
		t.Error("the log does not tell of the statement")
	}
}

// A table that the history does not know, and that has gone or changed since, is read by what its rows tell of it.
func TestTablesKnownByTheirRows(t *testing.T) {
	db := rig.MySQL(t)
	mustExec(t, db, "SET GLOBAL binlog_row_metadata=FULL")
	l := relearnLife(t, db, "told", 5711, "table.include.list", "told.a,told.gone,told.copy")
	l.stop()
	columns := "id BIGINT UNSIGNED, u TINYINT UNSIGNED NOT NULL, v VARCHAR(20) CHARACTER SET latin1, c CHAR(5), b VARBINARY(4), x TEXT, d DECIMAL(6,2), t DATETIME(3), " +
		"e ENUM('a','it''s') CHARACTER SET ascii, s SET('p','q'), j JSON, y YEAR, bits BIT(3), ts TIMESTAMP(2) NULL, f FLOAT, g POINT, hidden INT INVISIBLE, PRIMARY KEY (id)"
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, sql := range []string{
		"SET SESSION sql_log_bin=0", "CREATE TABLE told.gone (" + columns + ")", "SET SESSION sql_log_bin=1",
		"INSERT INTO told.gone VALUES (18446744073709551615, 200, 'ä', 'c', 'bb', 'text', 1.5, '2024-01-02 03:04:05.678', 'it\\'s', 'p,q', '{\"k\": 1}', 2024, 5, '2024-01-02 03:04:05.67', 0.5, POINT(1,2))",
		"ALTER TABLE told.gone ADD COLUMN later INT DEFAULT 7", "INSERT INTO told.gone (id, u) VALUES (1, 1)", "DROP TABLE told.gone",
		"SET SESSION sql_log_bin=0", "CREATE TABLE told.copy (id INT PRIMARY KEY, n INT UNSIGNED)", "SET SESSION sql_log_bin=1",
		"INSERT INTO told.copy VALUES (1, 4294967295)", "SET SESSION sql_log_bin=0", "ALTER TABLE told.copy RENAME COLUMN n TO m", "SET SESSION sql_log_bin=1",
	} {
		if _, err := conn.Execute(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	l.start()
	got := l.takeChanges(t, 3)
	for i, want := range []string{
		`"after":{"id":-1,"u":200,"v":"ä","c":"c","b":"YmI=","x":"text","d":"1.50","t":1704164645678,"e":"it's","s":"p,q","j":"{\"k\":1}","y":2024,"bits":"BQ==","ts":"2024-01-02T03:04:05.67Z","f":0.5,`,
		`"after":{"id":1,"u":1,`, `"after":{"id":1,"n":4294967295}`,
	} {
		if !strings.Contains(got[i].value, want) {
			t.Errorf("record %d: %s, want %s", i, got[i].value, want)
		}
	}
	if !strings.Contains(got[1].value, `"later":7`) {
		t.Errorf("the change of the table is lost: %s", got[1].value)
	}
	if log := l.log.String(); !strings.Contains(log, "`f` FLOAT, `g` POINT, `hidden` INT INVISIBLE, PRIMARY KEY (`id`))") {
		t.Error("the log does not tell of the structure")
	}
	if n := strings.Count(l.log.String(), "is taken from its rows"); n != 2 {
		t.Errorf("the log tells of %d tables", n)
	}
	// The schema history knows them.
	l.stop()
	l.start()
	mustExec(t, db, "INSERT INTO told.a VALUES (9, 'z', 9)")
	l.takeChanges(t, 1)
}
