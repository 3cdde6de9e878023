package data

import (
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
	"strconv"
)

// AppendDecimal appends unscaled * 10^-scale as Java's BigDecimal.toString
// writes it: plain where possible, with an exponent when scale is negative or
// the number is smaller than 10^-6. unscaled is big-endian two's complement,
// as KindBytes holds a Decimal.
func AppendDecimal(dst, unscaled []byte, scale int) []byte {
	start := len(dst)
	dst = appendUnscaled(dst, unscaled)
	digits := start
	if dst[start] == '-' {
		digits++
	}
	n := len(dst) - digits
	switch {
	case scale == 0:
		return dst
	case scale > 0 && n-1-scale >= -6:
		return placePoint(dst, digits, scale)
	}
	if n > 1 {
		dst = insert(dst, digits+1, ".")
	}
	exponent := int64(n) - 1 - int64(scale)
	if exponent == 0 {
		return dst
	}
	dst = append(dst, 'E')
	if exponent > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, exponent, 10)
}

// AppendDecimalPlain appends unscaled * 10^-scale without an exponent
// (BigDecimal.toPlainString).
func AppendDecimalPlain(dst, unscaled []byte, scale int) []byte {
	start := len(dst)
	dst = appendUnscaled(dst, unscaled)
	digits := start
	if dst[start] == '-' {
		digits++
	}
	if scale > 0 {
		return placePoint(dst, digits, scale)
	}
	if dst[digits] == '0' {
		return dst
	}
	for ; scale < 0; scale++ {
		dst = append(dst, '0')
	}
	return dst
}

// placePoint puts a decimal point before the last scale digits of dst[digits:].
func placePoint(dst []byte, digits, scale int) []byte {
	n := len(dst) - digits
	if n > scale {
		return insert(dst, len(dst)-scale, ".")
	}
	zeros := scale - n
	dst = insert(dst, digits, "0.")
	for range zeros {
		dst = insert(dst, digits+2, "0")
	}
	return dst
}

func insert(dst []byte, at int, s string) []byte {
	dst = append(dst, s...)
	copy(dst[at+len(s):], dst[at:])
	copy(dst[at:], s)
	return dst
}

// appendUnscaled appends a two's complement integer in decimal.
func appendUnscaled(dst, unscaled []byte) []byte {
	if len(unscaled) <= 8 {
		return strconv.AppendInt(dst, smallUnscaled(unscaled), 10)
	}
	if len(unscaled) <= 32 {
		return appendWide(dst, unscaled)
	}
	return UnscaledBig(unscaled).Append(dst, 10)
}

// smallUnscaled reads at most eight bytes.
func smallUnscaled(b []byte) int64 {
	var u uint64
	if len(b) > 0 && b[0]&0x80 != 0 {
		u = ^uint64(0)
	}
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	return int64(u)
}

// appendWide writes up to 32 bytes: the 65 digits of the longest DECIMAL take 28.
func appendWide(dst, b []byte) []byte {
	var words [4]uint64 // the highest last
	high := 0
	for ; len(b) > 8; high++ {
		words[high] = binary.BigEndian.Uint64(b[len(b)-8:])
		b = b[:len(b)-8]
	}
	words[high] = uint64(smallUnscaled(b))
	if int64(words[high]) < 0 {
		dst = append(dst, '-')
		var borrow uint64
		for i := range words[:high+1] {
			words[i], borrow = bits.Sub64(0, words[i], borrow)
		}
	}
	const base = 1e19
	var chunks [5]uint64 // of 19 digits, the highest last
	n := 0
	for {
		for high > 0 && words[high] == 0 {
			high--
		}
		if high == 0 && words[0] < base {
			break
		}
		for i := high; i >= 0; i-- {
			words[i], chunks[n] = bits.Div64(chunks[n], words[i], base)
		}
		n++
	}
	dst = strconv.AppendUint(dst, words[0], 10)
	for n > 0 {
		n--
		dst = appendPadded19(dst, chunks[n])
	}
	return dst
}

