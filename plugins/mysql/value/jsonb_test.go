package value

import (
	"encoding/binary"
	"math"
	"math/big"
	"strings"
	"testing"
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
		"12.340":                   append([]byte{jsonOpaque, typeNewDecimal, 7, 10, 3}, encodeDecimal("0000012", "340", false)...),
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
