//go:build servers

package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Every charset and collation that the servers have is known, and text in each comes out of a snapshot and of the stream.
func TestEveryCharset(t *testing.T) {
	t.Run("mysql", func(t *testing.T) { everyCharset(t, rig.MySQL(t), 5901, true) })
	t.Run("mariadb", func(t *testing.T) { everyCharset(t, rig.MariaDB(t), 5902, false) })
}

func everyCharset(t *testing.T, db *peer.Database, id int, defaults bool) {
	names := knownCharsets(t, db, defaults)
	if len(names) < 40 {
		t.Errorf("only %d charsets", len(names))
	}
	knownCollations(t, db)
	create := "CREATE TABLE charsets.t (id INT PRIMARY KEY"
	for _, name := range names {
		create += fmt.Sprintf(", c_%s VARCHAR(20) CHARACTER SET %s DEFAULT 'Abc 123'", name, name)
	}
	mustExec(t, db, "CREATE DATABASE charsets", create+")", "INSERT INTO charsets.t (id) VALUES (1)")
	l := newLife(t, db, id, map[string]string{"database.include.list": "charsets", "include.schema.changes": "false"})
	l.start()
	selected := l.take(1)
	mustExec(t, db, "INSERT INTO charsets.t (id) VALUES (2)")
	for i, r := range append(selected, l.take(1)...) {
		after := afterOf(t, r)
		for _, name := range names {
			if name == "binary" {
				continue // bytes
			}
			if got := after["c_"+name]; got != "Abc 123" {
				t.Errorf("row %d: %s is %v", i+1, name, got)
			}
		}
	}
}

// knownCharsets compares the charsets of the server with those that the parser knows; their default collations are
// MySQL's.
func knownCharsets(t *testing.T, db *peer.Database, defaults bool) (names []string) {
	t.Helper()
	for _, row := range rowsOf(t, db, "SELECT character_set_name, default_collate_name, maxlen FROM information_schema.character_sets ORDER BY 1") {
		name, collation, most := row[0], row[1], row[2]
		names = append(names, name)
		c, ok := table.FindCharset(name)
		if !ok || fmt.Sprint(c.MaxBytes) != most || defaults && c.DefaultCollation != collation {
			t.Errorf("charset %s, %s, %s bytes: known %t as %+v", name, collation, most, ok, c)
		}
	}
	return names
}

func knownCollations(t *testing.T, db *peer.Database) {
	t.Helper()
	n := 0
	for _, row := range rowsOf(t, db, "SELECT collation_name, COALESCE(character_set_name, '') FROM information_schema.collations") {
		n++
		if got := table.CharsetOfCollation(row[0]); got != row[1] {
			t.Errorf("collation %s is of charset %q, want %q", row[0], got, row[1])
		}
	}
	if n < 250 {
		t.Errorf("only %d collations", n)
	}
}

// rowsOf runs a query as root and returns its rows as texts.
func rowsOf(t *testing.T, db *peer.Database, query string) (rows [][]string) {
	t.Helper()
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r, err := conn.Execute(query)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.RowNumber() {
		rows = append(rows, textsOf(t, r, i))
	}
	return rows
}

func textsOf(t *testing.T, r *mysql.Result, row int) (texts []string) {
	t.Helper()
	for k := range r.ColumnNumber() {
		text, err := r.GetString(row, k)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ToLower(text))
	}
	return texts
}
