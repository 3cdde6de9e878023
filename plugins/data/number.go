package data

import (
	"math"
	"strconv"
)

// AppendFloat64 appends f as Java's Double.toString writes it since Java 19:
// the shortest digits that read back as f, at least one on each side of the
// point, with an exponent outside 10^-3 <= |f| < 10^7. Older Javas write the
// same for all but a few numbers, where they use more digits than needed.
func AppendFloat64(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendFloat32 appends f as Java's Float.toString writes it.
func AppendFloat32(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	abs := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case abs > math.MaxFloat64:
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "Infinity"...)
	case abs == 0 || 1e-3 <= abs && abs < 1e7:
		return appendPlain(dst, f, bits)
	}
	return appendExponent(dst, f, bits)
}

func appendPlain(dst []byte, f float64, bits int) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendExponent writes d.dddE±n. Java asks for two digits at least and takes
// the closest such number, which matters for the smallest doubles: 4.9E-324
// where one digit would be 5E-324.
func appendExponent(dst []byte, f float64, bits int) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	mantissa := start + 1
	if dst[start] == '-' {
		mantissa++
	}
	if dst[mantissa] == 'e' {
		dst = twoDigits(dst, start, f, bits)
	}
	e := mantissa
	for dst[e] != 'e' {
		e++
	}
	dst[e] = 'E'
	return trimExponent(dst, e+1)
}

// twoDigits replaces a one-digit number from start on by the closest one with two.
func twoDigits(dst []byte, start int, f float64, bits int) []byte {
	var buf [32]byte
	two := strconv.AppendFloat(buf[:0], f, 'e', 1, bits)
	if g, err := strconv.ParseFloat(string(two), bits); err == nil && g == f {
		return append(dst[:start], two...)
	}
	one := append(buf[:0], dst[start:]...)
	digit := 1
	if one[0] == '-' {
		digit++
	}
	dst = append(dst[:start], one[:digit]...)
	dst = append(dst, ".0"...)
	return append(dst, one[digit:]...)
}

// trimExponent turns the "+07" or "-07" at dst[at:] into "7" or "-7".
func trimExponent(dst []byte, at int) []byte {
	w := at
	if dst[at] == '-' {
		w++
	}
	r := at + 1
	for r < len(dst)-1 && dst[r] == '0' {
		r++
	}
	return append(dst[:w], dst[r:]...)
}
