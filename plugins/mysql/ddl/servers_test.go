//go:build servers

package ddl_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// quick spares a server the disk: its data ends with the test.
var quick = []string{"--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"}

// TestAlterationsAgainstMySQL runs random DDL on a server and compares the model
// with INFORMATION_SCHEMA after each statement that the server took.
func TestAlterationsAgainstMySQL(t *testing.T) {
	t.Parallel()
	conn, err := rig.MySQL(t, quick...).Connect()
	if err != nil {
		t.Fatal(err)
	}
	compareWithServer(t, conn, ddl.MySQL, 1)
}

func TestAlterationsAgainstMariaDB(t *testing.T) {
	t.Parallel()
	conn, err := rig.MariaDB(t, quick...).Connect()
	if err != nil {
		t.Fatal(err)
	}
	compareWithServer(t, conn, ddl.MariaDB, 2)
}

var testTable = table.ID{Database: "ddl_random", Name: "t"}

// defaultStatements is how many statements the suite runs; MILLRACE_STATEMENTS gives another number, MILLRACE_SEED another
// seed.
const defaultStatements = 300

func numberFrom(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func compareWithServer(t *testing.T, conn *client.Conn, dialect ddl.Dialect, seed uint64) {
	seed, most := numberFrom(t, "MILLRACE_SEED", seed), int(numberFrom(t, "MILLRACE_STATEMENTS", defaultStatements))
	t.Cleanup(func() { conn.Close() })
	p := ddl.New(ddl.Config{Dialect: dialect, Comments: true})
	run := func(sql string) bool {
		t.Helper()
		if _, err := conn.Execute(sql); err != nil {
			return false
		}
		if _, err := p.Apply(testTable.Database, sql); err != nil {
			t.Fatalf("%s\nis taken by the server: %v", sql, err)
		}
		return true
	}
	start := []string{"CREATE DATABASE ddl_random CHARACTER SET utf8mb4", "USE ddl_random", "SET character_set_server=utf8mb4",
		"CREATE TABLE t (c0 INT NOT NULL, c1 VARCHAR(10))"}
	for _, sql := range start {
		if !run(sql) {
			t.Fatalf("%s is refused", sql)
		}
	}
	g := &statements{Rand: rand.New(rand.NewPCG(seed, 7)), catalog: p.Catalog(), mariadb: dialect == ddl.MariaDB}
	taken := 0
	for tried := 0; taken < most; tried++ {
		if tried > 10*most {
			t.Fatalf("only %d of %d statements were taken", taken, tried)
		}
		sql := g.statement()
		if !run(sql) {
			continue
		}
		taken++
		want := serverTable(t, conn)
		if got := modelOf(p.Catalog().Table(testTable)); got != want {
			t.Fatalf("statement %d, %s\ngives\n%sthe server has\n%s", tried, sql, got, want)
		}
	}
	t.Logf("MILLRACE_SEED=%d MILLRACE_STATEMENTS=%d: after each statement that the server took the model was its table", seed, taken)
}

// statements makes random statements about the table t; many of them are wrong.
type statements struct {
	*rand.Rand
	catalog *table.Catalog
	mariadb bool
	next    int
}

func (g *statements) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *statements) column() string {
	columns := g.catalog.Table(testTable).Columns
	return "`" + columns[g.IntN(len(columns))].Name + "`"
}

// name is mostly a new one.
func (g *statements) name() string {
	if g.IntN(8) == 0 {
		return g.column()
	}
	g.next++
	return fmt.Sprintf("`n%d`", g.next)
}

func (g *statements) statement() string {
	width := len(g.catalog.Table(testTable).Columns)
	switch g.IntN(40) {
	case 0:
		return "RENAME TABLE t TO u, u TO t"
	case 1:
		return "ALTER TABLE ddl_random.t RENAME TO ddl_random.t"
	case 2:
		return "CREATE INDEX i" + fmt.Sprint(g.IntN(1000)) + " ON t (" + g.column() + ")"
	}
	items := []string{g.item(width)}
	for g.IntN(2) == 0 && len(items) < 4 {
		items = append(items, g.item(width))
	}
	if g.IntN(12) == 0 {
		// Only one of these: the servers do not agree about several.
		items = append(items, g.pick("CONVERT TO CHARACTER SET latin1", "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
			"DEFAULT CHARACTER SET utf8mb4", "COLLATE latin1_bin", "CHARSET ascii"))
	}
	return "ALTER TABLE t " + strings.Join(items, ", ")
}

