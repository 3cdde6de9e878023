//go:build servers

package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
)

// dialect is what differs between the servers: the types of columns.
type dialect struct{ types []string }

func mysqlDialect() dialect {
	return dialect{append(commonTypes(), "JSON", "VARCHAR(30) CHARACTER SET gb18030")}
}

func mariadbDialect() dialect {
	return dialect{append(commonTypes(), "UUID", "INET6")}
}

func commonTypes() []string {
	return []string{"INT", "BIGINT", "SMALLINT UNSIGNED", "BIGINT UNSIGNED", "VARCHAR(40)", "VARCHAR(30) CHARACTER SET latin1", "CHAR(9)", "TEXT CHARACTER SET utf16",
		"DECIMAL(20,5)", "DECIMAL(9)", "DATE", "DATETIME", "ENUM('a','b','c')", "SET('x','y','z')", "VARBINARY(20)", "BLOB", "DOUBLE", "TIME"}
}

// column is a column besides the key and the marker.
type column struct{ name, kind string }

// table is a table with the columns id (the key), mark and some random ones.
type table struct {
	name    string
	columns []column
	next    int // the next new id
}

// writer changes rows and structures. Every change of a structure is followed by an update of all rows: events hold the
// columns that there were when they were made, so only then do the topics have to be the tables.
type writer struct {
	*rand.Rand
	t                            *testing.T
	conn                         *client.Conn
	dialect                      dialect
	tables                       []*table
	made, statements, structures int
	mark                         int
}

const mostTables, mostColumns = 6, 12

func newWriter(t *testing.T, conn *client.Conn, random *rand.Rand, d dialect) *writer {
	t.Helper()
	w := &writer{Rand: random, t: t, conn: conn, dialect: d}
	w.run("CREATE DATABASE " + database + " CHARACTER SET utf8mb4")
	w.run("USE " + database)
	w.run("SET NAMES utf8mb4")
	w.run("SET SESSION sql_mode=''")
	for range 2 {
		w.create()
	}
	return w
}

// run runs a statement that the server must take.
func (w *writer) run(format string, args ...any) {
	w.t.Helper()
	sql := fmt.Sprintf(format, args...)
	w.statements++
	if _, err := w.conn.Execute(sql); err != nil {
		w.t.Fatalf("%v\nin: %s", err, sql)
	}
}

func (w *writer) pick(list ...string) string { return list[w.IntN(len(list))] }

