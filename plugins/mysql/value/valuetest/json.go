// Package valuetest writes values as MySQL stores them, for tests and
// benchmarks that have no server.
package valuetest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Value types of MySQL's binary JSON (sql-common/json_binary.h).
const (
	smallObject, largeObject = 0x00, 0x01
	smallArray, largeArray   = 0x02, 0x03
	literal                  = 0x04
	int16Type, uint16Type    = 0x05, 0x06
	int32Type, uint32Type    = 0x07, 0x08
	int64Type, uint64Type    = 0x09, 0x0A
	doubleType, stringType   = 0x0B, 0x0C
)

// BinaryJSON is a document of nil, bool, int64, uint64, float64, string, []any
// and map[string]any in the form that the binlog has it in: members stand in the
// order of the length of their names, then of the names.
func BinaryJSON(v any) []byte {
	typ, body := encode(v)
	return append([]byte{typ}, body...)
}

func encode(v any) (typ byte, body []byte) {
	switch v := v.(type) {
	case nil:
		return literal, []byte{0}
	case bool:
		if v {
			return literal, []byte{1}
		}
		return literal, []byte{2}
	case int64:
		return signed(v)
	case uint64:
		return unsigned(v)
	case float64:
		return doubleType, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	case string:
		return stringType, append(length(len(v)), v...)
	case []any:
		return container(smallArray, largeArray, nil, v)
	case map[string]any:
		names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		})
		values := make([]any, len(names))
		for i, n := range names {
			values[i] = v[n]
		}
		return container(smallObject, largeObject, names, values)
	}
	panic(fmt.Sprintf("valuetest: a document with a %T", v))
}

func signed(n int64) (byte, []byte) {
	switch {
	case n == int64(int16(n)):
		return int16Type, binary.LittleEndian.AppendUint16(nil, uint16(n))
	case n == int64(int32(n)):
		return int32Type, binary.LittleEndian.AppendUint32(nil, uint32(n))
	}
	return int64Type, binary.LittleEndian.AppendUint64(nil, uint64(n))
}

func unsigned(n uint64) (byte, []byte) {
	switch {
	case n == uint64(uint16(n)):
		return uint16Type, binary.LittleEndian.AppendUint16(nil, uint16(n))
	case n == uint64(uint32(n)):
		return uint32Type, binary.LittleEndian.AppendUint32(nil, uint32(n))
	}
	return uint64Type, binary.LittleEndian.AppendUint64(nil, n)
}

// length writes a length with seven bits in a byte.
func length(n int) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// container writes an object, whose members have names, or an array.
func container(small, large byte, names []string, values []any) (byte, []byte) {
	if b := layOut(2, names, values); len(b) <= math.MaxUint16 {
		return small, b
	}
	return large, layOut(4, names, values)
}

// layOut writes a container whose numbers have width bytes: their count, its
// size, an entry for each name and each value, and what the entries point at.
func layOut(width int, names []string, values []any) []byte {
	head := 2*width + len(names)*(width+2) + len(values)*(1+width)
	out, rest := number(nil, width, len(values)), []byte(nil)
	out = append(out, make([]byte, width)...)
	for _, n := range names {
		out = binary.LittleEndian.AppendUint16(number(out, width, head+len(rest)), uint16(len(n)))
		rest = append(rest, n...)
	}
	for _, v := range values {
		typ, body := encode(v)
		out = append(out, typ)
		if typ >= literal && typ <= uint32Type && len(body) <= width {
			out = append(append(out, body...), make([]byte, width-len(body))...)
			continue
		}
		out = number(out, width, head+len(rest))
		rest = append(rest, body...)
	}
	out = append(out, rest...)
	copy(out[width:], number(nil, width, len(out)))
	return out
}

func number(dst []byte, width, n int) []byte {
	if width == 2 {
		return binary.LittleEndian.AppendUint16(dst, uint16(n))
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(n))
}