func (g *statements) item(width int) string {
	if width > 25 {
		return "DROP " + g.column()
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		return g.pick("ADD ", "ADD COLUMN ") + g.name() + g.definition() + g.place()
	case 3:
		return "ADD (" + g.name() + g.definition() + ", " + g.name() + g.definition() + ")"
	case 4:
		return g.pick("DROP ", "DROP COLUMN ") + g.column()
	case 5, 6:
		return "MODIFY " + g.column() + g.definition() + g.place()
	case 7:
		return "CHANGE " + g.column() + " " + g.name() + g.definition() + g.place()
	case 8:
		return "RENAME COLUMN " + g.column() + " TO " + g.name()
	case 9:
		return g.pick("ADD PRIMARY KEY (", "DROP PRIMARY KEY, ADD PRIMARY KEY (") + g.column() + g.pick("", ", "+g.column()) + ")"
	case 10:
		return "ALTER " + g.column() + g.pick(" SET DEFAULT 5", " DROP DEFAULT", " SET DEFAULT NULL", " SET DEFAULT 'x'")
	}
	return g.pick("DROP PRIMARY KEY", "ADD KEY ("+g.column()+")", "COMMENT = 'a table'", "FORCE")
}

func (g *statements) definition() string {
	types := []string{"INT", "int(11) unsigned", "BIGINT ZEROFILL", "TINYINT(1)", "MEDIUMINT", "SMALLINT UNSIGNED", "decimal(8,3)", "DEC(7)",
		"NUMERIC", "VARCHAR(20)", "CHAR", "CHAR(5) CHARACTER SET latin1", "VARCHAR(7) COLLATE utf8mb4_bin", "CHARACTER VARYING(6)",
		"VARCHAR(5) BINARY", "CHAR(3) ASCII", "ENUM('a','b''c')", "SET('x','y') CHARACTER SET latin1", "DATETIME(3)", "DATETIME",
		"TIMESTAMP(6) NULL", "TIME(2)", "DATE", "YEAR", "VARBINARY(9)", "BINARY", "BIT(7)", "BIT", "DOUBLE PRECISION", "REAL",
		"FLOAT(7,2)", "NATIONAL VARCHAR(7)", "NCHAR", "BOOLEAN", "TINYTEXT", "MEDIUMTEXT", "LONGBLOB", "BLOB", "POINT", "GEOMETRY",
		"INT4", "FIXED(6,2)", "LONG VARBINARY"}
	sql := " " + types[g.IntN(len(types))]
	sql += g.pick("", "", " NOT NULL", " NULL", " DEFAULT NULL", " DEFAULT 7", " NOT NULL DEFAULT 8", " DEFAULT 'x'", " NOT NULL DEFAULT 'a'",
		" AUTO_INCREMENT PRIMARY KEY", " DEFAULT CURRENT_TIMESTAMP", " DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)")
	sql += g.pick("", "", "", " COMMENT 'it''s'", " INVISIBLE")
	return sql
}

func (g *statements) place() string {
	return g.pick("", "", " FIRST", " AFTER "+g.column())
}

// modelOf writes the model in the terms of INFORMATION_SCHEMA.
func modelOf(t *table.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table charset=%s comment=%s\n", t.Charset, unquoted(t.Comment))
	for _, c := range t.Columns {
		def := "none"
		switch {
		case c.AutoIncremented && c.Kind < table.Date:
			// The server does not keep a default beside AUTO_INCREMENT.
		case c.Default != nil && *c.Default == "1970-01-01 00:00:00":
			def = "now"
		case c.Default != nil && spelledAnew(c.Kind):
			def = "some"
		case c.Default != nil:
			def = *c.Default
		}
		fmt.Fprintf(&b, "%s kind=%d unsigned=%t length=%s charset=%s optional=%t default=%s auto=%t invisible=%t comment=%s\n",
			c.Name, sizeless(c.Kind), c.Unsigned, modelLength(c), utf8mb3(c.Charset), c.Optional, def, c.AutoIncremented && c.Kind < table.Date, c.Invisible, unquoted(c.Comment))
	}
	return b.String()
}

// spelledAnew are the kinds whose defaults the server writes in its own way.
func spelledAnew(k table.Kind) bool { return k >= table.Date && k <= table.Timestamp || k == table.Bit }

// sizeless puts the sizes of TEXT together: CONVERT TO CHARACTER SET may choose a
// larger one, which makes no difference to events.
func sizeless(k table.Kind) table.Kind {
	if k >= table.TinyText && k <= table.LongText {
		return table.Text
	}
	return k
}

