//go:build servers

package mysql

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Property: a row becomes the same record whether a snapshot or the stream reads it, but for the differences of Debezium
// that package value lists. Random rows of random types and modes are read both ways.
func TestSnapshotAndStreamConvertAlike(t *testing.T) {
	for _, server := range []struct {
		name  string
		start func(testing.TB, ...string) *peer.Database
		class string
	}{{"mysql", rig.MySQL, mysqlProduct().class}, {"mariadb", rig.MariaDB, mariadbProduct().class}} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(rig.Seed(t), 1))
			db := server.start(t)
			for round := range 12 {
				g := &rowMaker{Rand: random, mariadb: server.name == "mariadb"}
				agreeOn(t, db, g, round)
				if t.Failed() {
					return
				}
			}
		})
	}
}

const agreeRows = 30

// agreeOn compares one table of random columns.
func agreeOn(t *testing.T, db *peer.Database, g *rowMaker, round int) {
	t.Helper()
	modes := g.modes()
	g.nanos = modes["time.precision.mode"] == "nanoseconds"
	columns := g.columns(8 + g.IntN(8))
	name := fmt.Sprintf("agree%d", round)
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Execute(sql); err != nil {
			t.Fatalf("%v\nin: %s", err, sql)
		}
	}
	run("SET SESSION sql_mode=''")
	run("SET NAMES utf8mb4")
	run("CREATE DATABASE " + name)
	run("CREATE TABLE " + name + ".t (id INT PRIMARY KEY" + definitions(columns) + ") CHARACTER SET utf8mb4")
	var rows []string
	for range agreeRows {
		rows = append(rows, g.values(columns))
	}
	insertRows(t, conn, name, rows, 0)
	modes["database.include.list"] = name
	l := newLife(t, db, 5600+round, modes)
	l.start()
	selected := l.take(agreeRows)
	insertRows(t, conn, name, rows, agreeRows)
	streamed := l.take(agreeRows)
	l.stop()
	for i := range selected {
		a, b := afterOf(t, selected[i]), afterOf(t, streamed[i])
		for k, c := range columns {
			field := fmt.Sprintf("c%d", k)
			if x, y := c.comparable(a[field]), c.comparable(b[field]); !reflect.DeepEqual(x, y) {
				t.Errorf("%s of (%s) in %v: selected %v, streamed %v", c.definition, rows[i], modes, x, y)
			}
		}
	}
}

func insertRows(t *testing.T, conn *client.Conn, database string, rows []string, first int) {
	t.Helper()
	for i, row := range rows {
		sql := fmt.Sprintf("INSERT INTO %s.t VALUES (%d%s)", database, first+i, row)
		if _, err := conn.Execute(sql); err != nil {
			t.Fatalf("%v\nin: %s", err, sql)
		}
	}
}

func afterOf(t *testing.T, r record) map[string]any {
	t.Helper()
	var v struct{ After map[string]any }
	d := json.NewDecoder(strings.NewReader(r.value))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v.After
}

// rowMaker makes random tables, rows and modes.
type rowMaker struct {
	*rand.Rand
	mariadb bool
	nanos   bool // dates must be such that 64-bit nanoseconds can express
}

// randomColumn is a column's definition, a maker of SQL literals, and how its values are compared.
type randomColumn struct {
	definition string
	literal    func(g *rowMaker) string
	loose      func(v any) any // nil when they must be equal as they are
}

func (c *randomColumn) comparable(v any) any {
	if c.loose == nil || v == nil {
		return v
	}
	return c.loose(v)
}

func definitions(columns []randomColumn) string {
	var b strings.Builder
	for i, c := range columns {
		fmt.Fprintf(&b, ", c%d %s", i, c.definition)
	}
	return b.String()
}

func (g *rowMaker) values(columns []randomColumn) string {
	var b strings.Builder
	for _, c := range columns {
		literal := "NULL"
		if strings.Contains(c.definition, "NOT NULL") || g.IntN(6) > 0 {
			literal = c.literal(g)
		}
		b.WriteString(", " + literal)
	}
	return b.String()
}

