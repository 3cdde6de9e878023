package value_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// The files of testdata hold tables as Debezium models them, the text rows of a
// SELECT and the row events that a server wrote, and what Debezium made of them.
type goldenFile struct {
	Config map[string]string
	Tables []*goldenTable
}

type goldenTable struct {
	Name        string
	PrimaryKey  []string
	Columns     []goldenColumn
	Schema      []goldenField
	Snapshot    []map[string]any
	Stream      []struct{ Before, After map[string]any }
	Text        []string
	Types, Meta string
	Events      []goldenEvent
}

type goldenColumn struct {
	Name, TypeName         string
	JDBCType               int `json:"jdbcType"`
	CharsetName            string
	Length, Scale          *int
	Optional               bool
	Comment                *string
	DefaultValueExpression *string
	EnumValues             []string
}

type goldenField struct {
	Type, Field, Name, Doc string
	Version                *int
	Optional               bool
	Parameters             orderedStrings
	Default                any
	Fields                 []goldenField
	Items                  *goldenField
}

type goldenEvent struct {
	Type                    byte
	Present, Present2, Data string
}

// orderedStrings keeps the order of a JSON object's members.
type orderedStrings []data.Param

func (o *orderedStrings) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	var tokens []string
	for {
		t, err := d.Token()
		if err != nil {
			break
		}
		if s, ok := t.(string); ok {
			tokens = append(tokens, s)
		}
	}
	for i := 0; i+1 < len(tokens); i += 2 {
		*o = append(*o, data.Param{Key: tokens[i], Value: tokens[i+1]})
	}
	return nil
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*types*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, name := range files {
		g := loadGolden(t, name)
		for _, tab := range g.Tables {
			t.Run(filepath.Base(name)+"/"+tab.Name, func(t *testing.T) {
				columns, compiled := compileGolden(t, g.Config, tab)
				checkSchemas(t, tab, compiled)
				checkSnapshot(t, tab, columns, compiled)
				checkStream(t, tab, compiled)
			})
		}
	}
}

func loadGolden(t testing.TB, name string) *goldenFile {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	g := new(goldenFile)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(g); err != nil {
		t.Fatal(err)
	}
	return g
}

func goldenOptions(t testing.TB, config map[string]string) *value.Options {
	t.Helper()
	o := &value.Options{AdjustYears: config["enable.time.adjuster"] != "false"}
	o.Decimal = map[string]value.DecimalMode{"string": value.DecimalString, "double": value.DecimalDouble}[config["decimal.handling.mode"]]
	o.Time = map[string]value.TimeMode{
		"connect": value.TimeConnect, "isostring": value.TimeISO, "microseconds": value.TimeMicros,
	}[config["time.precision.mode"]]
	o.Binary = map[string]value.BinaryMode{
		"base64": value.BinaryBase64, "base64-url-safe": value.BinaryBase64URL, "hex": value.BinaryHex,
	}[config["binary.handling.mode"]]
	if config["bigint.unsigned.handling.mode"] == "precise" {
		o.BigintUnsigned = value.BigintPrecise
	}
	for _, p := range []struct {
		key   string
		match func(table.Patterns) func(table.ID, *table.Column) bool
	}{{"column.propagate.source.type", value.MatchColumns}, {"datatype.propagate.source.type", value.MatchTypes}} {
		ps, err := table.ParsePatterns(config[p.key])
		if err != nil {
			t.Fatal(err)
		}
		o.Mappers = append(o.Mappers, value.PropagateType(p.match(ps)))
	}
	return o
}

func goldenColumns(tab *goldenTable) []*table.Column {
	var columns []*table.Column
	for i, c := range tab.Columns {
		col := &table.Column{
			Name: c.Name, TypeName: c.TypeName, JDBCType: c.JDBCType, Charset: c.CharsetName, Length: table.Unset, Scale: table.Unset,
			Position: i + 1, Optional: c.Optional, Comment: c.Comment, Default: c.DefaultValueExpression,
			HasDefault: c.DefaultValueExpression != nil || c.Optional, EnumValues: c.EnumValues,
		}
		if c.Length != nil {
			col.Length = *c.Length
		}
		if c.Scale != nil {
			col.Scale = *c.Scale
		}
		col.Derive()
		columns = append(columns, col)
	}
	return columns
}

