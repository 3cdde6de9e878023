package text

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
)

// encoding is one of the charsets that every Java has.
type encoding uint8

const (
	utf8Encoding encoding = iota
	latin1
	ascii
	utf16BE
	utf16LE
	utf16BOM // big-endian with a byte order mark
)

const knownCharsets = "UTF-8, ISO-8859-1, US-ASCII, UTF-16, UTF-16BE and UTF-16LE"

// encodingOf finds a charset by Java's name for it or a common alias.
func encodingOf(charset string) (encoding, bool) {
	switch strings.ToUpper(charset) {
	case "UTF-8", "UTF8":
		return utf8Encoding, true
	case "ISO-8859-1", "ISO8859_1", "ISO8859-1", "LATIN1":
		return latin1, true
	case "US-ASCII", "ASCII":
		return ascii, true
	case "UTF-16BE":
		return utf16BE, true
	case "UTF-16LE":
		return utf16LE, true
	case "UTF-16", "UTF16":
		return utf16BOM, true
	}
	return 0, false
}

// encode appends UTF-8 text in the encoding; what it does not have becomes "?".
func (e encoding) encode(dst, text []byte) []byte {
	switch e {
	case utf8Encoding:
		return append(dst, text...)
	case latin1, ascii:
		limit := rune(0x100)
		if e == ascii {
			limit = 0x80
		}
		for _, r := range string(text) {
			if r >= limit {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		return dst
	case utf16BOM:
		dst = append(dst, 0xfe, 0xff)
	}
	for _, unit := range utf16.Encode([]rune(string(text))) {
		dst = e.order().AppendUint16(dst, unit)
	}
	return dst
}

func (e encoding) order() interface {
	binary.ByteOrder
	binary.AppendByteOrder
} {
	if e == utf16LE {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// decode gives b as UTF-8. Bytes that stand for nothing become U+FFFD.
func (e encoding) decode(a *data.Arena, b []byte) []byte {
	switch e {
	case utf8Encoding:
		if utf8.Valid(b) {
			return b
		}
		return a.Copy([]byte(string([]rune(string(b)))))
	case latin1, ascii:
		out := make([]byte, 0, len(b)+len(b)/8)
		for _, c := range b {
			r := rune(c)
			if e == ascii && c >= 0x80 {
				r = utf8.RuneError
			}
			out = utf8.AppendRune(out, r)
		}
		return a.Copy(out)
	}
	return a.Copy(e.decode16(b))
}

func (e encoding) decode16(b []byte) []byte {
	order := e.order()
	if e == utf16BOM && len(b) >= 2 {
		switch {
		case b[0] == 0xfe && b[1] == 0xff:
			b = b[2:]
		case b[0] == 0xff && b[1] == 0xfe:
			b, order = b[2:], binary.LittleEndian
		}
	}
	units := make([]uint16, 0, len(b)/2+1)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	if len(b) == 1 {
		units = append(units, utf8.RuneError)
	}
	return []byte(string(utf16.Decode(units)))
}
