package jsonconv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/data/datatest"
)

// slow writes a value the obvious way: it looks at schema and value anew each
// time, and at each character of a text.
func slow(cfg Config, s *data.Schema, v data.Value) string {
	if v.IsNull() {
		if def, ok := s.Default(); ok && cfg.ReplaceNull {
			return slow(cfg, s, def)
		}
		return "null"
	}
	switch s.Type() {
	case data.TypeBoolean:
		return fmt.Sprint(v.Bool())
	case data.TypeString:
		return slowText(v.Str())
	case data.TypeBytes:
		if scale, err := s.Scale(); err == nil && cfg.NumericDecimals {
			return string(data.AppendDecimal(nil, v.Raw(), scale))
		}
		return `"` + base64.StdEncoding.EncodeToString(v.Raw()) + `"`
	case data.TypeFloat32:
		return slowFloat(string(data.AppendFloat32(nil, float32(v.Float()))), v.Float())
	case data.TypeFloat64:
		return slowFloat(string(data.AppendFloat64(nil, v.Float())), v.Float())
	case data.TypeArray:
		return "[" + join(len(v.Elems()), func(i int) string { return slow(cfg, s.ValueSchema(), v.Elems()[i]) }) + "]"
	case data.TypeMap:
		return slowMap(cfg, s, v.Map().Entries)
	case data.TypeStruct:
		return "{" + join(len(s.Fields()), func(i int) string {
			f := s.Fields()[i]
			return slowText(f.Name) + ":" + slow(cfg, f.Schema, v.Struct().At(i))
		}) + "}"
	}
	return fmt.Sprint(v.Int())
}

func join(n int, part func(int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part(i)
	}
	return strings.Join(parts, ",")
}

func slowFloat(text string, f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return `"` + text + `"`
	}
	return text
}

func slowMap(cfg Config, s *data.Schema, entries []data.MapEntry) string {
	entry := func(i int) (key, value string) {
		return slow(cfg, s.KeySchema(), entries[i].Key), slow(cfg, s.ValueSchema(), entries[i].Value)
	}
	if s.KeySchema().Type() == data.TypeString {
		return "{" + join(len(entries), func(i int) string {
			k, v := entry(i)
			if k == "null" {
				k = `"null"`
			}
			return k + ":" + v
		}) + "}"
	}
	return "[" + join(len(entries), func(i int) string { k, v := entry(i); return "[" + k + "," + v + "]" }) + "]"
}

func slowText(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	out := `"`
	for _, r := range s {
		switch {
		case short[r] != "":
			out += short[r]
		case r < ' ':
			out += fmt.Sprintf(`\u%04X`, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out += fmt.Sprintf(`\u%04X\u%04X`, hi, lo)
		default:
			out += string(r)
		}
	}
	return out + `"`
}

// The compiled encoder writes what the obvious one does, encoding/json accepts
// it, and Parse reads it back.
func TestEncoderAgainstTwin(t *testing.T) {
	for seed := range uint64(3000) {
		g := datatest.New(seed)
		schema := g.Schema()
		cfg := Config{Schemas: seed%2 == 0, CacheSize: 4, NumericDecimals: seed%3 == 0, ReplaceNull: seed%5 != 0}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			v := g.Value(schema)
			got, null, err := c.Append([]byte("before"), "t", nil, schema, v)
			if err != nil || null {
				t.Fatalf("seed %d: null %v, %v", seed, null, err)
			}
			got = bytes.TrimPrefix(got, []byte("before"))
			want := slow(cfg, schema, v)
			if cfg.Schemas {
				text, err := appendSchema(nil, cfg, schema)
				if err != nil {
					t.Fatal(err)
				}
				want = `{"schema":` + string(text) + `,"payload":` + want + `}`
			}
			if string(got) != want {
				t.Fatalf("seed %d:\n got %s\nwant %s", seed, got, want)
			}
			if !json.Valid(got) {
				t.Fatalf("seed %d: not JSON: %s", seed, got)
			}
			readBack(t, c, seed, schema, v, got)
		}
	}
}