// step makes a few changes of one table, in one transaction or in several.
func (w *writer) step() {
	t := w.tables[w.IntN(len(w.tables))]
	if w.IntN(12) == 0 {
		w.structure(t)
		return
	}
	inTransaction := w.IntN(2) == 0
	if inTransaction {
		w.run("BEGIN")
	}
	for range 1 + w.IntN(8) {
		w.rowChange(w.tables[w.IntN(len(w.tables))])
	}
	if inTransaction {
		w.run("%s", w.pick("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))
	}
}

func (w *writer) rowChange(t *table) {
	id := w.IntN(t.next + 1)
	switch w.IntN(10) {
	case 0, 1, 2, 3:
		w.insert(t, 1+w.IntN(4))
	case 4, 5, 6:
		if len(t.columns) > 0 {
			c := t.columns[w.IntN(len(t.columns))]
			w.run("UPDATE %s SET %s = %s WHERE id %s %d", t.name, c.name, w.value(c.kind), w.pick("=", "=", "<", ">"), id)
		}
	case 7:
		w.run("UPDATE %s SET id = %d WHERE id = %d", t.name, t.id(), id)
	case 8:
		w.run("DELETE FROM %s WHERE id BETWEEN %d AND %d", t.name, id, id+w.IntN(10))
	case 9:
		w.run("REPLACE INTO %s (id, mark) VALUES (%d, 'replaced'), (%d, 'replaced')", t.name, id, id+1)
		t.next = max(t.next, id+2)
	}
}

func (t *table) id() int {
	t.next++
	return t.next - 1
}

func (w *writer) insert(t *table, n int) {
	names, rows := []string{"id", "mark"}, make([]string, n)
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	for i := range rows {
		values := []string{strconv.Itoa(t.id()), "'inserted'"}
		for _, c := range t.columns {
			values = append(values, w.value(c.kind))
		}
		rows[i] = "(" + strings.Join(values, ", ") + ")"
	}
	w.run("INSERT INTO %s (%s) VALUES %s", t.name, strings.Join(names, ", "), strings.Join(rows, ", "))
}

// structure changes the structure of a table, or which tables there are.
func (w *writer) structure(t *table) {
	w.structures++
	switch n := w.IntN(12); {
	case n == 0 && len(w.tables) < mostTables:
		w.create()
		return
	case n == 1 && len(w.tables) > 1:
		w.run("DROP TABLE %s", t.name)
		w.tables = slices.DeleteFunc(w.tables, func(other *table) bool { return other == t })
		return
	case n == 2:
		w.run("TRUNCATE TABLE %s", t.name)
		return
	case n == 3:
		w.run("CREATE INDEX i%d ON %s (mark)", w.statements, t.name)
		w.run("DROP INDEX i%d ON %s", w.statements-1, t.name)
		return
	default:
		w.run("ALTER TABLE %s %s", t.name, w.alteration(t))
	}
	w.touch(t)
}

// touch changes every row.
func (w *writer) touch(t *table) {
	w.mark++
	w.run("UPDATE %s SET mark = 'mark %d'", t.name, w.mark)
}

func (w *writer) alteration(t *table) string {
	if len(t.columns) == 0 || len(t.columns) < mostColumns && w.IntN(2) == 0 {
		c := w.newColumn()
		place := w.pick("", " FIRST", " AFTER id")
		t.columns = append(t.columns, c)
		return fmt.Sprintf("ADD COLUMN %s %s%s", c.name, c.kind, place)
	}
	i := w.IntN(len(t.columns))
	c := t.columns[i]
	switch w.IntN(4) {
	case 0:
		t.columns = slices.Delete(t.columns, i, i+1)
		return "DROP COLUMN " + c.name
	case 1: // a fresh column of another type in the old one's place
		next := column{c.name, w.pick(w.dialect.types...)}
		t.columns[i] = next
		return fmt.Sprintf("DROP COLUMN %s, ADD COLUMN %s %s FIRST", c.name, c.name, next.kind)
	case 2:
		next := column{w.newColumn().name, c.kind}
		t.columns[i] = next
		return fmt.Sprintf("CHANGE COLUMN %s %s %s%s", c.name, next.name, next.kind, w.pick("", " COMMENT 'changed'"))
	}
	return fmt.Sprintf("MODIFY COLUMN %s %s%s", c.name, c.kind, w.pick(" FIRST", " AFTER mark", " NULL"))
}

func (w *writer) newColumn() column {
	w.made++
	return column{fmt.Sprintf("c%d", w.made), w.pick(w.dialect.types...)}
}

func (w *writer) create() {
	w.made++
	t := &table{name: fmt.Sprintf("t%d", w.made), next: 1}
	definition := "id INT PRIMARY KEY, mark VARCHAR(30) NOT NULL"
	for range w.IntN(6) {
		c := w.newColumn()
		t.columns = append(t.columns, c)
		definition += ", " + c.name + " " + c.kind
	}
	w.run("CREATE TABLE %s (%s)", t.name, definition)
	w.tables = append(w.tables, t)
	w.insert(t, 5)
}

// finish writes a row to every table that tells the end of its topic.
func (w *writer) finish(last string) {
	for _, t := range w.tables {
		w.run("INSERT INTO %s (id, mark) VALUES (%d, '%s')", t.name, t.id(), last)
	}
}

func (w *writer) rows() (n int) {
	for _, t := range w.tables {
		r, err := w.conn.Execute("SELECT COUNT(*) FROM " + t.name)
		if err != nil {
			w.t.Fatal(err)
		}
		k, err := r.GetInt(0, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		n += int(k)
	}
	return n
}

// value is an SQL literal for a column of a type.
func (w *writer) value(kind string) string {
	if w.IntN(6) == 0 {
		return "NULL"
	}
	word := w.pick("a", "text", "it''s", "ünï", "größer", "", strings.Repeat("x", 9))
	switch name, _, _ := strings.Cut(strings.Fields(kind)[0], "("); name {
	case "INT", "BIGINT", "SMALLINT":
		if strings.HasSuffix(kind, "UNSIGNED") {
			return w.pick("0", "1", "65535", fmt.Sprint(w.IntN(60000)))
		}
		return fmt.Sprint(w.IntN(1<<31) - 1<<30)
	case "DECIMAL":
		return fmt.Sprintf("%d.%d", w.IntN(1<<20)-1<<19, w.IntN(100000))
	case "DOUBLE":
		return fmt.Sprint(float64(w.IntN(1<<20)) / 64)
	case "DATE":
		return fmt.Sprintf("'%04d-%02d-%02d'", 1900+w.IntN(200), 1+w.IntN(12), 1+w.IntN(28))
	case "DATETIME":
		return fmt.Sprintf("'%04d-%02d-%02d %02d:%02d:%02d'", 1900+w.IntN(200), 1+w.IntN(12), 1+w.IntN(28), w.IntN(24), w.IntN(60), w.IntN(60))
	case "TIME":
		return fmt.Sprintf("'%02d:%02d:%02d'", w.IntN(24), w.IntN(60), w.IntN(60))
	case "ENUM":
		return w.pick("'a'", "'b'", "'c'")
	case "SET":
		return w.pick("''", "'x'", "'x,z'", "'y'")
	case "JSON":
		return w.pick("'[1]'", "'[]'", `'"text"'`, "'5'") // the two read paths space other values differently
	case "UUID":
		return fmt.Sprintf("'123e4567-e89b-12d3-a456-%012x'", w.Uint64()>>16|1)
	case "INET6":
		return w.pick("'::1'", "'2001:db8::5'")
	case "VARBINARY", "BLOB":
		return fmt.Sprintf("X'%08X'", w.Uint32())
	}
	return "'" + word + "'"
}
