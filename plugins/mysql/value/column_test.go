package value_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

func column(typ string, jdbc, length int) *table.Column {
	c := &table.Column{Name: "c", TypeName: typ, JDBCType: jdbc, Length: length, Scale: table.Unset, Charset: "utf8mb4", Optional: true}
	c.Derive()
	return c
}

func compile(t testing.TB, c *table.Column, o value.Options) *value.Column {
	t.Helper()
	col, err := value.NewColumn(table.ID{Database: "db", Name: "t"}, c, &o)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

func convert(t testing.TB, c *value.Column, cell value.Cell) data.Value {
	t.Helper()
	v, err := c.Convert(new(data.Arena), &cell)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func text(s string) value.Cell { return value.Cell{Kind: value.Bytes, Data: []byte(s)} }

func patterns(t testing.TB, list string) table.Patterns {
	t.Helper()
	ps, err := table.ParsePatterns(list)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// TestHash compares with what MaskStrings answers: algorithm, version, value, hash.
func TestHash(t *testing.T) {
	match := value.MatchColumns(patterns(t, `db\.t\.c`))
	for _, f := range lines(t, "testdata/hash.tsv", 4) {
		m, err := value.Hash(match, f[0], "salt", f[1] == "V2")
		if err != nil {
			t.Fatal(err)
		}
		c := compile(t, column("VARCHAR", table.JDBCVarChar, 50), value.Options{Mappers: []value.Mapper{m}})
		in := strings.ReplaceAll(f[2], `\0`, "\x00")
		if got := convert(t, c, text(in)).Str(); got != f[3] {
			t.Errorf("%s %s %q: %s, want %s", f[0], f[1], f[2], got, f[3])
		}
		if masked, _ := c.Schema.Param("masked"); masked != "true" {
			t.Error("the schema does not say that the column is masked")
		}
		if !convert(t, c, value.Cell{Kind: value.Null}).IsNull() {
			t.Error("null has a hash")
		}
	}
	if _, err := value.Hash(match, "CRC32", "", true); err == nil || !strings.Contains(err.Error(), "CRC32") {
		t.Errorf("unknown algorithm: %v", err)
	}
}

// TestHashLongText checks the form that Java gives texts above 64 KiB.
func TestHashLongText(t *testing.T) {
	m, err := value.Hash(value.MatchColumns(patterns(t, ".*")), "SHA-256", "s", false)
	if err != nil {
		t.Fatal(err)
	}
	c := compile(t, column("TEXT", table.JDBCVarChar, table.Unset), value.Options{Mappers: []value.Mapper{m}})
	in := strings.Repeat("x", 70000)
	sum := sha256.Sum256([]byte("s\xAC\xED\x00\x05\x7C\x00\x00\x00\x00\x00\x01\x11\x70" + in))
	if got := convert(t, c, text(in)).Str(); got != hex.EncodeToString(sum[:]) {
		t.Errorf("hash %s", got)
	}
}

func TestMaskAndTruncate(t *testing.T) {
	all := value.MatchColumns(patterns(t, ".*"))
	for _, c := range []struct {
		name   string
		mapper value.Mapper
		column *table.Column
		in     value.Cell
		want   string
	}{
		{"mask", value.Mask(all, 3), column("VARCHAR", table.JDBCVarChar, 9), text("secret"), "***"},
		{"mask of null", value.Mask(all, 3), column("VARCHAR", table.JDBCVarChar, 9), value.Cell{Kind: value.Null}, "***"},
		{"mask of ENUM", value.Mask(all, 2), column("ENUM", table.JDBCChar, 1), value.Cell{Kind: value.Text, Data: []byte("a")}, "**"},
		{"truncate", value.Truncate(all, 3), column("VARCHAR", table.JDBCVarChar, 9), text("żółw"), "żół"},
		{"truncate counts UTF-16", value.Truncate(all, 3), column("VARCHAR", table.JDBCVarChar, 9), text("a😀b"), "a😀"},
		{"truncate keeps pairs", value.Truncate(all, 2), column("VARCHAR", table.JDBCVarChar, 9), text("a😀b"), "a"},
		{"truncate short", value.Truncate(all, 30), column("TEXT", table.JDBCVarChar, table.Unset), text("abc"), "abc"},
		{"truncate where the column is short", value.Truncate(all, 9), column("VARCHAR", table.JDBCVarChar, 9), text("abc"), "abc"},
		{"truncate bytes", value.Truncate(all, 2), column("VARBINARY", table.JDBCVarBinary, 9), text("abc"), "ab"},
	} {
		v := convert(t, compile(t, c.column, value.Options{Mappers: []value.Mapper{c.mapper}}), c.in)
		if string(v.Raw()) != c.want {
			t.Errorf("%s: %q, want %q", c.name, v.Raw(), c.want)
		}
	}
	num := compile(t, column("INT", table.JDBCInteger, table.Unset), value.Options{Mappers: []value.Mapper{value.Mask(all, 3)}})
	if v := convert(t, num, value.Cell{Kind: value.Int, Num: 7}); v.Int() != 7 {
		t.Error("a number was masked")
	}
}

func TestKeysAreNotMasked(t *testing.T) {
	o := value.Options{Mappers: []value.Mapper{value.Mask(value.MatchColumns(patterns(t, ".*")), 3)}}
	c, err := value.NewKeyColumn(table.ID{}, column("VARCHAR", table.JDBCVarChar, 9), &o)
	if err != nil {
		t.Fatal(err)
	}
	cell := text("key")
	if v, err := c.ConvertStrict(new(data.Arena), &cell); err != nil || v.Str() != "key" {
		t.Errorf("%q, %v", v.Str(), err)
	}
}

func TestErrorModes(t *testing.T) {
	bad := value.Cell{Kind: value.Time, Num: -1}
	var warned []error
	warn := func(err error) { warned = append(warned, err) }
	for mode, wantErr := range map[value.ErrorMode]bool{value.ErrorWarn: false, value.ErrorSkip: false, value.ErrorFail: true} {
		warned = nil
		c := compile(t, column("TIME", table.JDBCTime, table.Unset), value.Options{Time: value.TimeConnect, OnError: mode, Warn: warn})
		v, err := c.Convert(new(data.Arena), &bad)
		if (err != nil) != wantErr || !v.IsNull() || (len(warned) == 1) != (mode == value.ErrorWarn) {
			t.Errorf("mode %d: %v, %v, %v", mode, v, err, warned)
		}
		if err != nil && !strings.Contains(err.Error(), "db.t.c") {
			t.Errorf("error %v", err)
		}
		if _, err := c.ConvertStrict(new(data.Arena), &bad); err == nil {
			t.Error("a key lost its value")
		}
	}
	def := "x"
	col := column("INT", table.JDBCInteger, table.Unset)
	col.HasDefault, col.Default = true, &def
	if _, err := value.NewColumn(table.ID{}, col, &value.Options{OnError: value.ErrorFail}); err == nil {
		t.Error("a bad default is accepted")
	}
}

func TestFallbacks(t *testing.T) {
	for _, c := range []struct {
		col  *table.Column
		want string
	}{
		{column("INT", table.JDBCInteger, -1), "0"}, {column("VARCHAR", table.JDBCVarChar, 9), ""}, {column("JSON", table.JDBCOther, -1), "{}"},
		{column("DATE", table.JDBCDate, -1), "0"}, {column("TIMESTAMP", table.JDBCTimestampWithTimezone, -1), "1970-01-01T00:00:00Z"},
		{column("BIT", table.JDBCBit, 1), "false"}, {column("POINT", table.JDBCOther, -1), "map[srid:<nil> wkb:AQcAAAAAAAAA x:0.0 y:0.0]"},
		{column("GEOMETRY", table.JDBCOther, -1), "map[srid:<nil> wkb:AQcAAAAAAAAA]"}, {column("VECTOR", table.JDBCOther, 3), "[]"},
	} {
		c.col.Optional = false
		got := compile(t, c.col, value.Options{})
		if s := rendered(got, convert(t, got, value.Cell{Kind: value.Null})); s != c.want {
			t.Errorf("%s: %s, want %s", c.col.TypeName, s, c.want)
		}
	}
}

func rendered(c *value.Column, v data.Value) string { return fmt.Sprint(plain(c.Schema, v)) }

func TestUnknownTypeIsLeftOut(t *testing.T) {
	if c := compile(t, column("MYSTERY", table.JDBCOther, -1), value.Options{}); c != nil {
		t.Errorf("schema %v", c.Schema)
	}
}

func TestVector(t *testing.T) {
	c := compile(t, column("VECTOR", table.JDBCOther, 2), value.Options{})
	if got := rendered(c, convert(t, c, text("\x00\x00\x80\x3F\x00\x00\x00\xC0"))); got != "[1.0 -2.0]" {
		t.Errorf("vector %s", got)
	}
	if v := convert(t, c, text("abc")); !v.IsNull() {
		t.Errorf("three bytes are %v", v)
	}
}

func TestCustomConverters(t *testing.T) {
	is := func(name string) func(table.ID, *table.Column) bool {
		return func(_ table.ID, c *table.Column) bool { return c.Name == name }
	}
	boolean := value.TinyIntOneToBoolean(nil, true)
	one, two := "1", "2"
	col := column("TINYINT", table.JDBCSmallInt, 1)
	col.HasDefault, col.Default = true, &one
	c := compile(t, col, value.Options{Custom: []value.Custom{boolean}})
	if def, _ := c.Schema.Default(); c.Schema.Type() != data.TypeBoolean || !def.Bool() || !convert(t, c, value.Cell{Kind: value.Int, Num: 1}).Bool() {
		t.Errorf("TINYINT(1) is %s, default %v", c.Schema.Type(), def)
	}
	col.Length, col.Default = 4, &two
	if c := compile(t, col, value.Options{Custom: []value.Custom{boolean}}); c.Schema.Type() != data.TypeInt16 {
		t.Errorf("TINYINT(4) is %s", c.Schema.Type())
	}

	sink := value.JDBCSinkTypes(value.JDBCSinkConfig{Boolean: is("b"), Real: is("r"), String: is("s"), RealAsDouble: true})
	for name, want := range map[string]data.Type{"b": data.TypeInt16, "r": data.TypeFloat64, "s": data.TypeString, "c": data.TypeInt8} {
		col := column("TINYINT", table.JDBCTinyInt, 1)
		col.Name = name
		if c := compile(t, col, value.Options{Custom: []value.Custom{sink}}); c.Schema.Type() != want {
			t.Errorf("column %s is %s, want %s", name, c.Schema.Type(), want)
		}
	}
}

func TestZeroDateFallback(t *testing.T) {
	custom := value.ZeroDateFallback(value.ZeroDateConfig{Fallback: func(_ table.ID, c *table.Column) (string, bool) {
		text, ok := map[string]string{"DATE": "2000-01-02", "DATETIME": "2000-01-01 00:00:01", "TIMESTAMP": ""}[c.TypeName]
		return text, ok
	}})
	for _, c := range []struct {
		col  *table.Column
		want string
	}{
		{column("DATE", table.JDBCDate, -1), "10958"},
		{column("DATETIME", table.JDBCTimestamp, -1), "946684801000"},
		{column("DATETIME", table.JDBCTimestamp, 6), "946684801000000"},
		{column("TIMESTAMP", table.JDBCTimestampWithTimezone, -1), "<nil>"},
	} {
		got := compile(t, c.col, value.Options{Custom: []value.Custom{custom}})
		if s := rendered(got, convert(t, got, value.Cell{Kind: value.Null})); s != c.want {
			t.Errorf("%s(%d): %s, want %s", c.col.TypeName, c.col.Length, s, c.want)
		}
	}
	for _, c := range [][2]string{{"DATE", "2000-01-02"}, {"DATETIME", "2000-01-02 03:04:05"}, {"TIMESTAMP", "2000-01-02T03:04:05Z"}} {
		if !value.CheckZeroDate(c[0], c[1]) || value.CheckZeroDate(c[0], "x") {
			t.Errorf("%v", c)
		}
	}
}

func TestParseCustom(t *testing.T) {
	const pkg = "io.debezium.connector.mysql.converters."
	for _, c := range []struct {
		class string
		props map[string]string
		col   *table.Column
		want  string // type of the schema
	}{
		{"TinyIntOneToBooleanConverter", nil, column("TINYINT", table.JDBCSmallInt, 1), "boolean"},
		{"TinyIntOneToBooleanConverter", nil, column("TINYINT", table.JDBCSmallInt, 3), "int16"},
		{"TinyIntOneToBooleanConverter", map[string]string{"length.checker": "false"}, column("TINYINT", table.JDBCSmallInt, 3), "boolean"},
		{"TinyIntOneToBooleanConverter", map[string]string{"selector": `db\.u\..*`}, column("TINYINT", table.JDBCSmallInt, 1), "int16"},
		{"JdbcSinkDataTypesConverter", map[string]string{"selector.real": `db\.t\.c`}, column("INT", table.JDBCInteger, -1), "float64"},
		{"JdbcSinkDataTypesConverter", map[string]string{"selector.boolean": `db\.t\.c`}, column("BIT", table.JDBCBit, 1), "int16"},
		{"JdbcSinkDataTypesConverter", nil, column("INT", table.JDBCInteger, -1), "int32"},
		{"ZeroDateFallbackConverter", map[string]string{"fallback.date": "2001-02-03", "target.types": "date"}, column("DATE", table.JDBCDate, -1), "int32"},
	} {
		custom, err := value.ParseCustom(pkg+c.class, c.props)
		if err != nil {
			t.Errorf("%s: %v", c.class, err)
			continue
		}
		if got := compile(t, c.col, value.Options{Custom: []value.Custom{custom}}); got.Schema.Type().String() != c.want {
			t.Errorf("%s %v: %s is %s, want %s", c.class, c.props, c.col.TypeName, got.Schema.Type(), c.want)
		}
	}
	for want, props := range map[string]map[string]string{
		"selector: ":     {"type": pkg + "TinyIntOneToBooleanConverter", "selector": "("},
		"fallback.date":  {"type": pkg + "ZeroDateFallbackConverter", "fallback.date": "soon"},
		"no converter":   {"type": "com.example.Mine"},
		"selector.real:": {"type": pkg + "JdbcSinkDataTypesConverter", "selector.real": "("},
	} {
		if _, err := value.ParseCustom(props["type"], props); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", props, err, want)
		}
	}
}

func TestColumnFallbackOfZeroDates(t *testing.T) {
	custom, err := value.ParseCustom("io.debezium.connector.binlog.converters.ZeroDateFallbackConverter", map[string]string{
		"fallback.date": "2000-01-02", "column.db.t.c.fallback": "null",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := compile(t, column("DATE", table.JDBCDate, -1), value.Options{Custom: []value.Custom{custom}})
	if v := convert(t, c, value.Cell{Kind: value.Null}); !v.IsNull() {
		t.Errorf("zero date is %d", v.Int())
	}
}

// A history that has another type than the server gets whole numbers all the
// same: after ADD COLUMN IF NOT EXISTS c INT of a DECIMAL that exists.
func TestIntegersOfOtherTypes(t *testing.T) {
	c := compile(t, column("INT", table.JDBCInteger, 11), value.Options{})
	for _, f := range []struct {
		cell value.Cell
		want int32
	}{
		{value.Cell{Kind: value.Int, Num: 7}, 7},
		{value.Cell{Kind: value.Decimal, Num: 125, Scale: 2}, 1},
		{value.Cell{Kind: value.Decimal, Num: -199, Scale: 2}, -1},
		{value.Cell{Kind: value.Decimal, Num: 5, Scale: 30}, 0},
		{value.Cell{Kind: value.Float64, Num: int64(math.Float64bits(-2.75))}, -2},
	} {
		if got := convert(t, c, f.cell); got != data.Int32(f.want) {
			t.Errorf("%v %d with scale %d became %v, want %d", f.cell.Kind, f.cell.Num, f.cell.Scale, got, f.want)
		}
	}
	if v, err := c.ConvertStrict(new(data.Arena), &value.Cell{Kind: value.Bytes, Data: []byte("x")}); err == nil {
		t.Errorf("bytes became %v", v)
	}
}
