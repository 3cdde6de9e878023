package ddl

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// twin is a table as a list of columns, changed by the most naive means.
type twin struct {
	columns []twinColumn
	key     []string
}

type twinColumn struct {
	name, typeName string
	optional       bool
}

func (w *twin) index(name string) int {
	return slices.IndexFunc(w.columns, func(c twinColumn) bool { return c.name == name })
}

func (w *twin) isKey(name string) bool { return slices.Contains(w.key, name) }

// generator makes statements that change a twin's table t, and changes the twin
// with them.
type generator struct {
	*rand.Rand
	w    *twin
	next int // number of the next new column
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) newName() string {
	g.next++
	return fmt.Sprintf("c%d", g.next)
}

func (g *generator) column() string { return g.w.columns[g.IntN(len(g.w.columns))].name }

// definition gives a type with attributes and what the model says of it.
func (g *generator) definition() (sql string, c twinColumn) {
	types := []struct{ sql, name string }{
		{"INT", "INT"}, {"int(11) unsigned", "INT UNSIGNED"}, {"BIGINT ZEROFILL", "BIGINT UNSIGNED ZEROFILL"},
		{"decimal(8,3)", "DECIMAL"}, {"VARCHAR(20)", "VARCHAR"}, {"CHAR(5) CHARACTER SET latin1", "CHAR"},
		{"VARCHAR(7) COLLATE utf8mb4_bin", "VARCHAR"}, {"ENUM('a','b''c')", "ENUM"}, {"SET('x','y')", "SET"},
		{"DATETIME(3)", "DATETIME"}, {"TIMESTAMP(6)", "TIMESTAMP"}, {"TIME", "TIME"}, {"DATE", "DATE"}, {"YEAR", "YEAR"},
		{"VARBINARY(9)", "VARBINARY"}, {"BIT(7)", "BIT"}, {"DOUBLE PRECISION", "DOUBLE PRECISION"},
		{"FLOAT(7,2)", "FLOAT"}, {"NATIONAL VARCHAR(7)", "NATIONAL VARCHAR"}, {"BOOLEAN", "BOOLEAN"}, {"NUMERIC(5)", "NUMERIC"},
	}
	t := types[g.IntN(len(types))]
	c = twinColumn{typeName: t.name, optional: true}
	sql = t.sql
	switch g.IntN(4) {
	case 0:
		sql += " NOT NULL"
		c.optional = false
	case 1:
		sql += " NULL DEFAULT NULL"
	}
	if g.IntN(4) == 0 {
		sql += " COMMENT 'a, (comment) -- with ''quotes'''"
	}
	return sql, c
}

// place gives a place that is not the column itself.
func (g *generator) place(name string) (sql string, at func(*twin, twinColumn)) {
	after := g.column()
	switch n := g.IntN(3); {
	case n == 0:
		return " FIRST", func(w *twin, c twinColumn) { w.columns = slices.Insert(w.columns, 0, c) }
	case n == 1 && after != name:
		return " AFTER " + after, func(w *twin, c twinColumn) { w.columns = slices.Insert(w.columns, w.index(after)+1, c) }
	}
	return "", nil
}

// change gives one item of an ALTER TABLE.
func (g *generator) change() string {
	if len(g.w.columns) < 3 {
		return g.add()
	}
	switch g.IntN(8) {
	case 0, 1:
		return g.add()
	case 2:
		return g.drop()
	case 3:
		return g.modify()
	case 4:
		return g.rename()
	case 5:
		return g.addKey()
	case 6:
		return "ADD INDEX (" + g.column() + ")"
	}
	return g.pick("COMMENT = 'x'", "ENGINE=InnoDB", "AUTO_INCREMENT 5", "ROW_FORMAT=DYNAMIC", "FORCE")
}

func (g *generator) add() string {
	sql, c := g.definition()
	c.name = g.newName()
	place, at := g.place("")
	if at == nil {
		g.w.columns = append(g.w.columns, c)
	} else {
		at(g.w, c)
	}
	return g.pick("ADD ", "ADD COLUMN ") + c.name + " " + sql + place
}

func (g *generator) drop() string {
	name := g.column()
	i := g.w.index(name)
	g.w.columns = slices.Delete(g.w.columns, i, i+1)
	g.w.key = slices.DeleteFunc(g.w.key, func(k string) bool { return k == name })
	return g.pick("DROP ", "DROP COLUMN ") + name
}

func (g *generator) modify() string {
	old := g.column()
	sql, c := g.definition()
	c.name = old
	verb := "MODIFY " + old
	if g.IntN(2) == 0 {
		c.name = g.newName()
		verb = "CHANGE " + old + " " + c.name
	}
	if g.w.isKey(old) {
		sql = strings.Replace(sql, " NULL DEFAULT NULL", "", 1)
		c.optional = false
		g.w.key[slices.Index(g.w.key, old)] = c.name
	}
	i := g.w.index(old)
	place, at := g.place(old)
	if at == nil {
		g.w.columns[i] = c
	} else {
		g.w.columns = slices.Delete(g.w.columns, i, i+1)
		at(g.w, c)
	}
	return verb + " " + sql + place
}

func (g *generator) rename() string {
	old, name := g.column(), g.newName()
	g.w.columns[g.w.index(old)].name = name
	if i := slices.Index(g.w.key, old); i >= 0 {
		g.w.key[i] = name
	}
	return "RENAME COLUMN " + old + " TO " + name
}

