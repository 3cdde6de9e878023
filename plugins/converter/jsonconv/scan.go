package jsonconv

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/millrace/millrace/plugins/data"
)

// scanner walks over JSON text, which must be valid UTF-8. It accepts what
// Jackson does as Kafka's JsonDeserializer configures it: RFC 8259, and leading
// zeros in numbers.
type scanner struct {
	b     []byte
	i     int
	depth int
	arena *data.Arena // for strings with escapes
}

// maxDepth is Jackson's limit on nesting.
const maxDepth = 1000

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("%s at byte %d", fmt.Sprintf(format, args...), s.i)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// nodeType names what comes next as Jackson's JsonNodeType does.
func (s *scanner) nodeType() string {
	switch c := s.peek(); c {
	case '{':
		return "OBJECT"
	case '[':
		return "ARRAY"
	case '"':
		return "STRING"
	case 't', 'f':
		return "BOOLEAN"
	case 'n':
		return "NULL"
	case 0:
		return "MISSING"
	}
	return "NUMBER"
}

func (s *scanner) literal(word string) error {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.fail("unrecognized token, expected %q", word)
	}
	s.i += len(word)
	if s.i < len(s.b) && isWord(s.b[s.i]) {
		return s.fail("unrecognized token, expected %q", word)
	}
	return nil
}

// next moves over sep or end, as stands between the members of an object or
// array; first is true before the first one.
func (s *scanner) next(end byte, first bool) (more bool, err error) {
	c := s.peek()
	switch {
	case c == end:
		s.i++
		s.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.i++
		if s.peek() == end {
			return false, s.fail("unexpected %q after a comma", end)
		}
		return true, nil
	}
	return false, s.fail("expected ',' or %q", end)
}

// open moves into an object or array.
func (s *scanner) open() error {
	s.i++
	if s.depth++; s.depth > maxDepth {
		return s.fail("nesting deeper than %d", maxDepth)
	}
	return nil
}

// object calls member for each member, which must consume its value.
func (s *scanner) object(member func(name []byte) error) error {
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.next('}', first)
		if err != nil || !more {
			return err
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

func (s *scanner) name() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.fail("expected a name in double quotes")
	}
	name, err := s.str()
	if err != nil {
		return nil, err
	}
	if s.peek() != ':' {
		return nil, s.fail("expected ':'")
	}
	s.i++
	return name, nil
}

// array calls elem for each element, which must consume it.
func (s *scanner) array(elem func() error) error {
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.next(']', first)
		if err != nil || !more {
			return err
		}
		if err := elem(); err != nil {
			return err
		}
	}
}

// skip moves over one value and returns its text.
func (s *scanner) skip() ([]byte, error) {
	s.peek()
	start := s.i
	var err error
	switch s.nodeType() {
	case "OBJECT":
		err = s.object(func([]byte) error { _, err := s.skip(); return err })
	case "ARRAY":
		err = s.array(func() error { _, err := s.skip(); return err })
	case "STRING":
		err = s.skipString()
	case "BOOLEAN":
		_, err = s.boolean()
	case "NULL":
		err = s.literal("null")
	case "MISSING":
		err = s.fail("unexpected end of input")
	default:
		_, _, err = s.number()
	}
	return s.b[start:s.i], err
}

// skipKnown is skip with a guess of the text, which is that of an object: where
// an object begins, its end follows from its text.
func (s *scanner) skipKnown(guess string) ([]byte, error) {
	s.peek()
	if text := s.b[s.i:]; guess != "" && len(text) >= len(guess) && string(text[:len(guess)]) == guess {
		s.i += len(guess)
		return text[:len(guess)], nil
	}
	return s.skip()
}

func (s *scanner) boolean() (bool, error) {
	if s.b[s.i] == 't' {
		return true, s.literal("true")
	}
	return false, s.literal("false")
}

// number moves over a number and returns its text; integer tells that it has
// neither a fraction nor an exponent.
func (s *scanner) number() (text string, integer bool, err error) {
	start := s.i
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	if !s.digits() {
		return "", false, s.fail("unrecognized token")
	}
	integer = true
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		integer = false
		if !s.digits() {
			return "", false, s.fail("expected a digit after the decimal point")
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		integer = false
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return "", false, s.fail("expected a digit in the exponent")
		}
	}
	if s.i < len(s.b) && isWord(s.b[s.i]) {
		return "", false, s.fail("unexpected character %q in a number", s.b[s.i])
	}
	return asString(s.b[start:s.i]), integer, nil
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '.' || c == '"' || c >= 0x80
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// skipString moves over a string and checks its syntax.
func (s *scanner) skipString() error {
	_, err := s.rawString()
	return err
}

// rawString moves over a string and returns what is between its quotes;
// escapes are checked when they are decoded.
func (s *scanner) rawString() ([]byte, error) {
	s.i++
	start := s.i
	for {
		s.i += plainPrefix(asString(s.b[s.i:]))
		switch {
		case s.i >= len(s.b):
			return nil, s.fail("unexpected end of input in a string")
		case s.b[s.i] == '"':
			s.i++
			return s.b[start : s.i-1], nil
		case s.b[s.i] >= 0x80:
			s.i++
			continue
		case s.b[s.i] != '\\':
			return nil, s.fail("control character %d in a string", s.b[s.i])
		case s.i+1 >= len(s.b):
			return nil, s.fail("unexpected end of input in a string")
		}
		s.i += 2
	}
}

// str reads a string. Without escapes the result shares the scanner's text.
func (s *scanner) str() ([]byte, error) {
	raw, err := s.rawString()
	if err != nil {
		return nil, err
	}
	if i := bytes.IndexByte(raw, '\\'); i >= 0 {
		return s.unescape(raw, i)
	}
	return raw, nil
}

func (s *scanner) unescape(raw []byte, from int) ([]byte, error) {
	out := append(s.arena.Bytes(len(raw))[:0], raw[:from]...)
	for i := from; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		var n int
		if out, n = appendUnescaped(out, raw[i:]); n == 0 {
			return nil, s.fail("unrecognized escape in the string that ends")
		}
		i += n
	}
	return out, nil
}

// appendUnescaped decodes the escape that b starts with; n is its length, 0
// when it is none.
func appendUnescaped(out, b []byte) (_ []byte, n int) {
	switch b[1] {
	case '"', '\\', '/':
		return append(out, b[1]), 2
	case 'b':
		return append(out, '\b'), 2
	case 't':
		return append(out, '\t'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'r':
		return append(out, '\r'), 2
	}
	r, ok := unicodeEscape(b)
	if !ok {
		return out, 0
	}
	if utf16.IsSurrogate(r) {
		if low, ok := unicodeEscape(b[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return utf8.AppendRune(out, pair), 12
			}
		}
	}
	return utf8.AppendRune(out, r), 6
}

func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(asString(b[2:6]), 16, 16)
	return rune(u), err == nil
}

// asString shares b, which must not change while the string is in use.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
