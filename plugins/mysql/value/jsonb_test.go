package value

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/mysql/value/valuetest"
)

func jsonDoubleDoc(f float64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{jsonDouble}, math.Float64bits(f))
}

func TestJSONScalars(t *testing.T) {
	packed := func(typ byte, n int64) []byte {
		return append([]byte{jsonOpaque, typ, 8}, binary.LittleEndian.AppendUint64(nil, uint64(n))...)
	}
	for want, doc := range map[string][]byte{
		"null": {jsonLiteral, 0}, "true": {jsonLiteral, 1}, "false": {jsonLiteral, 2},
		"-2": {jsonInt16, 0xFE, 0xFF}, "65534": {jsonUint16, 0xFE, 0xFF}, "4294967295": {jsonUint32, 0xFF, 0xFF, 0xFF, 0xFF},
		"18446744073709551615": {jsonUint64, 255, 255, 255, 255, 255, 255, 255, 255},
		"1.0":                  jsonDoubleDoc(1), "-0.0": jsonDoubleDoc(math.Copysign(0, -1)), "0.001": jsonDoubleDoc(0.001),
		"9999999.5": jsonDoubleDoc(9999999.5), "10000000000": jsonDoubleDoc(1e10),
		`"a\"\\\u0001\n\t\b\f\rü"`: append([]byte{jsonString, 11}, "a\"\\\x01\n\t\b\f\rü"...),
		`"2021-08-16"`:             packed(typeDate, PackDateTime(2021, 8, 16, 0, 0, 0, 0)),
		`"2021-08-16 10:11:12.05"`: packed(typeDateTime, PackDateTime(2021, 8, 16, 10, 11, 12, 50000)),
		`"11:22:33"`:               packed(typeTime, PackDateTime(0, 0, 0, 11, 22, 33, 0)),
		`"-838:59:58.5"`:           packed(typeTime, -((838<<12|59<<6|58)<<24 | 500000)),
		`"YWI="`:                   {jsonOpaque, typeVarChar, 2, 'a', 'b'},
		"12.340":                   append([]byte{jsonOpaque, typeNewDecimal, 7, 10, 3}, valuetest.Decimal("0000012", "340", false)...),
	} {
		if len(doc) > 2 && doc[0] == jsonOpaque && doc[1] == typeNewDecimal {
			doc[2] = byte(len(doc) - 3)
		}
		if got, err := AppendJSON(nil, doc); string(got) != want || err != nil {
			t.Errorf("%x: %s, %v; want %s", doc, got, err, want)
		}
		for n := 1; n < len(doc); n++ {
			if _, err := AppendJSON(nil, doc[:n]); err == nil && doc[0] != jsonOpaque {
				t.Errorf("%d of %d bytes of %s are accepted", n, len(doc), want)
			}
		}
	}
}

// TestJSONDoubles checks that doubles whose shortest form has an exponent are
// printed exactly, as BigDecimal does.
func TestJSONDoubles(t *testing.T) {
	for _, f := range []float64{1e7, 1.5e-5, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.125, 0.00099, -1e22} {
		got, err := AppendJSON(nil, jsonDoubleDoc(f))
		if err != nil {
			t.Fatal(err)
		}
		back, ok := new(big.Rat).SetString(string(got))
		if exact := new(big.Rat).SetFloat64(f); !ok || back.Cmp(exact) != 0 {
			t.Errorf("%g is %s", f, got)
		}
		if strings.Contains(string(got), ".") && strings.HasSuffix(string(got), "0") {
			t.Errorf("%g is %s", f, got)
		}
	}
}

func TestMalformedJSON(t *testing.T) {
	for name, doc := range map[string][]byte{
		"unknown type":           {0x0E},
		"unknown literal":        {jsonLiteral, 3},
		"no header":              {jsonSmallArray, 1},
		"size beyond the end":    {jsonSmallArray, 0, 0, 9, 0},
		"more elements than fit": {jsonSmallArray, 9, 0, 4, 0},
		"offset at the header":   {jsonSmallArray, 1, 0, 7, 0, jsonSmallArray, 0, 0},
		"string beyond the end":  {jsonString, 5, 'a'},
		"length without end":     {jsonString, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
		"decimal without digits": {jsonOpaque, typeNewDecimal, 1, 5},
		"date of two bytes":      {jsonOpaque, typeDate, 2, 0, 0},
	} {
		if got, err := AppendJSON(nil, doc); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// naive writes a document the obvious way, character by character.
func naive(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return naiveText(v)
	case float64:
		if abs := math.Abs(v); v != 0 && (abs < 1e-3 || abs >= 1e7) { // 1074 digits are those of the smallest double
			return strings.TrimSuffix(strings.TrimRight(new(big.Rat).SetFloat64(v).FloatString(1074), "0"), ".")
		}
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, naive(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, name := range slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		}) {
			parts = append(parts, naiveText(name)+":"+naive(v[name]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(v)
}

func naiveText(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	out := `"`
	for _, r := range s {
		switch {
		case short[r] != "":
			out += short[r]
		case r < ' ':
			out += fmt.Sprintf(`\u%04X`, r)
		default:
			out += string(r)
		}
	}
	return out + `"`
}

// documents makes random documents.
type documents struct{ *rand.Rand }

func (r documents) text() string {
	pieces := []string{"a", "name", "with blanks ", "quoted \"", "back\\slash", "\x00", "\x1f\n\t\b\f\r", "ü", "漢字", "😀", "\x7f", "0123456789abcdef", "\xff", "\xe2\x82"}
	out := ""
	for range r.IntN(5) {
		out += pieces[r.IntN(len(pieces))]
	}
	return out
}

func (r documents) value(depth int) any {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return []any{nil, true, false}[r.IntN(3)]
	case 1:
		return int64(r.Uint64()) >> r.IntN(64)
	case 2:
		return r.Uint64() >> r.IntN(64)
	case 3:
		return math.Float64frombits(r.Uint64()&^(0x7FF<<52) | uint64(r.IntN(0x7FF))<<52)
	case 4:
		return float64(r.IntN(2_000_000)-1_000_000) / []float64{1, 2, 10, 100, 1000}[r.IntN(5)]
	case 5:
		return r.text()
	case 6:
		list := make([]any, r.IntN(6))
		for i := range list {
			list[i] = r.value(depth - 1)
		}
		return list
	}
	object := map[string]any{}
	for range r.IntN(6) {
		object[r.text()] = r.value(depth - 1)
	}
	return object
}

func TestJSONAgainstTwin(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(5, 6))}
	check := func(v any) {
		t.Helper()
		got, err := AppendJSON([]byte("before"), valuetest.BinaryJSON(v))
		if want := "before" + naive(v); err != nil || string(got) != want {
			t.Fatalf("got %s (%v), want %s", got, err, want)
		}
	}
	for range 20000 {
		check(r.value(4))
	}
	long := make([]any, 20_000) // whose numbers have four bytes
	for i := range long {
		long[i] = []any{int64(i) * 7, r.text()}[i%2]
	}
	check(map[string]any{"long": long, "": strings.Repeat("x", 70_000)})
}

// FuzzJSON holds that no bytes break the reader.
func FuzzJSON(f *testing.F) {
	r := documents{rand.New(rand.NewPCG(7, 8))}
	for range 50 {
		f.Add(valuetest.BinaryJSON(r.value(3)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if text, err := AppendJSON(nil, doc); err == nil && !utf8.Valid(text) {
			t.Errorf("%x is %q", doc, text)
		}
	})
}
