package value

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"
)

// textFunc decodes text into UTF-8 that lives in the arena.
type textFunc func(a *data.Arena, b []byte) data.Value

// textDecoder chooses the decoder of a MySQL charset: the one of the Java
// charset that Connector/J (CharsetMapping) uses for it. Unknown charsets
// are read as UTF-8, as Debezium does.
func textDecoder(charset string) textFunc {
	charset = strings.ToLower(charset)
	if table := upperHalf(charset); table != "" {
		return singleByte([]rune(table))
	}
	switch charset {
	case "ascii":
		return singleByte([]rune(strings.Repeat("\uFFFD", 128)))
	case "binary":
		return latin1Text
	case "utf16", "ucs2":
		return utf16Text(false, true)
	case "utf16le":
		return utf16Text(true, false)
	case "utf32":
		return utf32Text
	}
	if enc, from, to := multiByte(charset); enc != nil {
		return multiByteText(enc, []rune(from), []rune(to))
	}
	return utf8Text
}

// multiByte gives the encoding of a multi-byte charset, and the characters that
// Java's tables map otherwise: those in from become those in to.
func multiByte(charset string) (enc encoding.Encoding, from, to string) {
	switch charset {
	case "big5":
		return traditionalchinese.Big5, "¯‧∕⊕⊙╴﹑﹨／＼～￠￡￥", "‾•／♁☉＿､＼╱╲∼¢£¥"
	case "cp932":
		return japanese.ShiftJIS, "", ""
	case "sjis":
		return japanese.ShiftJIS, "―∥－～￠￡￢", "—‖−〜¢£¬"
	case "eucjpms":
		return japanese.EUCJP, "―∥－～￠￡￢", "—‖−〜¢£¬"
	case "ujis":
		return japanese.EUCJP, "―∥－～￠￡￢", "—‖−〜¢£¬"
	case "euckr":
		return korean.EUCKR, "", ""
	case "gb2312":
		return simplifiedchinese.GBK, "·—", "・―"
	case "gbk":
		return simplifiedchinese.GBK, "", ""
	case "gb18030":
		return simplifiedchinese.GB18030, "", ""
	}
	return nil, "", ""
}

func utf8Text(a *data.Arena, b []byte) data.Value {
	if utf8.Valid(b) {
		return data.StringBytes(a.Copy(b))
	}
	return repairUTF8(a, b)
}

// repairUTF8 replaces malformed sequences as Java's decoder does: one U+FFFD
// for the longest prefix of a well-formed sequence, and one for a surrogate.
func repairUTF8(a *data.Arena, b []byte) data.Value {
	out := a.Bytes(3 * len(b))[:0]
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = malformedLength(b)
		}
		out, b = utf8.AppendRune(out, r), b[n:]
	}
	return data.StringBytes(out)
}

func malformedLength(b []byte) int {
	lead, low, high, n := b[0], byte(0x80), byte(0xBF), 0
	switch {
	case lead >= 0xE0 && lead <= 0xEF:
		n = 2
		if lead == 0xE0 {
			low = 0xA0
		}
	case lead >= 0xF0 && lead <= 0xF4:
		n = 3
		if lead == 0xF0 {
			low = 0x90
		} else if lead == 0xF4 {
			high = 0x8F
		}
	}
	i := 1
	for ; i <= n && i < len(b) && b[i] >= low && b[i] <= high; i++ {
		low, high = 0x80, 0xBF
	}
	return i
}

// asciiPrefix is the number of bytes before the first one above 0x7F.
func asciiPrefix(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

func singleByte(table []rune) textFunc {
	return func(a *data.Arena, b []byte) data.Value {
		n := asciiPrefix(b)
		if n == len(b) {
			return data.StringBytes(a.Copy(b))
		}
		out := append(a.Bytes(n + 3*(len(b)-n))[:0], b[:n]...)
		for _, c := range b[n:] {
			if c < utf8.RuneSelf {
				out = append(out, c)
			} else {
				out = utf8.AppendRune(out, table[c-utf8.RuneSelf])
			}
		}
		return data.StringBytes(out)
	}
}

func latin1Text(a *data.Arena, b []byte) data.Value {
	out := a.Bytes(2 * len(b))[:0]
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return data.StringBytes(out)
}

// utf16Text decodes UTF-16; Java's charset of that name is big-endian unless a
// byte order mark says otherwise.
func utf16Text(little, mark bool) textFunc {
	return func(a *data.Arena, b []byte) data.Value {
		le := little
		if mark && len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE) {
			le, b = b[0] == 0xFF, b[2:]
		}
		out := a.Bytes(2*len(b) + 3)[:0]
		for len(b) >= 2 {
			r := unit(b, le)
			b = b[2:]
			if utf16.IsSurrogate(r) && len(b) >= 2 {
				if pair := utf16.DecodeRune(r, unit(b, le)); pair != utf8.RuneError {
					r, b = pair, b[2:]
				}
			}
			out = utf8.AppendRune(out, r)
		}
		if len(b) > 0 {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		return data.StringBytes(out)
	}
}

func unit(b []byte, little bool) rune {
	if little {
		return rune(b[1])<<8 | rune(b[0])
	}
	return rune(b[0])<<8 | rune(b[1])
}

func utf32Text(a *data.Arena, b []byte) data.Value {
	out := a.Bytes(len(b) + 3)[:0]
	for ; len(b) >= 4; b = b[4:] {
		out = utf8.AppendRune(out, rune(bigEndian(b[:4])))
	}
	if len(b) > 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return data.StringBytes(out)
}

func multiByteText(enc encoding.Encoding, from, to []rune) textFunc {
	t := enc.NewDecoder().Transformer // stateless for these encodings
	return func(a *data.Arena, b []byte) data.Value {
		if asciiPrefix(b) == len(b) {
			return data.StringBytes(a.Copy(b))
		}
		out := a.Bytes(3*len(b) + utf8.UTFMax)
		n, _, err := t.Transform(out, b, true)
		if err != nil && !errors.Is(err, transform.ErrShortDst) {
			n = copy(out, "\uFFFD")
		}
		if out = out[:n]; len(from) > 0 {
			out = replaceRunes(a, out, from, to)
		}
		return data.StringBytes(out)
	}
}

func replaceRunes(a *data.Arena, text []byte, from, to []rune) []byte {
	out := a.Bytes(len(text) * 2)[:0]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		for i, f := range from {
			if r == f {
				r = to[i]
				break
			}
		}
		out, text = utf8.AppendRune(out, r), text[n:]
	}
	return out
}