func (g *rowMaker) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *rowMaker) modes() map[string]string {
	m := map[string]string{
		"decimal.handling.mode": g.pick("precise", "string", "double"), "bigint.unsigned.handling.mode": g.pick("long", "precise"),
		"binary.handling.mode": g.pick("bytes", "base64", "base64-url-safe", "hex"), "include.schema.changes": "false",
		"time.precision.mode":        g.pick("adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds"),
		"enable.time.adjuster":       g.pick("true", "false"),
		"field.name.adjustment.mode": g.pick("none", "avro"),
	}
	if g.mariadb {
		m["database.connectionTimeZone"] = "UTC"
	}
	return m
}

func (g *rowMaker) columns(n int) []randomColumn {
	var all []randomColumn
	for len(all) < n {
		c := g.column()
		if g.IntN(3) == 0 {
			c.definition += " NOT NULL"
		}
		all = append(all, c)
	}
	return all
}

func (g *rowMaker) column() randomColumn {
	kinds := []func() randomColumn{g.integer, g.integer, g.fixed, g.floating, g.text, g.text, g.binary, g.date, g.moment, g.moment, g.duration,
		g.year, g.bits, g.members, g.json, g.point}
	if g.mariadb {
		kinds = append(kinds, g.uuid, g.inet)
	} else {
		kinds = append(kinds, g.vector, g.located)
	}
	return kinds[g.IntN(len(kinds))]()
}

func (g *rowMaker) integer() randomColumn {
	width := map[string]uint{"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64, "BOOLEAN": 8}
	name := g.pick("TINYINT", "TINYINT(1)", "SMALLINT", "MEDIUMINT", "INT", "INT(9)", "BIGINT", "BOOLEAN")
	bits, _, _ := strings.Cut(name, "(")
	unsigned := name != "BOOLEAN" && g.IntN(2) == 0
	shift := 64 - width[bits]
	if unsigned {
		return randomColumn{definition: name + g.pick(" UNSIGNED", " UNSIGNED ZEROFILL"), literal: func(g *rowMaker) string {
			return fmt.Sprint(g.edge(g.Uint64(), 0, ^uint64(0)) >> shift)
		}}
	}
	return randomColumn{definition: name, literal: func(g *rowMaker) string {
		return fmt.Sprint(int64(g.edge(g.Uint64(), 1<<63, 1<<63-1)) >> shift)
	}}
}

// edge gives now and then one of the extremes.
func (g *rowMaker) edge(v uint64, extremes ...uint64) uint64 {
	if g.IntN(5) == 0 {
		return extremes[g.IntN(len(extremes))]
	}
	return v
}

func (g *rowMaker) digits(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + g.IntN(10)))
	}
	return b.String()
}

func (g *rowMaker) fixed() randomColumn {
	scale := g.IntN(31)
	precision := scale + 1 + g.IntN(65-scale)
	return randomColumn{definition: fmt.Sprintf("DECIMAL(%d,%d)%s", precision, scale, g.pick("", "", " UNSIGNED")), literal: func(g *rowMaker) string {
		whole := g.digits(1 + g.IntN(precision-scale))
		if scale == 0 {
			return g.pick("", "-") + whole
		}
		return g.pick("", "-") + whole + "." + g.digits(1+g.IntN(scale))
	}}
}

// floating: a FLOAT has six digits, because the server prints no more of it in a snapshot.
func (g *rowMaker) floating() randomColumn {
	literal := func(digits int) func(*rowMaker) string {
		return func(g *rowMaker) string {
			return strconv.FormatFloat((g.Float64()-0.5)*[]float64{1, 1e3, 1e12, 1e-9, 1e30}[g.IntN(5)], 'g', digits, 64)
		}
	}
	if g.IntN(2) == 0 {
		return randomColumn{definition: g.pick("DOUBLE", "REAL", "DOUBLE PRECISION"), literal: literal(-1)}
	}
	return randomColumn{definition: g.pick("FLOAT", "FLOAT(20)"), literal: literal(6)}
}

