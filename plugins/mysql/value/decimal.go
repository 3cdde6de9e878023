package value

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/millrace/millrace/plugins/data"
)

// maxSmallDigits is the number of decimal digits that always fit an int64.
const maxSmallDigits = 18

// maxDecimalText is the length of the longest decimal: 65 digits, sign, point
// and a leading zero.
const maxDecimalText = 68

// digitBytes is the size of 0 to 9 digits in the binary format (strings/decimal.cc).
var digitBytes = [10]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

var pow10 = [...]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

func compileDecimal(meta uint16) (rowOp, error) {
	precision, scale := int(meta>>8), int(meta&0xFF)
	if precision > 65 || scale > 38 || scale > precision {
		return rowOp{}, fmt.Errorf("decimal with %d digits, %d of them after the point", precision, scale)
	}
	whole := precision - scale
	return rowOp{code: opDecimal, size: uint8(decimalSize(whole, scale)), scale: uint8(scale), digits: uint8(whole)}, nil
}

func decimalSize(whole, scale int) int {
	return whole/9*4 + digitBytes[whole%9] + scale/9*4 + digitBytes[scale%9]
}

// decimal decodes the binary format: groups of nine digits in four big-endian
// bytes, the odd digits at both ends in fewer; the first bit is inverted, and
// all bits of a negative number are.
func (op *rowOp) decimal(a *data.Arena, v []byte, c *Cell) error {
	whole, scale := int(op.digits), int(op.scale)
	var r digitReader
	r.start(v)
	if whole+scale > maxSmallDigits {
		c.Kind, c.Data = DecimalBig, r.unscaled(a, whole, scale)
		return r.check()
	}
	n := int64(r.group(whole % 9))
	for range whole / 9 {
		n = n*1e9 + int64(r.group(9))
	}
	for range scale / 9 {
		n = n*1e9 + int64(r.group(9))
	}
	if k := scale % 9; k > 0 {
		n = n*pow10[k] + int64(r.group(k))
	}
	if r.mask != 0 {
		n = -n
	}
	c.Kind, c.Num = Decimal, n
	return r.check()
}

// digitReader reads groups of digits.
type digitReader struct {
	in    []byte
	mask  uint32 // all bits set for negative numbers
	first uint32 // 0x80 until the first byte has been read
	bad   bool
}

func (r *digitReader) start(v []byte) {
	r.in, r.first = v, 0x80
	if len(v) > 0 && v[0]&0x80 == 0 {
		r.mask = math.MaxUint32
	}
}

func (r *digitReader) group(digits int) (n uint32) {
	size := digitBytes[digits]
	switch size {
	case 0:
		return 0
	case 4:
		n = binary.BigEndian.Uint32(r.in)
	default:
		for _, b := range r.in[:size] {
			n = n<<8 | uint32(b)
		}
	}
	n ^= r.mask>>(32-8*size) ^ r.first<<(8*size-8)
	r.first, r.in = 0, r.in[size:]
	r.bad = r.bad || int64(n) >= pow10[digits]
	return n
}

// unscaled reads all digits of a number that is too long for an int64.
func (r *digitReader) unscaled(a *data.Arena, whole, scale int) []byte {
	var w wide
	w.mulAdd(1, uint64(r.group(whole%9)))
	for range whole/9 + scale/9 {
		w.mulAdd(1e9, uint64(r.group(9)))
	}
	w.mulAdd(uint64(pow10[scale%9]), uint64(r.group(scale%9)))
	return w.twosComplement(a, r.mask != 0)
}

func (r *digitReader) check() error {
	if r.bad {
		return errors.New("malformed decimal")
	}
	return nil
}

// appendDecimal appends the text of a binary decimal as SQL prints it.
func appendDecimal(dst, v []byte, whole, scale int) ([]byte, error) {
	var r digitReader
	r.start(v)
	if r.mask != 0 {
		dst = append(dst, '-')
	}
	start := len(dst)
	dst = appendDigits(dst, &r, whole%9)
	for range whole / 9 {
		dst = appendDigits(dst, &r, 9)
	}
	dst = trimZeros(dst, start)
	if scale > 0 {
		dst = append(dst, '.')
		for range scale / 9 {
			dst = appendDigits(dst, &r, 9)
		}
		dst = appendDigits(dst, &r, scale%9)
	}
	return dst, r.check()
}

func appendDigits(dst []byte, r *digitReader, digits int) []byte {
	n := r.group(digits)
	at := len(dst)
	dst = append(dst, "000000000"[:digits]...)
	for i := len(dst) - 1; i >= at; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
	return dst
}