// readBack parses what was written. Null and default, and entries of a map
// whose keys become the same text, cannot be told apart afterwards.
func readBack(t *testing.T, c *Converter, seed uint64, schema *data.Schema, v data.Value, b []byte) {
	t.Helper()
	if !c.cfg.Schemas {
		return
	}
	schema2, v2, err := c.Parse(&data.Arena{}, "t", nil, b)
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, b)
	}
	if !schema2.Equal(schema) {
		t.Fatalf("seed %d: another schema comes back from %s", seed, b)
	}
	again, _, err := c.Append(nil, "t", nil, schema2, v2)
	if err != nil || !c.cfg.NumericDecimals && !strings.Contains(string(b), `"null":`) && string(again) != string(b) {
		t.Fatalf("seed %d: %v\n got %s\nwant %s", seed, err, again, b)
	}
	if v2.Kind() != v.Kind() && !v.IsNull() {
		t.Fatalf("seed %d: %v became %v", seed, v.Kind(), v2.Kind())
	}
}

// Texts that need escapes in all places of a word, such as documents.
func TestTextAgainstTwin(t *testing.T) {
	for seed := range uint64(20000) {
		r, s := rand.New(rand.NewPCG(seed, 1)), ""
		for range r.IntN(5) {
			s += []string{`{"id": 1, "name": "`, datatest.New(seed).Text(), `"}`, "\n", "12345678", `""\\`, "\U0001f600"}[r.IntN(7)]
		}
		if got := string(appendString(make([]byte, 0, r.IntN(50)), s)); got != slowText(s) {
			t.Fatalf("%q becomes %s, want %s", s, got, slowText(s))
		}
	}
}

func TestPlainPrefixAgainstTwin(t *testing.T) {
	for seed := range uint64(20000) {
		s := datatest.New(seed).Text()
		want := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > 0xffff })
		if want < 0 {
			want = len(s)
		}
		if got := plainPrefix(s); got != want {
			t.Fatalf("plainPrefix(%q) = %d, want %d", s, got, want)
		}
	}
}

// TestWhatIsRememberedIsNotTold compares records that follow one another, whose
// fields now change and now stay the same, with what each is by itself.
func TestWhatIsRememberedIsNotTold(t *testing.T) {
	schema := data.NewStruct().Field("n", data.New(data.TypeInt64).Build()).
		Field("s", data.New(data.TypeString).Optional().Default(data.String("d")).Build()).
		Field("t", data.New(data.TypeString).Optional().Build()).Field("m", data.New(data.TypeInt8).Optional().Build()).Build()
	rnd := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...data.Value) data.Value { return of[rnd.IntN(len(of))] }
	long := strings.Repeat("x", 200)
	cfg := DefaultConfig()
	cfg.Schemas = false
	c := newConverter(t, func(own *Config) { *own = cfg })
	v := data.NewStructValue(schema)
	text := make([]byte, 3) // memory that is used again, as that of a batch
	for i := range 50_000 {
		if i/1000%2 == 0 || rnd.IntN(20) == 0 { // from time to time little changes
			copy(text, []string{"abc", "a\"c", "xyz", "\\\\\\"}[rnd.IntN(4)])
			v.Set(0, pick(data.Int64(0), data.Int64(1), data.Int64(-1), data.Int64(int64(i)), data.Int64(math.MinInt64)))
			v.Set(1, pick(data.StringBytes(text), data.Null(), data.String(""), data.String("\u00e9\u00e9"), data.String(long)))
			v.Set(2, pick(data.StringBytes(text), data.Null(), data.String(fmt.Sprint(i)), data.String("\U0001f600")))
			v.Set(3, pick(data.Int8(0), data.Null(), data.Int8(7)))
		}
		got, _, err := c.Append(nil, "t", nil, schema, data.StructOf(v))
		if want := slow(cfg, schema, data.StructOf(v)); err != nil || string(got) != want {
			t.Fatalf("record %d: %s (%v), want %s", i, got, err, want)
		}
	}
}