func appendPadded19(dst []byte, u uint64) []byte {
	var buf [19]byte
	for i := len(buf) - 1; i >= 0; i-- {
		buf[i] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, buf[:]...)
}

// UnscaledBig reads a two's complement integer of any size.
func UnscaledBig(b []byte) *big.Int {
	i := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return i
}

// AppendUnscaledInt appends i in the fewest bytes of big-endian two's
// complement, as BigInteger.toByteArray does.
func AppendUnscaledInt(dst []byte, i int64) []byte {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], uint64(i))
	return append(dst, trimSign(buf[:])...)
}

// AppendUnscaledBig is AppendUnscaledInt for an integer of any size.
func AppendUnscaledBig(dst []byte, i *big.Int) []byte {
	size := i.BitLen()/8 + 1
	b := make([]byte, size)
	if i.Sign() >= 0 {
		i.FillBytes(b)
	} else {
		new(big.Int).Add(i, new(big.Int).Lsh(big.NewInt(1), uint(8*size))).FillBytes(b)
	}
	return append(dst, trimSign(b)...)
}

// trimSign drops leading bytes that only repeat the sign.
func trimSign(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

var errNotDecimal = errors.New("not a decimal number")

// maxDecimalDigits bounds what ParseDecimal and Rescale build: more digits than
// any database's DECIMAL has, few enough that a hostile exponent costs nothing.
const maxDecimalDigits = 100_000

// ParseDecimal reads a decimal number as Java's BigDecimal(String) does and
// appends its unscaled value to dst. "1.20" has scale 2, "12E3" scale -3.
func ParseDecimal(dst []byte, s string) (unscaled []byte, scale int, err error) {
	body, exponent, err := cutExponent(s)
	if err != nil || len(body) > maxDecimalDigits {
		return nil, 0, errNotDecimal
	}
	negative := false
	if body != "" && (body[0] == '-' || body[0] == '+') {
		negative, body = body[0] == '-', body[1:]
	}
	small, digits, point := uint64(0), 0, -1
	for i := range len(body) {
		switch c := body[i]; {
		case '0' <= c && c <= '9':
			small = small*10 + uint64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = digits
		default:
			return nil, 0, errNotDecimal
		}
	}
	if digits == 0 {
		return nil, 0, errNotDecimal
	}
	if point >= 0 {
		scale = digits - point
	}
	scale -= exponent
	if digits <= 18 {
		i := int64(small)
		if negative {
			i = -i
		}
		return AppendUnscaledInt(dst, i), scale, nil
	}
	return AppendUnscaledBig(dst, bigDigits(body, negative)), scale, nil
}

func cutExponent(s string) (body string, exponent int, err error) {
	for i := range len(s) {
		if s[i] == 'e' || s[i] == 'E' {
			exponent, err = strconv.Atoi(s[i+1:])
			if exponent > 1<<30 || exponent < -1<<30 {
				err = errNotDecimal
			}
			return s[:i], exponent, err
		}
	}
	return s, 0, nil
}

func bigDigits(body string, negative bool) *big.Int {
	digits := make([]byte, 0, len(body))
	for i := range len(body) {
		if body[i] != '.' {
			digits = append(digits, body[i])
		}
	}
	i, _ := new(big.Int).SetString(string(digits), 10)
	if negative {
		i.Neg(i)
	}
	return i
}

// Rescale gives the unscaled value that the same number has at another scale;
// ok is false when digits would be lost.
func Rescale(unscaled []byte, from, to int) (out []byte, ok bool) {
	if from == to {
		return unscaled, true
	}
	i := UnscaledBig(unscaled)
	if i.Sign() == 0 {
		return []byte{0}, true
	}
	distance := max(from, to) - min(from, to)
	if distance > maxDecimalDigits {
		return nil, false
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(distance)), nil)
	if to > from {
		return AppendUnscaledBig(nil, i.Mul(i, power)), true
	}
	quotient, rest := i.QuoRem(i, power, new(big.Int))
	if rest.Sign() != 0 {
		return nil, false
	}
	return AppendUnscaledBig(nil, quotient), true
}
