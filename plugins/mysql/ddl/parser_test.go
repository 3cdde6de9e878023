package ddl

import (
	"errors"
	"fmt"
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// describe writes changes one per line: kind, database, names, group and text.
func describe(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s in %q", c.Kind, c.Database)
		if c.ID != (table.ID{}) {
			fmt.Fprintf(&b, " %s", c.ID)
		}
		if c.Renamed() {
			fmt.Fprintf(&b, " was %s", c.Previous)
		}
		if len(c.Group) > 1 {
			fmt.Fprintf(&b, " with %v", c.Group)
		}
		if c.Partial {
			b.WriteString(" partial")
		}
		if c.Missing != (table.ID{}) {
			fmt.Fprintf(&b, " missing %s", c.Missing)
		}
		fmt.Fprintf(&b, ": %s\n", c.SQL)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestChanges runs statements one after the other. The expectations of texts,
// order and grouping were taken from Debezium 3.6.1.
func TestChanges(t *testing.T) {
	p := New(Config{})
	for _, step := range []struct{ database, sql, want string }{
		{"", "SET character_set_server=utf8mb4, collation_server=utf8mb4_0900_ai_ci",
			`set variable in "": SET character_set_server=utf8mb4, collation_server=utf8mb4_0900_ai_ci`},
		{"db", "CREATE DATABASE q COLLATE latin1_bin", `create database in "q": CREATE DATABASE q COLLATE latin1_bin`},
		{"db", "USE q", `use database in "q": USE q`},
		{"q", "/* a */ CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(3) DEFAULT \"it's\") -- end",
			`create table in "q" q.t: CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(3) DEFAULT 'it''s')`},
		{"q", "CREATE TABLE IF NOT EXISTS t (z INT)", `no effect in "q": CREATE TABLE IF NOT EXISTS t (z INT)`},
		{"q", "CREATE TABLE u LIKE t", `create table in "q" q.u: CREATE TABLE u LIKE t`},
		{"q", "CREATE TABLE w LIKE nowhere", `no effect in "q" missing q.nowhere: CREATE TABLE w LIKE nowhere`},
		{"q", "CREATE TABLE sel (a INT) AS SELECT 1 AS b", `create table in "q" q.sel partial: CREATE TABLE sel (a INT) AS SELECT 1 AS b`},
		{"db", "RENAME TABLE q.u TO q.copy2, nope TO q.nope2",
			"alter table in \"q\" q.copy2 was q.u with [q.copy2 q.nope2]: RENAME TABLE q.u TO q.copy2\n" +
				"alter table in \"q\" q.nope2 was db.nope with [q.copy2 q.nope2]: RENAME TABLE nope TO q.nope2"},
		{"q", "ALTER TABLE copy2 ADD KEY (v), RENAME TO db.copy3",
			`alter table in "db" db.copy3: ALTER TABLE copy2 ADD KEY (v), RENAME TO db.copy3`},
		{"q", "ALTER TABLE nowhere ADD x INT", `no effect in "q": ALTER TABLE nowhere ADD x INT`},
		{"q", "CREATE INDEX i ON t (v)", `no effect in "q": CREATE INDEX i ON t (v)`},
		{"q", "TRUNCATE t", `truncate table in "q" q.t: TRUNCATE t`},
		{"q", "DROP TABLE IF EXISTS nope, `parts`, db.copy3 CASCADE",
			"drop table in \"q\" q.nope with [q.parts q.nope]: DROP TABLE IF EXISTS `q`.`nope` CASCADE\n" +
				"drop table in \"q\" q.parts with [q.parts q.nope]: DROP TABLE IF EXISTS `q`.`parts` CASCADE\n" +
				"drop table in \"db\" db.copy3: DROP TABLE IF EXISTS `db`.`copy3` CASCADE"},
		{"q", "CREATE VIEW v AS SELECT ';' FROM t; DROP TABLE t", `no effect in "q": CREATE VIEW v AS SELECT ';' FROM t; DROP TABLE t`},
		{"q", "INSERT INTO t VALUES (1); DROP TABLE sel", "drop table in \"q\" q.sel: DROP TABLE `q`.`sel`"},
		{"q", "ALTER DATABASE q CHARACTER SET utf8mb4", `no effect in "q": ALTER DATABASE q CHARACTER SET utf8mb4`},
		{"q", "CREATE TEMPORARY TABLE t (other INT)", `no effect in "q": CREATE TEMPORARY TABLE t (other INT)`},
		{"q", "DROP TEMPORARY TABLE t", `no effect in "q": DROP TEMPORARY TABLE t`},
		{"q", "DROP DATABASE q", `drop database in "q": DROP DATABASE q`},
		{"", " ; /* nothing */ ;", ""},
	} {
		changes, err := p.Apply(step.database, step.sql)
		if err != nil {
			t.Fatalf("%s: %v", step.sql, err)
		}
		if got := describe(changes); got != step.want {
			t.Errorf("%s\ngives %s\n want %s", step.sql, got, step.want)
		}
	}
	if p.Catalog().Len() != 0 {
		t.Error("dropping the database left tables behind")
	}
}

// apply applies statements of the database db and returns the parser.
func apply(t *testing.T, cfg Config, statements ...string) *Parser {
	t.Helper()
	p := New(cfg)
	for _, s := range statements {
		if _, err := p.Apply("db", s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return p
}

func columns(t *testing.T, p *Parser, name string) string {
	t.Helper()
	tbl := p.Catalog().Table(table.ID{Database: "db", Name: name})
	if tbl == nil {
		t.Fatalf("table %s is not known", name)
	}
	lines := []string{fmt.Sprintf("key %v", tbl.PrimaryKey)}
	for i, c := range tbl.Columns {
		if c.Position != i+1 {
			t.Errorf("column %s has position %d, want %d", c.Name, c.Position, i+1)
		}
		lines = append(lines, columnText(c))
	}
	return strings.Join(lines, "\n")
}

func TestAlterations(t *testing.T) {
	const base = "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10), b INT NOT NULL DEFAULT 3) DEFAULT CHARSET utf8mb4"
	for _, c := range []struct{ sql, want string }{
		{"ALTER TABLE t ADD c DECIMAL(5,2) DEFAULT 1.25, ADD f INT FIRST, ADD m TEXT AFTER a",
			"key [id]\nf INT 4 def\nid INT 4 nn\na VARCHAR 12 (10) cs=utf8mb4 def\nm TEXT 12 cs=utf8mb4 def\nb INT 4 nn def=3\nc DECIMAL 3 (5,2) def=1.25"},
		{"ALTER TABLE t MODIFY id BIGINT AFTER b, CHANGE a aa CHAR(2) CHARACTER SET latin1 NOT NULL FIRST",
			"key [id]\naa CHAR 1 (2) cs=latin1 nn\nb INT 4 nn def=3\nid BIGINT -5 nn"},
		{"ALTER TABLE t CHANGE ID key_id INT UNSIGNED AUTO_INCREMENT, DROP PRIMARY KEY, ADD PRIMARY KEY (b, KEY_ID)",
			"key [b key_id]\nkey_id INT UNSIGNED 4 nn auto gen\na VARCHAR 12 (10) cs=utf8mb4 def\nb INT 4 nn def=3"},
		{"ALTER TABLE t RENAME COLUMN id TO i, DROP b, ALTER a SET DEFAULT 'x', ALTER a DROP DEFAULT",
			"key [i]\ni INT 4 nn\na VARCHAR 12 (10) cs=utf8mb4 def"},
		{"ALTER TABLE t ALTER a SET DEFAULT 'x', ALTER b SET DEFAULT (1+1), DROP id",
			"key []\na VARCHAR 12 (10) cs=utf8mb4 def=x\nb INT 4 nn def"},
		{"ALTER TABLE t ADD x TEXT, CONVERT TO CHARACTER SET latin1, ADD y TEXT",
			"key [id]\nid INT 4 nn\na VARCHAR 12 (10) cs=latin1 def\nb INT 4 nn def=3\nx TEXT 12 cs=latin1 def\ny TEXT 12 cs=latin1 def"},
		{"ALTER TABLE t ADD x TEXT, COLLATE latin1_bin",
			"key [id]\nid INT 4 nn\na VARCHAR 12 (10) cs=utf8mb4 def\nb INT 4 nn def=3\nx TEXT 12 cs=latin1 def"},
		{"ALTER TABLE t DROP PRIMARY KEY, ADD UNIQUE (a), ADD UNIQUE (b), ADD UNIQUE (id)",
			"key [b]\nid INT 4 nn\na VARCHAR 12 (10) cs=utf8mb4 def\nb INT 4 nn def=3"},
		{"ALTER TABLE t ADD COLUMN (x INT NOT NULL, y INT UNIQUE), ADD z SERIAL",
			"key [id]\nid INT 4 nn\na VARCHAR 12 (10) cs=utf8mb4 def\nb INT 4 nn def=3\nx INT 4 nn\ny INT 4 def\nz BIGINT UNSIGNED -5 nn auto gen"},
	} {
		p := apply(t, Config{}, base, c.sql)
		if got := columns(t, p, "t"); got != c.want {
			t.Errorf("%s\ngives\n%s\nwant\n%s", c.sql, got, c.want)
		}
		// A statement that is read again after a restart changes nothing more.
		if strings.Contains(c.sql, "DROP PRIMARY KEY, ADD UNIQUE") {
			continue
		}
		if _, err := p.Apply("db", c.sql); err != nil {
			t.Errorf("again: %v", err)
		}
		if got := columns(t, p, "t"); got != c.want {
			t.Errorf("%s\nagain gives\n%s\nwant\n%s", c.sql, got, c.want)
		}
	}
}

func TestTablesAreNeverWrittenTo(t *testing.T) {
	p := apply(t, Config{}, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
	id := table.ID{Database: "db", Name: "t"}
	before := p.Catalog().Table(id)
	text := fmt.Sprint(before.PrimaryKey, columns(t, p, "t"))
	for _, sql := range []string{
		"ALTER TABLE t ADD x INT FIRST, RENAME COLUMN id TO i, MODIFY a BIGINT AFTER b, ALTER b SET DEFAULT 3",
		"ALTER TABLE t DROP PRIMARY KEY", "CREATE UNIQUE INDEX u ON t (i)", "RENAME TABLE t TO t2",
	} {
		if _, err := p.Apply("db", sql); err != nil {
			t.Fatal(err)
		}
	}
	p.Catalog().Put(before)
	if got := fmt.Sprint(before.PrimaryKey, columns(t, p, "t")); got != text {
		t.Errorf("a published table changed:\n%s\nwas\n%s", got, text)
	}
}

func TestCharsetsAreInherited(t *testing.T) {
	for _, c := range []struct{ setup, want string }{
		{"", ""},
		{"SET character_set_server=latin1", "latin1"},
		{"CREATE DATABASE db CHARACTER SET greek", "greek"},
		{"CREATE DATABASE db COLLATE koi8r_bin", "koi8r"},
		{"SET character_set_server=latin1; USE db", "latin1"},
		{"SET character_set_server=latin1; CREATE DATABASE db CHARSET utf8mb4; ALTER DATABASE COLLATE sjis_bin", "sjis"},
	} {
		p := apply(t, Config{}, c.setup, "CREATE TABLE t (a VARCHAR(3), b CHAR(3) COLLATE utf8mb4_bin, c TEXT ASCII, d JSON, e BLOB)")
		got := p.Catalog().Table(table.ID{Database: "db", Name: "t"})
		if got.Charset != c.want || got.Columns[0].Charset != c.want {
			t.Errorf("%s: table has %q and column %q, want %q", c.setup, got.Charset, got.Columns[0].Charset, c.want)
		}
		for i, want := range map[int]string{1: "utf8mb4", 2: "latin1", 3: "", 4: ""} {
			if got.Columns[i].Charset != want {
				t.Errorf("column %s has charset %q, want %q", got.Columns[i].Name, got.Columns[i].Charset, want)
			}
		}
	}
}

func TestLiteralDefaults(t *testing.T) {
	p := apply(t, Config{}, `CREATE TABLE t (a BIT(3) DEFAULT b'101', b BIT(8) DEFAULT 0x0F, c INT DEFAULT 0x10, d DECIMAL(5) DEFAULT b'11',
		e BINARY(2) DEFAULT x'4142', f VARBINARY(2) DEFAULT 0xBEEF, g VARCHAR(9) DEFAULT 'a' 'b', h VARCHAR(9) DEFAULT _latin1'c',
		i INT DEFAULT -5, j DATE DEFAULT DATE '2020-01-01', k INT DEFAULT TRUE, l VARCHAR(9) DEFAULT 'it''s\n', m DATETIME DEFAULT NOW())`)
	want := []string{"101", "1111", "16", "3", "4142", "BEEF", "ab", "c", "-5", "2020-01-01", "TRUE", `it''s\n`, "1970-01-01 00:00:00"}
	for i, c := range p.Catalog().Table(table.ID{Database: "db", Name: "t"}).Columns {
		if c.Default == nil || *c.Default != want[i] {
			t.Errorf("column %s has the default %v, want %s", c.Name, c.Default, want[i])
		}
	}
}

func TestModes(t *testing.T) {
	p := New(Config{})
	p.SetVariable("sql_mode", "STRICT_ALL_TABLES,ANSI_QUOTES")
	if _, err := p.Apply("db", `CREATE TABLE "a""b" ("c" VARCHAR(9) DEFAULT 'x')`); err != nil {
		t.Fatal(err)
	}
	if p.Catalog().Table(table.ID{Database: "db", Name: `a"b`}) == nil {
		t.Error("ANSI_QUOTES: the quoted table is not there")
	}
	p.SetMode(ModeOfFlags(1 << 20))
	if _, err := p.Apply("db", `CREATE TABLE t (c VARCHAR(9) DEFAULT '\')`); err != nil {
		t.Errorf("NO_BACKSLASH_ESCAPES: %v", err)
	}
	if ModeOf("ansi") != (Mode{ANSIQuotes: true}) || ModeOfFlags(4) != (Mode{ANSIQuotes: true}) {
		t.Error("modes are not understood")
	}
}

func TestExecutableComments(t *testing.T) {
	const sql = "CREATE TABLE t (a INT /*!50100 , b INT */ /*!99998 , c INT */ /*M! , d INT */ /*M!120000 , e INT */ /* , f INT */)"
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "a b"},
		{Config{Version: 50000}, "a"},
		{Config{Dialect: MariaDB, Version: 101106}, "a b d"},
		{Config{Dialect: MariaDB}, "a b d e"},
	} {
		p := apply(t, c.cfg, sql)
		var names []string
		for _, col := range p.Catalog().Table(table.ID{Database: "db", Name: "t"}).Columns {
			names = append(names, col.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: columns %s, want %s", c.cfg, got, c.want)
		}
	}
}

func TestNameCase(t *testing.T) {
	for nameCase, want := range map[table.NameCase]string{table.CaseSensitive: "Db.T", table.Lowered: "db.t", table.CasePreserving: "Db.T"} {
		p := New(Config{Catalog: table.NewCatalog(nameCase)})
		changes, err := p.Apply("Db", "CREATE TABLE T (A INT)")
		if err != nil || changes[0].ID.String() != want {
			t.Errorf("case %d: %v, %v", nameCase, changes, err)
		}
		_, err = p.Apply("dB", "ALTER TABLE t ADD b INT")
		known := p.Catalog().Table(changes[0].ID)
		if err != nil || (len(known.Columns) == 2) != (nameCase != table.CaseSensitive) {
			t.Errorf("case %d: %d columns, %v", nameCase, len(known.Columns), err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"CREATE TABLE t (\n  é INT,\n  b FOO)", `parsing DDL: line 3, column 5, near "FOO)": unknown column type`},
		{"CREATE TABLE t (a INT", `parsing DDL: line 1, column 22, at the end of the text: expected )`},
		{"CREATE TABLE t a INT", `parsing DDL: line 1, column 16, near "a INT": expected the table's columns`},
		{"CREATE TABLE t (a INT) trailing", `parsing DDL: line 1, column 24, near "trailing": expected the end of the statement`},
		{"CREATE TABLE t (a INT, PRIMARY (a))", `parsing DDL: line 1, column 24, near "PRIMARY (a))": expected PRIMARY KEY`},
		{"CREATE TABLE t (a INT) FROBNICATE=1", `parsing DDL: line 1, column 24, near "FROBNICATE=1": expected the end of the statement`},
		{"ALTER TABLE t FROBNICATE", `parsing DDL: line 1, column 15, near "FROBNICATE": expected a change of the table`},
		{"ALTER TABLE t ADD a INT,", `parsing DDL: line 1, column 25, at the end of the text: expected another change of the table`},
		{"CREATE FROBNICATOR x", `parsing DDL: line 1, column 8, near "FROBNICATOR x": CREATE of this kind of object is not known`},
		{"FROBNICATE x", `parsing DDL: line 1, column 1, near "FROBNICATE x": this statement is not known`},
		{"CREATE TABLE t (a VARCHAR)", `parsing DDL: line 1, column 26, near ")": VARCHAR needs a length in parentheses`},
		{"CREATE TABLE t (a INT DEFAULT 'x", `parsing DDL: line 1, column 31, near "'x": the string is not closed`},
		{"CREATE TABLE t (a UUID)", `parsing DDL: line 1, column 19, near "UUID)": unknown column type`},
		{"CREATE SEQUENCE s", `parsing DDL: line 1, column 8, near "SEQUENCE s": CREATE of this kind of object is not known`},
	} {
		p := New(Config{})
		_, err := p.Apply("db", "CREATE TABLE before_it (a INT)")
		if err != nil {
			t.Fatal(err)
		}
		changes, err := p.Apply("db", c.sql)
		var e *Error
		if !errors.As(err, &e) || err.Error() != c.want || changes != nil {
			t.Errorf("%s\ngives %v\n want %s", c.sql, err, c.want)
		}
		if p.Catalog().Len() != 1 {
			t.Errorf("%s changed the catalog", c.sql)
		}
	}
}

func TestStatementsThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"ALTER TABLE t MODIFY nope INT", "table db.t: the column nope to be changed does not exist"},
		{"ALTER TABLE t RENAME COLUMN x TO y", "table db.t: the column x to be changed does not exist"},
		{"ALTER TABLE t ADD x INT AFTER y", "table db.t: column x goes after the column y, which does not exist"},
		{"ALTER TABLE t ADD PRIMARY KEY (x)", "table db.t: the primary key names the column x, which does not exist"},
	} {
		p := apply(t, Config{}, "CREATE TABLE t (a INT)")
		_, err := p.Apply("db", c.sql)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngives %v\n want %s", c.sql, err, c.want)
		}
		if got := columns(t, p, "t"); got != "key []\na INT 4 def" {
			t.Errorf("%s changed the table:\n%s", c.sql, got)
		}
	}
}

// TestUnreadableStatementsWithoutEffect: data statements may hold text that is
// no SQL to this lexer; tables do not depend on it.
func TestUnreadableStatementsWithoutEffect(t *testing.T) {
	p := New(Config{})
	if changes, err := p.Apply("db", "INSERT INTO t VALUES ('\xff, 'x"); err != nil || changes[0].Kind != NoEffect {
		t.Error(changes, err)
	}
	if _, err := p.Apply("db", "ALTER TABLE t ADD x INT DEFAULT 'x"); err == nil {
		t.Error("an unreadable ALTER TABLE was skipped")
	}
}

func TestMariaDB(t *testing.T) {
	p := apply(t, Config{Dialect: MariaDB},
		"SET STATEMENT max_statement_time=5 FOR CREATE TABLE t (id INT, u UUID, v INT INVISIBLE, p POINT REF_SYSTEM_ID=4326) fs=1",
		"CREATE OR REPLACE TABLE t (id BIGINT PRIMARY KEY, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
		"ALTER ONLINE TABLE IF EXISTS t WAIT 3 ADD COLUMN IF NOT EXISTS x INT DEFAULT uuid_short(), DROP COLUMN IF EXISTS y, CHANGE COLUMN IF EXISTS z q INT",
		"CREATE SEQUENCE seq", "RENAME TABLE IF EXISTS t TO t2, t2 TO t")
	want := "key [id]\nid BIGINT -5 nn\ns TIMESTAMP 2014 (6) def\ne TIMESTAMP 2014 (6) def\nx INT 4 def"
	if got := columns(t, p, "t"); got != want {
		t.Errorf("columns\n%s\nwant\n%s", got, want)
	}
	changes, err := p.Apply("db", "ALTER TABLE t CONVERT PARTITION p1 TO TABLE part")
	if err != nil || describe(changes) != `create table in "db" db.part with [db.part db.t]: ALTER TABLE t CONVERT PARTITION p1 TO TABLE part`+"\n"+
		`alter table in "db" db.t with [db.part db.t]: ALTER TABLE t CONVERT PARTITION p1 TO TABLE part` {
		t.Error(describe(changes), err)
	}
	p = apply(t, Config{Dialect: MariaDB}, "CREATE TABLE t (g POINT REF_SYSTEM_ID=4326, e ENUM('a','b''c') CHARACTER SET latin1, z INT ZEROFILL INVISIBLE)")
	c := p.Catalog().Table(table.ID{Database: "db", Name: "t"}).Columns
	if !c[0].HasSRID || c[0].SRID != 4326 || c[1].Members[1] != "b'c" || !c[2].Zerofill || !c[2].Unsigned || !c[2].Invisible {
		t.Errorf("%+v %+v %+v", c[0], c[1], c[2])
	}
}

// TestGrammarWordsAreKeywords finds words that the parser looks for but that
// the lexer would not recognise.
func TestGrammarWordsAreKeywords(t *testing.T) {
	word := regexp.MustCompile(`^[A-Z][A-Z_0-9]+$`)
	found := 0
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "change.go" {
			continue
		}
		parsed, err := goparser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != gotoken.STRING || lit.Value[0] != '"' {
				return true
			}
			if text, _ := strconv.Unquote(lit.Value); word.MatchString(text) {
				found++
				if keyword(text) == "" {
					t.Errorf("%s: %s is no keyword", file, text)
				}
			}
			return true
		})
	}
	if found < 500 {
		t.Errorf("only %d words", found)
	}
}

func TestSubjectOfUnparseableStatements(t *testing.T) {
	for sql, want := range map[string]string{
		"ALTER TABLE t FROBNICATE":                          "db.t",
		"alter ignore table `a b`.`c``d` WITH WHATEVER (1,": "a b.c`d",
		"ALTER TABLE IF EXISTS x.y WAIT ???":                "x.y",
		"CREATE OR REPLACE TABLE t (.a INT)":                "db.t",
		"CREATE TABLE IF NOT EXISTS other.t (what":          "other.t",
		"CREATE TEMPORARY TABLE t (.a INT)":                 "",
		"DROP TABLE t, u SOMEHOW":                           "",
		"FROBNICATE TABLE t":                                "",
		"ALTER TABLE":                                       "",
		"ALTER TABLE t 'open":                               "",
		"":                                                  "",
	} {
		got := ""
		if id, ok := New(Config{}).Subject("db", sql); ok {
			got = id.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	if _, ok := New(Config{}).Subject("", "ALTER TABLE t FROBNICATE"); ok {
		t.Error("a table without a database was found")
	}
}
