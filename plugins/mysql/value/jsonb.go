package value

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
)

// Value types of MySQL's binary JSON (sql-common/json_binary.h).
const (
	jsonSmallObject = 0x00
	jsonLargeObject = 0x01
	jsonSmallArray  = 0x02
	jsonLargeArray  = 0x03
	jsonLiteral     = 0x04
	jsonInt16       = 0x05
	jsonUint16      = 0x06
	jsonInt32       = 0x07
	jsonUint32      = 0x08
	jsonInt64       = 0x09
	jsonUint64      = 0x0A
	jsonDouble      = 0x0B
	jsonString      = 0x0C
	jsonOpaque      = 0x0F
)

// maxJSONDepth is the server's limit of nesting.
const maxJSONDepth = 100

var errJSON = errors.New("malformed binary JSON")

// AppendJSON appends the text of a binary JSON document as Debezium's stream
// has it (JsonBinary and JsonStringFormatter of the binlog client library): no
// blanks, members in the order of storage, doubles without exponent, temporal
// values as strings without trailing zeros, other opaque values in base64.
func AppendJSON(dst, doc []byte) ([]byte, error) {
	if len(doc) == 0 {
		return append(dst, "null"...), nil
	}
	return appendJSONValue(dst, doc[0], doc[1:], 0)
}

func appendJSONValue(dst []byte, typ byte, v []byte, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return dst, errJSON
	}
	switch typ {
	case jsonSmallObject, jsonLargeObject, jsonSmallArray, jsonLargeArray:
		var c container
		if !c.open(typ, v) {
			return dst, errJSON
		}
		return c.append(dst, depth)
	case jsonString:
		s, err := variable(v)
		if err != nil {
			return dst, err
		}
		return appendQuoted(dst, s), nil
	case jsonOpaque:
		return appendOpaque(dst, v)
	}
	return appendJSONScalar(dst, typ, v)
}

// jsonScalarSizes are the bytes of numbers and literals, by their types.
var jsonScalarSizes = [...]uint8{jsonLiteral: 1, jsonInt16: 2, jsonUint16: 2, jsonInt32: 4, jsonUint32: 4, jsonInt64: 8, jsonUint64: 8, jsonDouble: 8}

// jsonScalarSize is 0 for what is neither a number nor a literal.
func jsonScalarSize(typ byte) int {
	if int(typ) < len(jsonScalarSizes) {
		return int(jsonScalarSizes[typ])
	}
	return 0
}

func appendJSONScalar(dst []byte, typ byte, v []byte) ([]byte, error) {
	n := jsonScalarSize(typ)
	if n == 0 {
		return dst, fmt.Errorf("%w: unknown value type %#x", errJSON, typ)
	}
	if len(v) < n {
		return dst, errJSON
	}
	switch v = v[:n]; typ {
	case jsonLiteral:
		return appendLiteral(dst, v[0])
	case jsonInt16, jsonInt32, jsonInt64:
		return strconv.AppendInt(dst, signed(v), 10), nil
	case jsonDouble:
		return appendJSONDouble(dst, math.Float64frombits(binary.LittleEndian.Uint64(v))), nil
	}
	return strconv.AppendUint(dst, littleEndian(v), 10), nil
}

func appendLiteral(dst []byte, b byte) ([]byte, error) {
	switch b {
	case 0:
		return append(dst, "null"...), nil
	case 1:
		return append(dst, "true"...), nil
	case 2:
		return append(dst, "false"...), nil
	}
	return dst, errJSON
}

// appendJSONDouble prints a double as Java's Double.toString does where that
// has no exponent, and its exact decimal expansion elsewhere.
func appendJSONDouble(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if f == 0 || abs >= 1e-3 && abs < 1e7 {
		at := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		for _, c := range dst[at:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	return strconv.AppendFloat(dst, f, 'f', fractionBits(f), 64)
}

// fractionBits is the number of binary digits after the point, which is also
// the number of decimal digits after it.
func fractionBits(f float64) int {
	u := math.Float64bits(f)
	exp, mant := int(u>>52&0x7FF), u&(1<<52-1)
	if exp == 0 {
		exp = 1
	} else {
		mant |= 1 << 52
	}
	return max(0, 1075-exp-bits.TrailingZeros64(mant))
}

// variable reads a value that stands behind its length, 7 bits a byte.
func variable(v []byte) ([]byte, error) {
	n, shift := 0, 0
	for i, b := range v {
		if i == 5 {
			break
		}
		n |= int(b&0x7F) << shift
		if b&0x80 == 0 {
			if v = v[i+1:]; n > len(v) {
				return nil, errJSON
			}
			return v[:n], nil
		}
		shift += 7
	}
	return nil, errJSON
}

// container is an object or array: a header with the number of elements and
// the size in bytes, key entries of objects, value entries, and what they point at.
type container struct {
	v      []byte // from the header to the end
	count  int
	width  int // bytes of a number
	object bool
}

// open reads the header of a container; false says that it is malformed.
func (c *container) open(typ byte, v []byte) bool {
	c.v, c.width, c.object = v, 2, typ <= jsonLargeObject
	if typ == jsonLargeObject || typ == jsonLargeArray {
		c.width = 4
	}
	if len(v) < 2*c.width {
		return false
	}
	c.count = c.number(0)
	size := c.number(c.width)
	if size > len(v) || c.entry(c.count) > size || c.count > size {
		return false
	}
	c.v = v[:size]
	return true
}

func (c *container) number(at int) int {
	if c.width == 2 {
		return int(binary.LittleEndian.Uint16(c.v[at:]))
	}
	return int(binary.LittleEndian.Uint32(c.v[at:]))
}

// entry is the position of value entry i.
func (c *container) entry(i int) int {
	at := 2*c.width + i*(1+c.width)
	if c.object {
		at += c.count * (c.width + 2)
	}
	return at
}

func (c *container) key(i int) ([]byte, error) {
	at := 2*c.width + i*(c.width+2)
	start := c.number(at)
	n := int(binary.LittleEndian.Uint16(c.v[at+c.width:]))
	if start+n > len(c.v) {
		return nil, errJSON
	}
	return c.v[start : start+n], nil
}

// value gives the type and the bytes of element i; small scalars stand in the
// entry itself.
func (c *container) value(i int) (typ byte, v []byte, err error) {
	at := c.entry(i)
	typ = c.v[at]
	if n := jsonScalarSize(typ); n > 0 && n <= c.width {
		return typ, c.v[at+1 : at+1+c.width], nil
	}
	start := c.number(at + 1)
	if start >= len(c.v) || start < c.entry(c.count) {
		return 0, nil, errJSON
	}
	return typ, c.v[start:], nil
}

func (c *container) append(dst []byte, depth int) ([]byte, error) {
	open, end := byte('['), byte(']')
	if c.object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i := range c.count {
		if i > 0 {
			dst = append(dst, ',')
		}
		if c.object {
			k, err := c.key(i)
			if err != nil {
				return dst, err
			}
			dst = append(appendQuoted(dst, k), ':')
		}
		typ, v, err := c.value(i)
		if err != nil {
			return dst, err
		}
		if dst, err = appendJSONValue(dst, typ, v, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, end), nil
}

const upperHex = "0123456789ABCDEF"

// appendQuoted escapes what JsonStringFormatter escapes. Malformed UTF-8, which
// the server does not store, becomes U+FFFD.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	start, i := 0, plainASCII(s)
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			dst = appendEscape(append(dst, s[start:i]...), c)
			start = i + 1
		}
		i++
	}
	return append(append(dst, s[start:]...), '"')
}