// samples are characters that the charset has.
func (g *rowMaker) samples() (charset, characters string) {
	all := [][2]string{
		{"utf8mb4", "aé☃😀ñ'\\\"\n"}, {"utf8mb3", "aé☃ñ"}, {"latin1", "aéß€"}, {"latin2", "ażłó"}, {"cp1251", "aмир"}, {"koi8r", "aмир"},
		{"gbk", "a中文"}, {"sjis", "a日本"}, {"euckr", "a한국"}, {"big5", "a中文"}, {"ujis", "a日本"}, {"utf16", "a☃😀"}, {"ucs2", "a☃"},
		{"utf32", "a☃😀"}, {"utf16le", "a☃😀"}, {"ascii", "abc"}, {"greek", "aαβ"}, {"hebrew", "aשל"}, {"cp932", "a日本"}, {"gb2312", "a中文"},
		{"tis620", "aสว"}, {"cp850", "aéç"}, {"cp1250", "ařš"}, {"macroman", "aø∞"}, {"latin5", "ağü"}, {"cp866", "aмир"}, {"eucjpms", "a日本"},
	}
	if !g.mariadb {
		all = append(all, [2]string{"gb18030", "a中😀"})
	}
	c := all[g.IntN(len(all))]
	return c[0], c[1]
}

func (g *rowMaker) text() randomColumn {
	charset, characters := g.samples()
	types := []string{"CHAR(20)", "VARCHAR(50)", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"}
	return randomColumn{definition: g.pick(types...) + " CHARACTER SET " + charset, literal: func(g *rowMaker) string {
		runes := []rune(characters)
		var b strings.Builder
		for range g.IntN(12) {
			b.WriteRune(runes[g.IntN(len(runes))])
		}
		return "CONVERT(X'" + hex.EncodeToString([]byte(b.String())) + "' USING utf8mb4)"
	}}
}

func (g *rowMaker) binary() randomColumn {
	return randomColumn{definition: g.pick("BINARY(9)", "VARBINARY(20)", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"), literal: func(g *rowMaker) string {
		b := make([]byte, g.IntN(9))
		for i := range b {
			b[i] = byte(g.IntN(256)) * byte(g.IntN(2))
		}
		return "X'" + hex.EncodeToString(b) + "'"
	}}
}

func (g *rowMaker) day() string {
	if g.nanos {
		return fmt.Sprintf("%04d-%02d-%02d", 1700+g.IntN(500), 1+g.IntN(12), 1+g.IntN(28))
	}
	if g.IntN(8) == 0 {
		return g.pick("0000-00-00", "1000-01-01", "9999-12-31", "1970-01-01", "1969-12-31", "2000-02-29")
	}
	return fmt.Sprintf("%04d-%02d-%02d", 1600+g.IntN(600), 1+g.IntN(12), 1+g.IntN(28))
}

func (g *rowMaker) clock(fraction int) string {
	s := fmt.Sprintf("%02d:%02d:%02d", g.IntN(24), g.IntN(60), g.IntN(60))
	if fraction > 0 {
		s += "." + g.digits(fraction)
	}
	return s
}

func (g *rowMaker) date() randomColumn {
	return randomColumn{definition: "DATE", literal: func(g *rowMaker) string { return "'" + g.day() + "'" }}
}

// moment: a stream keeps all digits of a TIMESTAMP's fraction.
func (g *rowMaker) moment() randomColumn {
	n := g.IntN(7)
	if g.IntN(2) == 0 {
		return randomColumn{definition: fmt.Sprintf("DATETIME(%d)", n), literal: func(g *rowMaker) string { return "'" + g.day() + " " + g.clock(n) + "'" }}
	}
	return randomColumn{definition: fmt.Sprintf("TIMESTAMP(%d) NULL", n), literal: func(g *rowMaker) string {
		return fmt.Sprintf("'%04d-%02d-%02d %s'", 1971+g.IntN(65), 1+g.IntN(12), 1+g.IntN(28), g.clock(n))
	}, loose: func(v any) any {
		s, zone := strings.TrimSuffix(fmt.Sprint(v), "Z"), "Z"
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s + zone
	}}
}

func (g *rowMaker) duration() randomColumn {
	n := g.IntN(7)
	return randomColumn{definition: fmt.Sprintf("TIME(%d)", n), literal: func(g *rowMaker) string {
		return "'" + g.clock(n) + "'"
	}}
}

func (g *rowMaker) year() randomColumn {
	return randomColumn{definition: "YEAR", literal: func(g *rowMaker) string { return fmt.Sprint(1901 + g.IntN(255)) }}
}

func (g *rowMaker) bits() randomColumn {
	n := 1 + g.IntN(64)
	return randomColumn{definition: fmt.Sprintf("BIT(%d)", n), literal: func(g *rowMaker) string {
		return "b'" + strconv.FormatUint(g.edge(g.Uint64(), 0, ^uint64(0))>>(64-n), 2) + "'"
	}}
}

func (g *rowMaker) members() randomColumn {
	charset := g.pick("utf8mb4", "latin1", "utf16")
	if g.IntN(2) == 0 {
		return randomColumn{definition: "ENUM('a','é','it''s') CHARACTER SET " + charset, literal: func(g *rowMaker) string { return fmt.Sprint(1 + g.IntN(3)) }}
	}
	return randomColumn{definition: "SET('a','é','it''s','d') CHARACTER SET " + charset, literal: func(g *rowMaker) string { return fmt.Sprint(g.IntN(16)) }}
}

// json: a stream has the text of JsonBinary, a snapshot that of the server.
func (g *rowMaker) json() randomColumn {
	return randomColumn{definition: "JSON", literal: func(g *rowMaker) string {
		text, err := json.Marshal(g.document(3))
		if err != nil {
			panic(err)
		}
		return "CONVERT(X'" + hex.EncodeToString(text) + "' USING utf8mb4)"
	}, loose: func(v any) any {
		var document any
		if text, ok := v.(string); !ok || json.Unmarshal([]byte(text), &document) != nil {
			return v
		}
		return document
	}}
}

func (g *rowMaker) document(depth int) any {
	switch n := g.IntN(10); {
	case depth > 0 && n < 3:
		m := map[string]any{}
		for range g.IntN(4) {
			m[g.pick("a", "b", "ü", "", "long key")] = g.document(depth - 1)
		}
		return m
	case depth > 0 && n < 5:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.document(depth-1))
		}
		return list
	case n == 5:
		return nil
	case n == 6:
		return g.IntN(2) == 0
	case n == 7:
		return int64(g.Uint64()) >> g.IntN(63)
	case n == 8:
		return float64(g.IntN(1_000_000)) / 64
	}
	return g.pick("", "text", "ü☃😀", "q\"\\/", strings.Repeat("long ", 40))
}