func compileGolden(t testing.TB, config map[string]string, tab *goldenTable) ([]*table.Column, []*value.Column) {
	t.Helper()
	o := goldenOptions(t, config)
	o.MariaDB = strings.Contains(config["connector.class"], "MariaDb")
	columns := goldenColumns(tab)
	var compiled []*value.Column
	for _, col := range columns {
		c, err := value.NewColumn(table.ID{Database: "types", Name: tab.Name}, col, o)
		if err != nil {
			t.Fatal(err)
		}
		compiled = append(compiled, c)
	}
	return columns, compiled
}

func checkSchemas(t *testing.T, tab *goldenTable, compiled []*value.Column) {
	t.Helper()
	var have []*value.Column
	for _, c := range compiled {
		if c != nil {
			have = append(have, c)
		}
	}
	if len(have) != len(tab.Schema) {
		t.Fatalf("%d fields, want %d", len(have), len(tab.Schema))
	}
	for i, want := range tab.Schema {
		if got := describe(have[i].Schema, have[i].Name); got != describeGolden(&want) {
			t.Errorf("schema\n got %s\nwant %s", got, describeGolden(&want))
		}
	}
}

func describe(s *data.Schema, field string) string {
	version := ""
	if v, ok := s.Version(); ok {
		version = fmt.Sprint(v)
	}
	typ := s.Type().String()
	if t, ok := map[string]string{"float32": "float", "float64": "double"}[typ]; ok {
		typ = t
	}
	out := fmt.Sprintf("%s: %s optional=%v %s/%s %q %v", field, typ, s.Optional(), s.Name(), version, s.Doc(), s.Params())
	if def, ok := s.Default(); ok {
		out += fmt.Sprintf(" default=%v", plain(s, def))
	}
	for _, f := range s.Fields() {
		out += "\n\t" + describe(f.Schema, f.Name)
	}
	if s.ValueSchema() != nil {
		out += " of " + describe(s.ValueSchema(), "")
	}
	return out
}

func describeGolden(f *goldenField) string {
	version := ""
	if f.Version != nil {
		version = fmt.Sprint(*f.Version)
	}
	params := []data.Param(f.Parameters)
	out := fmt.Sprintf("%s: %s optional=%v %s/%s %q %v", f.Field, f.Type, f.Optional, f.Name, version, f.Doc, params)
	if f.Default != nil {
		out += fmt.Sprintf(" default=%v", f.Default)
	}
	for i := range f.Fields {
		out += "\n\t" + describeGolden(&f.Fields[i])
	}
	if f.Items != nil {
		out += " of " + describeGolden(f.Items)
	}
	return out
}

func checkSnapshot(t *testing.T, tab *goldenTable, columns []*table.Column, compiled []*value.Column) {
	t.Helper()
	if len(tab.Text) != len(tab.Snapshot) {
		t.Fatalf("%d text rows for %d records", len(tab.Text), len(tab.Snapshot))
	}
	d := value.NewTextDecoder(columns, value.TextOptions{})
	cells := make([]value.Cell, len(columns))
	for i, row := range tab.Text {
		if err := d.DecodeRow(unhex(t, row), cells); err != nil {
			t.Fatal(err)
		}
		checkRow(t, fmt.Sprintf("snapshot row %d", i+1), compiled, cells, tab.Snapshot[i])
	}
}