// trimZeros removes leading zeros from dst[start:] but leaves one digit.
func trimZeros(dst []byte, start int) []byte {
	i := start
	for i < len(dst)-1 && dst[i] == '0' {
		i++
	}
	if len(dst) == start {
		return append(dst, '0')
	}
	return append(dst[:start], dst[i:]...)
}

// AppendDecimal appends the text of a Decimal, DecimalBig or DecimalText without
// exponent (BigDecimal.toPlainString).
func (c *Cell) AppendDecimal(dst []byte) []byte {
	switch c.Kind {
	case DecimalText:
		return append(dst, c.Data...)
	case DecimalBig:
		return data.AppendDecimalPlain(dst, c.Data, int(c.Scale))
	}
	return appendUnscaled(dst, c.Num, int(c.Scale))
}

func appendUnscaled(dst []byte, n int64, scale int) []byte {
	u := uint64(n)
	if n < 0 {
		dst, u = append(dst, '-'), -u
	}
	if scale == 0 {
		return strconv.AppendUint(dst, u, 10)
	}
	var buf [maxDecimalText]byte
	i := len(buf)
	for k := 0; k <= scale || u > 0; k++ {
		if k == scale {
			i--
			buf[i] = '.'
		}
		i--
		buf[i] = '0' + byte(u%10)
		u /= 10
	}
	return append(dst, buf[i:]...)
}

// setDecimalText makes a decimal cell from SQL text such as -12.50. The text
// must outlive the cell.
func (c *Cell) setDecimalText(text []byte) error {
	rest, neg := text, len(text) > 0 && text[0] == '-'
	if neg {
		rest = rest[1:]
	}
	n, whole := readDigits(0, rest)
	scale := 0
	if len(whole) < len(rest) && rest[len(whole)] == '.' {
		var frac []byte
		n, frac = readDigits(n, rest[len(whole)+1:])
		scale = len(frac)
		rest = rest[:len(rest)-1] // for the point
	}
	if len(whole)+scale != len(rest) {
		return fmt.Errorf("malformed decimal %q", text)
	}
	if len(rest)-leadingZeros(text) > maxSmallDigits || scale > 38 {
		c.Kind, c.Data, c.Scale = DecimalText, text, uint8(min(scale, 255))
		return nil
	}
	c.Kind, c.Num, c.Scale = Decimal, int64(n), uint8(scale)
	if neg {
		c.Num = -c.Num
	}
	return nil
}

// readDigits reads the digits that text begins with behind those that made n. Of more
// than nineteen the value is not right.
func readDigits(n uint64, text []byte) (uint64, []byte) {
	for i, b := range text {
		if b -= '0'; b > 9 {
			return n, text[:i]
		}
		n = n*10 + uint64(b)
	}
	return n, text
}

// leadingZeros counts the zeros before the first other digit of a decimal.
func leadingZeros(text []byte) (zeros int) {
	for _, b := range text {
		switch {
		case b == '0':
			zeros++
		case b > '0':
			return zeros
		}
	}
	return zeros
}

// preciseDecimal is a Connect Decimal: the big-endian two's complement of the
// unscaled value, in as few bytes as possible.
func preciseDecimal(a *data.Arena, c *Cell, scale int) (data.Value, error) {
	switch c.Kind {
	case Decimal:
		if int(c.Scale) != scale {
			return rescaled(a, c, scale)
		}
		return int64Decimal(a, c.Num), nil
	case DecimalBig:
		if int(c.Scale) != scale {
			return rescaled(a, c, scale)
		}
		return data.Bytes(a.Copy(c.Data)), nil
	case DecimalText:
		return rescaled(a, c, scale)
	case Int:
		return rescaled(a, &Cell{Kind: Decimal, Num: c.Num}, scale)
	}
	return data.Value{}, errKind(c, "a decimal")
}

func int64Decimal(a *data.Arena, n int64) data.Value {
	u := uint64(n)
	// One bit more than the magnitude needs, for the sign.
	size := bits.Len64(u^uint64(n>>63))/8 + 1
	b := a.Bytes(size)
	for i := size - 1; i >= 0; i-- {
		b[i] = byte(u)
		u >>= 8
	}
	return data.Bytes(b)
}

func uint64Decimal(a *data.Arena, u uint64) data.Value {
	if int64(u) >= 0 {
		return int64Decimal(a, int64(u))
	}
	b := a.Bytes(9)
	b[0] = 0
	for i := 8; i > 0; i-- {
		b[i] = byte(u)
		u >>= 8
	}
	return data.Bytes(b)
}

