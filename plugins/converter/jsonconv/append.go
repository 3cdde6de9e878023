package jsonconv

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
)

// appendString appends s as a JSON string with Jackson's escapes.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	n := plainPrefix(s)
	if n == len(s) {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	return appendEscaped(dst, s, n)
}

// appendEscaped ends what appendString began for a text that needs an escape at s[n].
// Where there is one there are often more, as in a JSON document, so the rest is
// copied word by word, each up to its first escape.
func appendEscaped(dst []byte, s string, n int) []byte {
	dst = append(dst, s[:n]...)
	for n < len(s) {
		if n+8 > len(s) {
			return append(appendTail(dst, s, n), '"')
		}
		w := word(s, n)
		dst = slices.Grow(dst, 8)
		binary.LittleEndian.PutUint64(dst[len(dst):len(dst)+8], w)
		plain := bits.TrailingZeros64(data.JSONEscapes(w)) / 8
		dst, n = dst[:len(dst)+plain], n+plain
		switch {
		case plain == 8:
		case s[n] == '"' || s[n] == '\\':
			dst = append(dst, '\\', s[n])
			n++
		default:
			dst, n = appendEscape(dst, s, n)
		}
	}
	return append(dst, '"')
}

// appendTail escapes s[n:] byte by byte.
func appendTail(dst []byte, s string, n int) []byte {
	for n < len(s) {
		if c := s[n]; c < 0x20 || c == '"' || c == '\\' || c >= 0xf0 {
			dst, n = appendEscape(dst, s, n)
			continue
		}
		dst = append(dst, s[n])
		n++
	}
	return dst
}

// plainPrefix is the number of bytes before the first that needs an escape.
func plainPrefix(s string) int {
	i := 0
	for ; i+16 <= len(s); i += 16 {
		if data.PlainJSON(word(s, i)) && data.PlainJSON(word(s, i+8)) {
			continue
		}
		if data.JSONEscapes(word(s, i)) != 0 || data.JSONEscapes(word(s, i+8)) != 0 {
			break
		}
	}
	for ; i+8 <= len(s); i += 8 {
		if data.JSONEscapes(word(s, i)) != 0 {
			break
		}
	}
	if n := len(s); n-i < 8 && n >= 8 && data.JSONEscapes(word(s, n-8)) == 0 { // what is left, and some of what was seen
		return n
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0xf0 {
			return i
		}
	}
	return i
}

func word(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

const upperHex = "0123456789ABCDEF"

// appendEscape escapes the character at s[i:] and returns where the next one
// starts. Jackson writes a character beyond U+FFFF as a pair of surrogates.
func appendEscape(dst []byte, s string, i int) (_ []byte, next int) {
	switch c := s[i]; c {
	case '"', '\\':
		return append(dst, '\\', c), i + 1
	case '\b':
		return append(dst, `\b`...), i + 1
	case '\t':
		return append(dst, `\t`...), i + 1
	case '\n':
		return append(dst, `\n`...), i + 1
	case '\f':
		return append(dst, `\f`...), i + 1
	case '\r':
		return append(dst, `\r`...), i + 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		dst = appendUnicode(dst, high)
		r = low
	}
	return appendUnicode(dst, r), i + size
}

func appendUnicode(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', upperHex[r>>12&15], upperHex[r>>8&15], upperHex[r>>4&15], upperHex[r&15])
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = data.AppendBase64(dst, b)
	return append(dst, '"')
}

// appendFloat64 and appendFloat32 write what is not a number as a string, as
// Jackson does.
func appendFloat64(dst []byte, f float64) []byte {
	if f-f != 0 {
		return append(data.AppendFloat64(append(dst, '"'), f), '"')
	}
	return data.AppendFloat64(dst, f)
}

func appendFloat32(dst []byte, f float32) []byte {
	if f-f != 0 {
		return append(data.AppendFloat32(append(dst, '"'), f), '"')
	}
	return data.AppendFloat32(dst, f)
}
