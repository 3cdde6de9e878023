package ddl

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// corpusStatement is a line of mysql-ddl.jsonl. MySQL97 is what MySQL 9.7.4 said
// of the syntax; Group is T for tables, V for views, N for everything without
// effect on tables.
type corpusStatement struct {
	ID      int
	Kind    string
	Group   string
	MySQL97 string `json:"mysql97"`
	SQL     string
}

func readLines(t testing.TB, path string, line func([]byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func readCorpus(t testing.TB) []corpusStatement {
	t.Helper()
	var corpus []corpusStatement
	readLines(t, "testdata/mysql-ddl.jsonl", func(line []byte) {
		var s corpusStatement
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		corpus = append(corpus, s)
	})
	if len(corpus) != 1232 {
		t.Fatalf("the corpus has %d statements", len(corpus))
	}
	return corpus
}

func TestCorpusIsAccepted(t *testing.T) {
	valid, tables := 0, 0
	for _, s := range readCorpus(t) {
		if s.MySQL97 != "accepts" {
			continue
		}
		valid++
		if s.Group == "T" {
			tables++
		}
		if _, err := New(Config{}).Apply("db", s.SQL); err != nil {
			t.Errorf("statement %d, which MySQL accepts: %v", s.ID, err)
		}
	}
	if tables != 902 || valid != 1099 {
		t.Errorf("%d statements of tables among %d", tables, valid)
	}
}

// TestCorpusOfMariaDB: every table statement of the corpus that MariaDB 10.11
// accepts is accepted. The file lists those that it refuses for their syntax;
// one more is not supported.
func TestCorpusOfMariaDB(t *testing.T) {
	data, err := os.ReadFile("testdata/mariadb-rejects.json")
	if err != nil {
		t.Fatal(err)
	}
	var refused []int
	if err := json.Unmarshal(data, &refused); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, s := range readCorpus(t) {
		if s.Group != "T" || slices.Contains(refused, s.ID) {
			continue
		}
		total++
		_, err := New(Config{Dialect: MariaDB}).Apply("db", s.SQL)
		// A column name that begins with a dot is a relic of MySQL 3.
		if relic := strings.Contains(s.SQL, "(.a BIGINT)"); (err == nil) == relic {
			t.Errorf("statement %d, which MariaDB accepts: %v", s.ID, err)
		}
	}
	if total < 900 {
		t.Errorf("only %d statements", total)
	}
}

// TestStatementsThatMySQLRejects holds mutations of the corpus that MySQL 9.7.4
// answers with a syntax error.
func TestStatementsThatMySQLRejects(t *testing.T) {
	total, accepted := 0, []string{}
	readLines(t, "testdata/mysql-rejects.txt", func(line []byte) {
		total++
		if _, err := New(Config{}).Apply("db", string(line)); err == nil {
			accepted = append(accepted, string(line))
		}
	})
	if total != 300 || len(accepted) > 1 {
		t.Errorf("%d of %d are accepted:\n%s", len(accepted), total, strings.Join(accepted, "\n"))
	}
}

// TestMutationsThatMySQLAccepts holds mutations that are still good SQL. Some
// name columns that do not exist, which the parser notices and the server would
// only when it ran them.
func TestMutationsThatMySQLAccepts(t *testing.T) {
	total := 0
	readLines(t, "testdata/mysql-accepts.txt", func(line []byte) {
		total++
		c := newCursor(string(line), MySQL, MySQL.newest(), Mode{})
		if c.statements(); c.err != nil {
			t.Errorf("%s: %v", line, c.err)
		}
	})
	if total < 400 {
		t.Errorf("only %d statements", total)
	}
}

// debeziumTables is what Debezium 3.6.1's MySQL parser makes of a statement of
// the corpus, with comments recorded.
type debeziumTables struct {
	ID     int
	Tables []debeziumTable
}

type debeziumTable struct {
	ID, Charset string
	Key         []string
	Comment     *string
	Columns     []string
}

// TestTablesAreThoseOfDebezium compares the models of all table statements that
// Debezium can parse. The exceptions are deliberate.
func TestTablesAreThoseOfDebezium(t *testing.T) {
	exceptions := map[int]string{
		607:  "SERIAL DEFAULT VALUE means NOT NULL whatever stands before it",
		1012: "the same",
		764:  "CHAR UNICODE has the charset ucs2",
		28:   "temporary tables are not modelled",
		29:   "the same",
	}
	statements := map[int]string{}
	for _, s := range readCorpus(t) {
		statements[s.ID] = s.SQL
	}
	compared := 0
	readLines(t, "testdata/debezium-tables.jsonl", func(line []byte) {
		var want debeziumTables
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		if exceptions[want.ID] != "" {
			return
		}
		compared++
		p := New(Config{Comments: true})
		if _, err := p.Apply("db", statements[want.ID]); err != nil {
			t.Errorf("statement %d: %v", want.ID, err)
			return
		}
		compareTables(t, want, p.Catalog())
	})
	if compared < 400 {
		t.Errorf("only %d statements were compared", compared)
	}
}

func compareTables(t *testing.T, want debeziumTables, catalog *table.Catalog) {
	t.Helper()
	if catalog.Len() != len(want.Tables) {
		t.Errorf("statement %d gives %d tables, want %d", want.ID, catalog.Len(), len(want.Tables))
		return
	}
	i := 0
	for got := range catalog.All() {
		w := want.Tables[i]
		i++
		g := debeziumTable{ID: got.ID.Quoted(), Charset: got.Charset, Key: got.PrimaryKey, Comment: got.Comment}
		for _, c := range got.Columns {
			g.Columns = append(g.Columns, columnText(c))
		}
		gotText, wantText := tableText(g), tableText(w)
		if gotText != wantText {
			t.Errorf("statement %d gives\n%swant\n%s", want.ID, gotText, wantText)
		}
	}
}

func tableText(d debeziumTable) string {
	comment := "none"
	if d.Comment != nil {
		comment = *d.Comment
	}
	return fmt.Sprintf("%s charset=%s key=%q comment=%s\n  %s\n", d.ID, d.Charset, d.Key, comment, strings.Join(d.Columns, "\n  "))
}

// columnText writes a column the way the golden file does.
func columnText(c *table.Column) string {
	s := fmt.Sprintf("%s %s %d", c.Name, c.TypeName, c.JDBCType)
	switch {
	case c.Scale != table.Unset:
		s += fmt.Sprintf(" (%d,%d)", c.Length, c.Scale)
	case c.Length != table.Unset:
		s += fmt.Sprintf(" (%d)", c.Length)
	}
	for _, flag := range []struct {
		set  bool
		text string
	}{
		{c.Charset != "", " cs=" + c.Charset}, {!c.Optional, " nn"}, {c.AutoIncremented, " auto"},
		{c.Generated, " gen"}, {c.HasDefault, " def"},
	} {
		if flag.set {
			s += flag.text
		}
	}
	if c.Default != nil {
		s += "=" + *c.Default
	}
	if c.Comment != nil {
		s += " comment=" + *c.Comment
	}
	if len(c.EnumValues) > 0 {
		s += " [" + strings.Join(c.EnumValues, " ") + "]"
	}
	return s
}