func (g *generator) addKey() string {
	drop := ""
	if len(g.w.key) > 0 {
		drop = "DROP PRIMARY KEY, "
	}
	g.w.key = nil
	for _, i := range g.Perm(len(g.w.columns))[:1+g.IntN(2)] {
		g.w.columns[i].optional = false
		g.w.key = append(g.w.key, g.w.columns[i].name)
	}
	return drop + "ADD PRIMARY KEY (" + strings.Join(g.w.key, ", ") + ")"
}

// text describes the twin's table; modelText the model's.
func (w *twin) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %v\n", w.key)
	for _, c := range w.columns {
		fmt.Fprintf(&b, "%s %s %v\n", c.name, c.typeName, c.optional)
	}
	return b.String()
}

func modelText(t *table.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %v\n", t.PrimaryKey)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "%s %s %v\n", c.Name, c.TypeName, c.Optional)
	}
	return b.String()
}

func TestRandomAlterationsLikeTheTwin(t *testing.T) {
	for seed := range uint64(20) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), w: &twin{columns: []twinColumn{{"c0", "INT", true}}}}
		p := apply(t, Config{}, "CREATE TABLE t (c0 INT)")
		for range 150 {
			sql := "ALTER TABLE t " + g.change()
			if _, err := p.Apply("db", sql); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, sql, err)
			}
			got := p.Catalog().Table(table.ID{Database: "db", Name: "t"})
			if g.w.text() != modelText(got) {
				t.Fatalf("seed %d: %s\ngives\n%swant\n%s", seed, sql, modelText(got), g.w.text())
			}
		}
	}
}

func FuzzParser(f *testing.F) {
	for i, s := range readCorpus(f) {
		if i%20 == 0 {
			f.Add(s.SQL, false, false)
		}
	}
	f.Add("CREATE TABLE t (a INT /*!50100 , b INT */)", true, true)
	f.Fuzz(func(t *testing.T, sql string, mariadb, ansi bool) {
		cfg := Config{Comments: true}
		if mariadb {
			cfg.Dialect = MariaDB
		}
		p := New(cfg)
		p.SetMode(Mode{ANSIQuotes: ansi})
		if _, err := p.Apply("db", "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10))"); err != nil {
			t.Fatal(err)
		}
		before := p.Catalog().Table(table.ID{Database: "db", Name: "t"})
		changes, err := p.Apply("db", sql)
		if modelText(before) != "key [id]\nid INT false\na VARCHAR true\n" {
			t.Errorf("a published table changed: %s", modelText(before))
		}
		if err != nil && changes != nil {
			t.Error("both changes and an error")
		}
		for tbl := range p.Catalog().All() {
			checkTable(t, tbl)
		}
	})
}

// checkTable checks what holds for every table.
func checkTable(t *testing.T, tbl *table.Table) {
	for i, c := range tbl.Columns {
		if c.Position != i+1 || c.TypeName == "" || c.Kind == table.Unknown {
			t.Errorf("table %s has the column %+v at %d", tbl.ID, c, i)
		}
	}
	for _, k := range tbl.PrimaryKey {
		if tbl.Column(k) == nil {
			t.Errorf("the key of table %s names %s, which does not exist", tbl.ID, k)
		}
	}
}

func FuzzLexer(f *testing.F) {
	for i, s := range readCorpus(f) {
		if i%20 == 0 {
			f.Add(s.SQL)
		}
	}
	for _, s := range []string{"a.1b", "1e5", ".5.5", "0xZZ", "x'1'", "'\\'", "/*!50000", "@@a.`b`", "a.`b``c`", "N'x'", "-- ", "1.e", "_utf8'x'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, dialect := range []Dialect{MySQL, MariaDB} {
			tokens, err := lex(sql, dialect, dialect.newest(), Mode{})
			if err != nil {
				continue
			}
			end := 0
			for i, tok := range tokens {
				if tok.start < end || tok.end < tok.start || tok.end == tok.start != (i == len(tokens)-1) {
					t.Fatalf("token %d of %d spans %d to %d after %d", i, len(tokens), tok.start, tok.end, end)
				}
				end = tok.end
			}
			if end != len(sql) {
				t.Fatalf("the last token ends at %d of %d", end, len(sql))
			}
		}
	})
}

// accepted are the statements of the corpus that change tables and that the newest
// server takes.
func accepted(t testing.TB) (statements []string) {
	for _, s := range readCorpus(t) {
		if s.Group == "T" && s.MySQL97 == "accepts" {
			statements = append(statements, s.SQL)
		}
	}
	return statements
}

// TestAllocationsOfParsing holds that a statement costs no more than what it says:
// names and columns, not tokens.
func TestAllocationsOfParsing(t *testing.T) {
	statements := accepted(t)
	n := testing.AllocsPerRun(5, func() {
		for _, sql := range statements {
			c := newCursor(sql, MySQL, MySQL.newest(), Mode{})
			if c.statements(); c.err != nil {
				t.Fatal(sql, c.err)
			}
		}
	})
	if each := n / float64(len(statements)); each > 20 {
		t.Errorf("%.1f allocations for each of %d statements", each, len(statements))
	} else {
		t.Logf("%.1f allocations for each of %d statements", each, len(statements))
	}
}

func BenchmarkParse(b *testing.B) {
	statements := accepted(b)
	bytes := 0
	for _, s := range statements {
		bytes += len(s)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(statements)))
	n := 0
	for b.Loop() {
		c := newCursor(statements[n%len(statements)], MySQL, MySQL.newest(), Mode{})
		if c.statements(); c.err != nil {
			b.Fatal(c.err)
		}
		n++
	}
}