func unquoted(s *string) string {
	if s == nil {
		return ""
	}
	return strings.ReplaceAll(*s, "''", "'")
}

func utf8mb3(charset string) string {
	if charset == "utf8" {
		return "utf8mb3"
	}
	return charset
}

func modelLength(c *table.Column) string {
	n := c.Length
	switch c.Kind {
	case table.Decimal:
		return fmt.Sprintf("%d,%d", n, c.Scale)
	case table.Char, table.VarChar, table.Binary, table.VarBinary:
		return fmt.Sprint(max(n, 1))
	case table.Time, table.DateTime, table.Timestamp:
		return fmt.Sprint(max(n, 0))
	case table.Bit:
		return fmt.Sprint(n)
	case table.Enum, table.Set:
		return strings.Join(c.Members, "|")
	}
	return ""
}

// serverTable writes what the server says in the same terms.
func serverTable(t *testing.T, conn *client.Conn) string {
	t.Helper()
	var b strings.Builder
	r := query(t, conn, "SELECT character_set_name, table_comment FROM information_schema.tables JOIN information_schema.collation_character_set_applicability c"+
		" ON table_collation = c.collation_name WHERE table_schema = 'ddl_random' AND table_name = 't'")
	fmt.Fprintf(&b, "table charset=%s comment=%s\n", text(t, r, 0, 0), text(t, r, 0, 1))
	r = query(t, conn, "SELECT column_name, data_type, column_type, is_nullable, column_default, character_set_name, character_maximum_length,"+
		" numeric_precision, numeric_scale, datetime_precision, extra, column_comment FROM information_schema.columns"+
		" WHERE table_schema = 'ddl_random' AND table_name = 't' ORDER BY ordinal_position")
	for i := range r.RowNumber() {
		kind, extra := table.KindOf(text(t, r, i, 1)), strings.ToLower(text(t, r, i, 10))
		charset := utf8mb3(text(t, r, i, 5))
		if !kind.IsText() {
			charset = ""
		}
		fmt.Fprintf(&b, "%s kind=%d unsigned=%t length=%s charset=%s optional=%t default=%s auto=%t invisible=%t comment=%s\n",
			text(t, r, i, 0), sizeless(kind), strings.Contains(text(t, r, i, 2), "unsigned"), serverLength(t, r, i, kind), charset,
			text(t, r, i, 3) == "YES", serverDefault(t, r, i, kind), strings.Contains(extra, "auto_increment"),
			strings.Contains(extra, "invisible"), text(t, r, i, 11))
	}
	return b.String()
}

func serverLength(t *testing.T, r *mysql.Result, i int, kind table.Kind) string {
	switch kind {
	case table.Decimal:
		return text(t, r, i, 7) + "," + text(t, r, i, 8)
	case table.Char, table.VarChar, table.Binary, table.VarBinary:
		return text(t, r, i, 6)
	case table.Time, table.DateTime, table.Timestamp:
		return text(t, r, i, 9)
	case table.Bit:
		return text(t, r, i, 7)
	case table.Enum, table.Set:
		list := text(t, r, i, 2)
		list = list[strings.IndexByte(list, '(')+1 : len(list)-1]
		return strings.ReplaceAll(strings.ReplaceAll(strings.Trim(list, "'"), "','", "|"), "''", "'")
	}
	return ""
}

// serverDefault brings a default into the form of the statement that set it.
func serverDefault(t *testing.T, r *mysql.Result, i int, kind table.Kind) string {
	def := strings.Trim(text(t, r, i, 4), "'")
	switch {
	case def == "" || def == "NULL":
		return "none"
	case strings.HasPrefix(strings.ToUpper(def), "CURRENT_TIMESTAMP"):
		return "now"
	case spelledAnew(kind):
		return "some"
	case strings.HasPrefix(def, "0x"):
		b, err := hex.DecodeString(def[2:])
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(string(b), "\x00")
	}
	if whole, fraction, ok := strings.Cut(def, "."); ok && strings.Trim(fraction, "0") == "" {
		def = whole
	}
	if kind != table.Char && kind != table.VarChar {
		def = strings.TrimLeft(def, "0")
	}
	if kind == table.Year && len(def) == 4 {
		return def[3:]
	}
	return strings.TrimRight(def, "\x00")
}

func query(t *testing.T, conn *client.Conn, sql string) *mysql.Result {
	t.Helper()
	r, err := conn.Execute(sql)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, r *mysql.Result, row, column int) string {
	t.Helper()
	s, err := r.GetString(row, column)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