func (g *rowMaker) point() randomColumn {
	return randomColumn{definition: g.pick("POINT", "GEOMETRY"), literal: func(g *rowMaker) string {
		return fmt.Sprintf("ST_GeomFromText('POINT(%d %d)')", g.IntN(100), g.IntN(100)-50)
	}}
}

func (g *rowMaker) located() randomColumn {
	return randomColumn{definition: g.pick("POINT SRID 4326", "GEOMETRY SRID 4326"), literal: func(g *rowMaker) string {
		return fmt.Sprintf("ST_GeomFromText('POINT(%d %d)', 4326)", g.IntN(90), g.IntN(90)-45)
	}}
}

func (g *rowMaker) vector() randomColumn {
	return randomColumn{definition: "VECTOR(3)", literal: func(g *rowMaker) string {
		return fmt.Sprintf("STRING_TO_VECTOR('[%g,%g,%g]')", g.Float32(), g.Float32()*1e9, -g.Float32())
	}}
}

func (g *rowMaker) uuid() randomColumn {
	return randomColumn{definition: "UUID", literal: func(g *rowMaker) string {
		b := make([]byte, 16)
		for i := range b {
			b[i] = byte(g.IntN(256))
		}
		b[15] |= 1 // Debezium's stream shifts a UUID that ends in zero bytes, and so does this one
		h := hex.EncodeToString(b)
		return "'" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-") + "'"
	}}
}

func (g *rowMaker) inet() randomColumn {
	if g.IntN(2) == 0 {
		return randomColumn{definition: "INET4", literal: func(g *rowMaker) string {
			return fmt.Sprintf("'%d.%d.%d.%d'", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(2)*g.IntN(256))
		}}
	}
	addresses := []string{"::", "::1", "fe80::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "2001:db8:0:1::"}
	return randomColumn{definition: "INET6", literal: func(g *rowMaker) string { return "'" + g.pick(slices.Clone(addresses)...) + "'" }}
}
