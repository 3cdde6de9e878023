package history_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// TestPrettyRecord: testdata/pretty.json was printed by Debezium's HistoryRecord
// with every field that a position can have and every control character.
func TestPrettyRecord(t *testing.T) {
	want, err := os.ReadFile("testdata/pretty.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := history.NewDecoder().Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.AppendPretty(nil)); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	line := r.AppendLine(nil)
	again, err := history.NewDecoder().Decode(line)
	if err != nil || string(again.AppendPretty(nil)) != string(want) {
		t.Errorf("a record in one line is not the same: %s, %v", line, err)
	}
	id := r.Changes[0].ID
	if id.Name != `t"x` || id.Database != "d" || r.Changes[0].Previous.Name != "old" || r.Changes[1].Type != history.Drop {
		t.Errorf("%+v", r.Changes)
	}
}

func TestMalformedRecords(t *testing.T) {
	const whole = `{"source":{"server":"s"},"position":{"pos":4},"tableChanges":[{"type":"CREATE","id":"\"a\".\"b\"","table":{"columns":[{"name":"c","typeName":"INT"}]}}]}`
	if _, err := history.NewDecoder().Decode([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if _, err := history.NewDecoder().Decode([]byte(whole[:i])); err == nil {
			t.Errorf("the beginning of a record is taken for one: %s", whole[:i])
		}
	}
	for _, change := range [][2]string{
		{`"CREATE"`, `"CREATED"`}, {`\"a\".\"b\"`, `\"a`}, {`\"a\".\"b\"`, ``}, {`\"a\".\"b\"`, `a.b.c.d`}, {`\"a\".\"b\"`, `\"a\"b`},
		{`"table"`, `"tables"`}, {`"name":"c",`, ``}, {`"typeName":"INT"`, `"jdbcType":"x"`}, {`{"pos":4}`, `null`}, {`4`, `4 4`},
		{`{"server":"s"}`, `[]`}, {`]}`, `]} x`}, {`"INT"`, `INT`}, {`"INT"`, `"INT","optional":1`},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if r, err := history.NewDecoder().Decode([]byte(text)); err == nil {
			t.Errorf("%s is taken for %+v", text, r)
		}
	}
}

// memory returns a history of the connector s and its storage.
func memory() (*history.History, *history.Memory) {
	m := history.NewMemory()
	now := time.UnixMilli(1700000000000)
	return history.New(history.Config{Storage: m, Source: position.Partition("s"), Now: func() time.Time { return now }}), m
}

// run applies statements and records what they change at positions 1, 2, 3 ...
func run(t *testing.T, h *history.History, cfg ddl.Config, statements ...string) *ddl.Parser {
	t.Helper()
	p := ddl.New(cfg)
	for i, sql := range statements {
		changes, err := p.Apply("db", sql)
		if err != nil {
			t.Fatal(err)
		}
		for j := range changes {
			if err := h.Record(t.Context(), &changes[j], map[string]any{"file": "f.000001", "pos": int64(i + 1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

func upTo(t *testing.T, pos int64) func(map[string]any) (bool, error) {
	t.Helper()
	c, err := position.NewComparator(position.MySQL, nil, map[string]any{"file": "f.000001", "pos": pos})
	if err != nil {
		t.Fatal(err)
	}
	return c.AtOrBefore
}

func dump(c *table.Catalog) string {
	var b strings.Builder
	for t := range c.All() {
		fmt.Fprintf(&b, "%s charset=%s key=%v", t.ID, t.Charset, t.PrimaryKey)
		for _, col := range t.Columns {
			def := "none"
			if col.Default != nil {
				def = *col.Default
			}
			fmt.Fprintf(&b, "; %d %s %s kind=%d unsigned=%t %s %d,%d optional=%t default=%t %s members=%q", col.Position, col.Name, col.TypeName,
				col.Kind, col.Unsigned, col.Charset, col.Length, col.Scale, col.Optional, col.HasDefault, def, col.Members)
		}
		b.WriteString("\n")
	}
	return b.String()
}

var statements = []string{
	"SET character_set_server=latin1",
	"CREATE DATABASE db CHARACTER SET utf8mb4",
	"CREATE TABLE a (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, e ENUM('x','it''s') DEFAULT 'x', d DECIMAL(5,2) DEFAULT 1.50, v VARCHAR(9))",
	"CREATE TABLE b LIKE a",
	"ALTER TABLE a ADD f INT FIRST, DROP d",
	"RENAME TABLE a TO c, b TO a",
	"DROP TABLE a",
	"CREATE TABLE other.t (v TEXT)",
	"DROP DATABASE other",
}

// TestRecoveryStopsAtThePosition compares the recovered tables at each position
// with those that the statements up to there give.
func TestRecoveryStopsAtThePosition(t *testing.T) {
	for _, preferDDL := range []bool{false, true} {
		h, _ := memory()
		run(t, h, ddl.Config{}, statements...)
		for n := range len(statements) + 1 {
			discard, _ := memory()
			want := dump(run(t, discard, ddl.Config{}, statements[:n]...).Catalog())
			p := ddl.New(ddl.Config{})
			if _, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: upTo(t, int64(n)), PreferDDL: preferDDL}); err != nil {
				t.Fatal(err)
			}
			if got := dump(p.Catalog()); got != want {
				t.Errorf("preferDDL=%t: after %d statements\n%swant\n%s", preferDDL, n, got, want)
			}
		}
	}
}

func TestRecoveredDatabasesKeepTheirCharset(t *testing.T) {
	h, _ := memory()
	run(t, h, ddl.Config{}, statements[:2]...)
	p := ddl.New(ddl.Config{})
	if _, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always}); err != nil {
		t.Fatal(err)
	}
	changes, err := p.Apply("db", "CREATE TABLE t (v TEXT)")
	if err != nil || changes[0].Table.Charset != "utf8mb4" {
		t.Errorf("%+v, %v", changes, err)
	}
	changes, err = p.Apply("other", "CREATE TABLE t (v TEXT)")
	if err != nil || changes[0].Table.Charset != "latin1" {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestRecoveryIgnoresOtherConnectors(t *testing.T) {
	h, m := memory()
	run(t, h, ddl.Config{}, "CREATE TABLE mine (a INT)")
	run(t, history.New(history.Config{Storage: m, Source: position.Partition("other")}), ddl.Config{}, "CREATE TABLE theirs (a INT)")
	p := ddl.New(ddl.Config{})
	counts, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always})
	if err != nil || counts != (history.Recovered{Read: 2, Applied: 1}) || p.Catalog().Len() != 1 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// TestOldHistory recovers what Debezium 1.6.1 wrote. It did not record the
// members of an ENUM, so the statement is parsed for them.
func TestOldHistory(t *testing.T) {
	path := t.TempDir() + "/history"
	data, err := os.ReadFile("testdata/debezium-1.6.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	enum := `{"source":{"server":"20_release_1_6"},"position":{"file":"f.000001","pos":9},"databaseName":"db","ddl":"CREATE TABLE e (e ENUM('a','b'))","tableChanges":[{"type":"CREATE","id":"\"db\".\"e\"","table":{"defaultCharsetName":"utf8mb4","primaryKeyColumnNames":[],"columns":[{"name":"e","jdbcType":1,"typeName":"ENUM","typeExpression":"ENUM","charsetName":"utf8mb4","length":1,"position":1,"optional":true,"autoIncremented":false,"generated":false}]}}]}`
	if err := os.WriteFile(path, append(data, enum...), 0o644); err != nil {
		t.Fatal(err)
	}
	h := history.New(history.Config{Storage: history.NewFile(path), Source: position.Partition("20_release_1_6")})
	p := ddl.New(ddl.Config{})
	counts, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always})
	if err != nil || counts.Skipped != 0 || counts.Applied != counts.Read || counts.Read != 3 {
		t.Fatalf("%+v, %v", counts, err)
	}
	e := p.Catalog().Table(table.ID{Database: "db", Name: "e"})
	if fmt.Sprint(e.Columns[0].Members) != "[a b]" {
		t.Errorf("members %v", e.Columns[0].Members)
	}
	for tbl := range p.Catalog().All() {
		for _, c := range tbl.Columns {
			if c.Optional != c.HasDefault && c.Default == nil {
				t.Errorf("column %s of %s: optional %t, default %t", c.Name, tbl.ID, c.Optional, c.HasDefault)
			}
		}
	}
}

func TestUnparseableStatements(t *testing.T) {
	h, _ := memory()
	change := &ddl.Change{Database: "db", SQL: "FROBNICATE TABLE t"}
	if err := h.Record(t.Context(), change, map[string]any{"pos": int64(7)}); err != nil {
		t.Fatal(err)
	}
	p := ddl.New(ddl.Config{})
	_, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always})
	var e *ddl.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "skip.unparseable.ddl") || !strings.Contains(err.Error(), "entry 0") {
		t.Errorf("%v", err)
	}
	counts, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always, SkipUnparseable: true})
	if err != nil || counts.Skipped != 1 {
		t.Errorf("%+v, %v", counts, err)
	}
	filter, err := history.NewDDLFilter("FROBNICATE .*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: always, Filter: filter}); err != nil {
		t.Error(err)
	}
	bad := errors.New("bad position")
	_, err = h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: func(map[string]any) (bool, error) { return false, bad }})
	if !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
}

// counting counts the calls of Append and fails on demand.
type counting struct {
	*history.Memory
	calls int
	fail  error
}

func (c *counting) Append(ctx context.Context, records []*history.Record) error {
	c.calls++
	if c.fail != nil {
		return c.fail
	}
	return c.Memory.Append(ctx, records)
}

func TestBuffering(t *testing.T) {
	s := &counting{Memory: history.NewMemory()}
	h := history.New(history.Config{Storage: s, Source: position.Partition("s"), BatchSize: 10})
	record := func(n int) {
		t.Helper()
		for range n {
			if err := h.Record(t.Context(), &ddl.Change{SQL: "X"}, map[string]any{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	record(2)
	h.StartBuffering()
	record(25)
	if s.calls != 4 {
		t.Errorf("%d appends after 2 records and 25 in batches of 10", s.calls)
	}
	if err := h.StopBuffering(t.Context()); err != nil || s.calls != 5 {
		t.Errorf("%d appends, %v", s.calls, err)
	}
	s.fail = errors.New("disk full")
	if err := h.Record(t.Context(), &ddl.Change{SQL: "X"}, map[string]any{}); !errors.Is(err, s.fail) {
		t.Errorf("%v", err)
	}
	s.fail = nil
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.Read(t.Context(), func(string, []byte) error { n++; return nil }); err != nil || n != 28 {
		t.Errorf("%d records, %v", n, err)
	}
	if found, err := h.Exists(t.Context()); !found || err != nil {
		t.Error(found, err)
	}
}

func TestPolicy(t *testing.T) {
	filter, err := table.NewFilter(table.FilterConfig{IncludeDatabases: "shop", ExcludeTables: `shop\.skipped`})
	if err != nil {
		t.Fatal(err)
	}
	drop, err := history.NewDDLFilter(`CREATE VIEW .*,(SET STATEMENT .*)?TRUNCATE TABLE .*`)
	if err != nil {
		t.Fatal(err)
	}
	all := &history.Policy{Filter: filter, DDL: drop}
	tables := &history.Policy{Filter: filter, DDL: drop, OnlyCapturedTables: true}
	databases := &history.Policy{Filter: filter, DDL: drop, OnlyCapturedDatabases: true}
	for _, c := range []struct {
		database, sql string
		want          string // selected and stored by all, tables, databases
	}{
		{"shop", "CREATE TABLE t (a INT)", "11 11 11"},
		{"shop", "CREATE TABLE skipped (a INT)", "11 00 11"},
		{"other", "CREATE TABLE t (a INT)", "11 00 00"},
		{"shop", "CREATE INDEX i ON t (a)", "11 00 11"},
		{"", "SET x = 1", "11 11 11"},
		{"shop", "CREATE DATABASE shop", "11 10 11"},
		{"shop", "CREATE DATABASE other", "11 00 00"},
		{"shop", "CREATE\nVIEW v AS SELECT 1", "11 00 11"},
		{"shop", "CREATE VIEW v AS\nSELECT 1", "00 00 00"},
		{"shop", "TRUNCATE TABLE t", "11 10 11"},
		{"shop", "DROP TABLE skipped, t", "22 11 22"}, // one of the two
	} {
		var got []string
		for _, p := range []*history.Policy{all, tables, databases} {
			changes, err := ddl.New(ddl.Config{}).Apply(c.database, c.sql)
			if err != nil {
				t.Fatal(err)
			}
			selected, stored := p.Select(c.database, c.sql, changes), 0
			for i := range selected {
				if p.Stores(&selected[i]) {
					stored++
				}
			}
			got = append(got, fmt.Sprintf("%d%d", len(selected), stored))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s in %q: %s, want %s", c.sql, c.database, text, c.want)
		}
	}
	if _, err := history.NewDDLFilter("("); err == nil || !strings.Contains(err.Error(), "ddl.filter") {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	pretty, err := os.ReadFile("testdata/pretty.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pretty)
	f.Add([]byte(`{"source":{},"position":{"a":1.5e3,"b":true,"c":null,"d":[{}]},"tableChanges":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := history.NewDecoder().Decode(data)
		if err != nil {
			return
		}
		line := r.AppendLine(nil)
		again, err := history.NewDecoder().Decode(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if text := again.AppendLine(nil); string(text) != string(line) {
			t.Fatalf("written as\n%s\nand then as\n%s", line, text)
		}
	})
}

// tables records n tables of ten columns, as Debezium does in Kafka.
func tables(t testing.TB, n int) (*history.History, int) {
	s := &pretty{}
	h := history.New(history.Config{Storage: s, Source: position.Partition("s")})
	p := ddl.New(ddl.Config{})
	for i := range n {
		changes, err := p.Apply("db", fmt.Sprintf("CREATE TABLE table_%d (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL,"+
			" status ENUM('new','paid','sent') NOT NULL DEFAULT 'new', total DECIMAL(10,2), name VARCHAR(255) CHARACTER SET utf8mb4,"+
			" note TEXT, created DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), updated TIMESTAMP NULL, flags SET('a','b'), data JSON)", i))
		if err != nil {
			t.Fatal(err)
		}
		offset := map[string]any{"ts_sec": int64(1700000000), "file": "mysql-bin.000001", "pos": int64(i), "gtids": "53474a05-e696-11f1-b295-02fc00000001:1-5", "server_id": int64(1)}
		if err := h.Record(t.Context(), &changes[0], offset); err != nil {
			t.Fatal(err)
		}
	}
	return h, s.size
}

func recoverTables(t testing.TB, h *history.History, n int, until func(map[string]any) (bool, error)) {
	p := ddl.New(ddl.Config{})
	counts, err := h.Recover(t.Context(), history.Recovery{Parser: p, AtOrBefore: until})
	if err != nil || counts.Applied != n || p.Catalog().Len() != n {
		t.Fatal(counts, err)
	}
}

// TestAllocationsOfRecovery holds that a table costs about what it keeps: a few
// allocations for each of its ten columns.
func TestAllocationsOfRecovery(t *testing.T) {
	const n, most = 1000, 100
	h, _ := tables(t, n)
	until := upToB(t)
	if got := testing.AllocsPerRun(3, func() { recoverTables(t, h, n, until) }) / n; got > most {
		t.Errorf("%.1f allocations for a table, want %d at most", got, most)
	}
}

// BenchmarkRecover15000 recovers 15,000 tables. It has to stay below a second.
func BenchmarkRecover15000(b *testing.B) {
	const n = 15_000
	h, size := tables(b, n)
	until := upToB(b)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		recoverTables(b, h, n, until)
	}
}

func upToB(b testing.TB) func(map[string]any) (bool, error) {
	c, err := position.NewComparator(position.MySQL, nil, map[string]any{"file": "mysql-bin.000002", "pos": int64(4), "gtids": "53474a05-e696-11f1-b295-02fc00000001:1-50"})
	if err != nil {
		b.Fatal(err)
	}
	return c.AtOrBefore
}

// pretty keeps records in the form that Kafka holds.
type pretty struct {
	records [][]byte
	size    int
}

func (s *pretty) Append(_ context.Context, records []*history.Record) error {
	for _, r := range records {
		s.records = append(s.records, r.AppendPretty(nil))
		s.size += len(s.records[len(s.records)-1])
	}
	return nil
}

func (s *pretty) Read(_ context.Context, apply func(string, []byte) error) error {
	for _, r := range s.records {
		if err := apply("", r); err != nil {
			return err
		}
	}
	return nil
}