// checkStream decodes all row images and compares them with the records in order.
func checkStream(t *testing.T, tab *goldenTable, compiled []*value.Column) {
	t.Helper()
	if len(tab.Events) == 0 {
		return
	}
	d := goldenDecoder(t, tab)
	n := 0
	check := func(name string, cells []value.Cell, want map[string]any) {
		checkRow(t, fmt.Sprintf("%s of record %d", name, n+1), compiled, cells, want)
	}
	for _, e := range tab.Events {
		for data := unhex(t, e.Data); len(data) > 0; n++ {
			var before, after []value.Cell
			if e.Type != 30 && e.Type != 23 {
				before, data = decodeGolden(t, d, unhex(t, e.Present), data)
			}
			switch e.Type {
			case 30, 23:
				after, data = decodeGolden(t, d, unhex(t, e.Present), data)
			case 31, 24:
				after, data = decodeGolden(t, d, unhex(t, e.Present2), data)
			}
			if before != nil {
				check("before", before, tab.Stream[n].Before)
			}
			if before != nil && after != nil && tab.Stream[n].After == nil {
				n++ // a change of the key gives two records
			}
			if after != nil {
				check("after", after, tab.Stream[n].After)
			}
		}
	}
	if n != len(tab.Stream) {
		t.Errorf("%d rows for %d records", n, len(tab.Stream))
	}
}

func goldenDecoder(t testing.TB, tab *goldenTable) *value.RowDecoder {
	t.Helper()
	metas, err := value.ParseColumnMeta(unhex(t, tab.Types), unhex(t, tab.Meta))
	if err != nil {
		t.Fatal(err)
	}
	d, err := value.NewRowDecoder(metas)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decodeGolden(t testing.TB, d *value.RowDecoder, present, image []byte) ([]value.Cell, []byte) {
	t.Helper()
	cells := make([]value.Cell, d.Columns())
	rest, err := d.Decode(new(data.Arena), present, image, cells)
	if err != nil {
		t.Fatal(err)
	}
	return cells, rest
}

func checkRow(t *testing.T, name string, compiled []*value.Column, cells []value.Cell, want map[string]any) {
	t.Helper()
	a := new(data.Arena)
	for i, c := range compiled {
		if c == nil {
			continue
		}
		v, err := c.Convert(a, &cells[i])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The JSON converter, whose output the golden records are, writes the
		// default in place of null.
		if def, ok := c.Schema.Default(); ok && v.IsNull() {
			v = def
		}
		got, exp := fmt.Sprint(plain(c.Schema, v)), fmt.Sprint(want[c.Name])
		if got != exp && !sameNumber(c.Schema, got, exp) {
			t.Errorf("%s: %s is\n got %s\nwant %s", name, c.Name, got, exp)
		}
	}
}

// sameNumber compares doubles, which the recording may print in another form.
func sameNumber(s *data.Schema, a, b string) bool {
	if s.Type() != data.TypeFloat64 && s.Type() != data.TypeFloat32 {
		return false
	}
	var x, y float64
	_, errX := fmt.Sscan(a, &x)
	_, errY := fmt.Sscan(b, &y)
	if s.Type() == data.TypeFloat32 {
		return float32(x) == float32(y) && errX == nil && errY == nil
	}
	return x == y && errX == nil && errY == nil
}

// plain renders a value as the JSON converter would, as far as tests compare it.
func plain(s *data.Schema, v data.Value) any {
	switch v.Kind() {
	case data.KindNull:
		return nil
	case data.KindBoolean:
		return v.Bool()
	case data.KindFloat32, data.KindFloat64:
		if f := v.Float(); math.Abs(f) < 1e15 && f == math.Trunc(f) {
			return fmt.Sprintf("%.1f", f)
		}
		return v.Float()
	case data.KindString:
		return v.Str()
	case data.KindBytes:
		return base64.StdEncoding.EncodeToString(v.Raw())
	case data.KindStruct:
		out := map[string]any{}
		for i, f := range s.Fields() {
			out[f.Name] = plain(f.Schema, v.Struct().At(i))
		}
		return out
	case data.KindArray:
		var out []any
		for _, e := range v.Elems() {
			out = append(out, plain(s.ValueSchema(), e))
		}
		return out
	}
	return v.Int()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