// wide is a number of up to 65 digits as little-endian 64-bit words, those above
// the first n being zero.
type wide struct {
	words [5]uint64
	n     int
}

func (w *wide) mulAdd(m, add uint64) {
	for i := range w.words[:w.n] {
		hi, lo := bits.Mul64(w.words[i], m)
		sum, carry := bits.Add64(lo, add, 0)
		w.words[i], add = sum, hi+carry
	}
	if add > 0 && w.n < len(w.words) {
		w.words[w.n] = add
		w.n++
	}
}

// twosComplement writes w, or -w, in as few bytes as possible.
func (w *wide) twosComplement(a *data.Arena, neg bool) []byte {
	flip := uint64(0)
	if neg && w.n > 0 { // -w is ^(w-1)
		flip = math.MaxUint64
		borrow := uint64(1)
		for i := range w.words[:w.n] {
			w.words[i], borrow = bits.Sub64(w.words[i], 0, borrow)
		}
		if w.words[w.n-1] == 0 {
			w.n--
		}
	}
	low := max(w.n-1, 0)           // words before the highest
	high := w.words[low]           // one bit more than it needs, for the sign
	size := bits.Len64(high)/8 + 1 // bytes of it
	out := a.Bytes(8*low + size)
	high ^= flip
	for i := size - 1; i >= 0; i-- {
		out[i] = byte(high)
		high = high>>8 | flip<<56
	}
	for i := range low {
		binary.BigEndian.PutUint64(out[size+8*(low-1-i):], w.words[i]^flip)
	}
	return out
}

// rescaled makes the two's complement of a decimal whose digits must be
// brought to the given scale; digits other than zero are never dropped.
func rescaled(a *data.Arena, c *Cell, scale int) (data.Value, error) {
	var buf [maxDecimalText]byte
	text := c.Data
	if c.Kind != DecimalText {
		text = c.AppendDecimal(buf[:0])
	}
	digits, neg := bytes.CutPrefix(text, minus)
	whole, frac, _ := bytes.Cut(digits, point)
	for len(frac) > scale {
		if frac[len(frac)-1] != '0' {
			return data.Value{}, fmt.Errorf("decimal has more than the %d digits after the point that its column declares", scale)
		}
		frac = frac[:len(frac)-1]
	}
	var w wide
	w.append(whole)
	w.append(frac)
	for missing := scale - len(frac); missing > 0; missing -= maxSmallDigits {
		w.mulAdd(uint64(pow10[min(missing, maxSmallDigits)]), 0)
	}
	return data.Bytes(w.twosComplement(a, neg)), nil
}

var minus, point = []byte("-"), []byte(".")

// append takes further digits, as many as fit a word at once.
func (w *wide) append(digits []byte) {
	for len(digits) > 0 {
		some := digits[:min(len(digits), maxSmallDigits)]
		n, _ := readDigits(0, some)
		w.mulAdd(uint64(pow10[len(some)]), n)
		digits = digits[len(some):]
	}
}

// doubleDecimal is the double nearest to a decimal (BigDecimal.doubleValue).
func doubleDecimal(c *Cell) (data.Value, error) {
	if c.Kind == Decimal && c.Num > -1<<53 && c.Num < 1<<53 && c.Scale <= 18 {
		// Both numbers are exact, so the quotient is rounded once.
		return data.Float64(float64(c.Num) / float64(pow10[c.Scale])), nil
	}
	if c.Kind != Decimal && c.Kind != DecimalBig && c.Kind != DecimalText {
		return data.Value{}, errKind(c, "a decimal")
	}
	var buf [maxDecimalText]byte
	text := c.AppendDecimal(buf[:0])
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	if err != nil {
		return data.Value{}, fmt.Errorf("decimal does not fit a double: %w", errors.Unwrap(err))
	}
	return data.Float64(f), nil
}

// stringDecimal is the text of a decimal.
func stringDecimal(a *data.Arena, c *Cell) (data.Value, error) {
	switch c.Kind {
	case Decimal, DecimalBig:
		var buf [maxDecimalText]byte
		return data.StringBytes(a.Copy(c.AppendDecimal(buf[:0]))), nil
	case DecimalText:
		return data.StringBytes(a.Copy(c.Data)), nil
	}
	return data.Value{}, errKind(c, "a decimal")
}

// bigDecimal is an arbitrary decimal from configuration or DDL text, rounded
// half up to a scale when it has more digits, as text without exponent.
func bigDecimal(text string, scale int) (string, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 1000 {
		return "", fmt.Errorf("malformed decimal %q", text)
	}
	return r.FloatString(scale), nil
}