// plainASCII is the number of bytes, in whole words or all, before one that must be
// looked at.
func plainASCII(s []byte) int {
	plain := func(i int) bool { return data.PlainJSON(binary.LittleEndian.Uint64(s[i:])) }
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if !plain(i) {
			return i
		}
	}
	if len(s) > 8 && plain(len(s)-8) { // what is left, and some of what was seen
		return len(s)
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\t':
		return append(dst, `\t`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	}
	return append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
}

// appendOpaque prints a value of an SQL type: its type code, then its length and bytes.
func appendOpaque(dst, v []byte) ([]byte, error) {
	if len(v) == 0 {
		return dst, errJSON
	}
	typ := v[0]
	b, err := variable(v[1:])
	if err != nil {
		return dst, err
	}
	switch typ {
	case typeDecimal, typeNewDecimal:
		return appendOpaqueDecimal(dst, b)
	case typeDate, typeTime, typeTime2, typeDateTime, typeDateTime2, typeTimestamp, typeTimestamp2:
		if len(b) != 8 {
			return dst, errJSON
		}
		c := Cell{Num: int64(binary.LittleEndian.Uint64(b))}
		dst = append(dst, '"')
		switch typ {
		case typeDate:
			dst = appendDate(dst, c.Civil())
		case typeTime, typeTime2:
			dst = appendPackedTime(dst, c.Num)
		default:
			dst = appendClock(append(appendDate(dst, c.Civil()), ' '), c.Civil())
		}
		return append(dst, '"'), nil
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), b)
	return append(dst, '"'), nil
}

func appendOpaqueDecimal(dst, b []byte) ([]byte, error) {
	if len(b) < 2 || b[1] > b[0] || b[0] > 65 || len(b) != 2+decimalSize(int(b[0]-b[1]), int(b[1])) {
		return dst, errJSON
	}
	return appendDecimal(dst, b[2:], int(b[0]-b[1]), int(b[1]))
}

// appendPackedTime prints a TIME in the packed form that JSON documents hold.
// Debezium's library garbles negative times; these are printed as SQL does.
func appendPackedTime(dst []byte, n int64) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	hms := n >> 24
	return appendClock(dst, Civil{
		Hour: int(hms >> 12 & 0x3FF), Minute: int(hms >> 6 & 63), Second: int(hms & 63), Micros: int(n & (1<<24 - 1)),
	})
}

func appendDate(dst []byte, c Civil) []byte {
	if uint(c.Year) < 10_000 {
		dst = appendTwo(appendTwo(dst, c.Year/100), c.Year%100)
	} else {
		dst = appendPadded(dst, c.Year, 4)
	}
	dst = appendTwo(append(dst, '-'), c.Month)
	return appendTwo(append(dst, '-'), c.Day)
}

// appendClock prints hours, minutes, seconds and, without trailing zeros, microseconds.
func appendClock(dst []byte, c Civil) []byte {
	dst = appendTwo(dst, c.Hour)
	dst = appendTwo(append(dst, ':'), c.Minute)
	dst = appendTwo(append(dst, ':'), c.Second)
	if c.Micros == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), c.Micros, 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendTwo prints n with at least two digits.
func appendTwo(dst []byte, n int) []byte {
	if uint(n) < 100 {
		return append(dst, byte('0'+n/10), byte('0'+n%10))
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// appendPadded prints n with at least the given number of digits.
func appendPadded(dst []byte, n, digits int) []byte {
	for ; digits > 1 && int64(n) < pow10[digits-1]; digits-- {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
