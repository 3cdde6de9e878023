package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// jsonReader reads JSON in one pass without building values that nobody asked
// for: a history of many tables is read whenever a connector starts. Its first
// error sticks and ends all loops.
type jsonReader struct {
	data  []byte
	pos   int
	texts map[string]string
	depth int
	err   error
}

// deepest limits the nesting of what is skipped.
const deepest = 100

func (p *jsonReader) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("at byte %d: %s", p.pos, fmt.Sprintf(format, args...))
	}
	p.pos = len(p.data)
}

// peek gives the next byte that is no blank, 0 at the end.
func (p *jsonReader) peek() byte {
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; c {
		case ' ', '\n', '\t', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

func (p *jsonReader) accept(c byte) bool {
	if p.peek() != c || p.pos >= len(p.data) {
		return false
	}
	p.pos++
	return true
}

func (p *jsonReader) expect(c byte) {
	if !p.accept(c) {
		p.fail("expected %q", c)
	}
}

// end fails when something follows the value.
func (p *jsonReader) end() {
	if p.peek(); p.err == nil && p.pos < len(p.data) {
		p.fail("expected the end of the record")
	}
}

func (p *jsonReader) null() bool {
	if p.peek() == 'n' && bytes.HasPrefix(p.data[p.pos:], []byte("null")) {
		p.pos += 4
		return true
	}
	return false
}

// object calls field for each key; field must read the value. null is taken for
// an object without fields, and field is not called.
func (p *jsonReader) object(field func(key string)) {
	if p.null() {
		return
	}
	p.expect('{')
	if p.accept('}') {
		return
	}
	for p.err == nil {
		key := p.shared(p.rawString())
		p.expect(':')
		if p.err != nil {
			return
		}
		field(key)
		if !p.accept(',') {
			break
		}
	}
	p.expect('}')
}

// array calls element for each element; null is taken for an empty array.
func (p *jsonReader) array(element func()) {
	if p.null() {
		return
	}
	p.expect('[')
	if p.accept(']') {
		return
	}
	for p.err == nil {
		element()
		if !p.accept(',') {
			break
		}
	}
	p.expect(']')
}

// rawString takes a string and returns it with its quotes.
func (p *jsonReader) rawString() []byte {
	if p.peek() != '"' {
		p.fail("expected a string")
		return nil
	}
	for i := p.pos + 1; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '\\':
			i++
		case c == '"':
			raw := p.data[p.pos : i+1]
			p.pos = i + 1
			return raw
		case c < ' ':
			p.fail("a control character in a string")
			return nil
		}
	}
	p.fail("a string is not closed")
	return nil
}

// unquote resolves escapes.
func (p *jsonReader) unquote(raw []byte) []byte {
	if len(raw) < 2 {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		p.fail("%v", err)
	}
	return []byte(s)
}

// shared keeps one copy of each text.
func (p *jsonReader) shared(raw []byte) string {
	text := p.unquote(raw)
	if s, ok := p.texts[string(text)]; ok {
		return s
	}
	s := string(text)
	p.texts[s] = s
	return s
}

// sharedText reads a text that recurs; null gives "".
func (p *jsonReader) sharedText() string {
	if p.null() {
		return ""
	}
	return p.shared(p.rawString())
}

// text reads a text; null gives nil.
func (p *jsonReader) text() *string {
	if p.null() {
		return nil
	}
	s := string(p.unquote(p.rawString()))
	return &s
}

func (p *jsonReader) bool() bool {
	switch {
	case p.null():
		return false
	case bytes.HasPrefix(p.data[p.pos:], []byte("true")):
		p.pos += 4
		return true
	case bytes.HasPrefix(p.data[p.pos:], []byte("false")):
		p.pos += 5
		return false
	}
	p.fail("expected true or false")
	return false
}

// number takes the characters of a number.
func (p *jsonReader) number() string {
	p.peek()
	start := p.pos
	for p.pos < len(p.data) && bytes.IndexByte([]byte("+-0123456789.eE"), p.data[p.pos]) >= 0 {
		p.pos++
	}
	return string(p.data[start:p.pos])
}

// int reads an integer; null gives false.
func (p *jsonReader) int() (int64, bool) {
	if p.null() {
		return 0, false
	}
	text := p.number()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		p.fail("%q is no integer", text)
	}
	return n, err == nil
}

func (p *jsonReader) intInto(target *int) {
	if n, ok := p.int(); ok {
		*target = int(n)
	}
}

// anyObject reads an object of texts, numbers and truth values; nil for null.
func (p *jsonReader) anyObject() map[string]any {
	if p.null() {
		return nil
	}
	m := map[string]any{}
	p.object(func(key string) { m[key] = p.scalar() })
	return m
}

func (p *jsonReader) scalar() any {
	switch c := p.peek(); {
	case c == '"':
		return *p.text()
	case c == 't' || c == 'f':
		return p.bool()
	case c == '-' || c >= '0' && c <= '9':
		return p.numberValue()
	}
	p.skip()
	return nil
}

func (p *jsonReader) numberValue() any {
	text := p.number()
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.fail("%q is no number", text)
	}
	return f
}

// skip takes any value.
func (p *jsonReader) skip() {
	if p.depth++; p.depth > deepest {
		p.fail("nested too deeply")
	}
	defer func() { p.depth-- }()
	switch p.peek() {
	case '{':
		p.object(func(string) { p.skip() })
	case '[':
		p.array(p.skip)
	case '"':
		p.rawString()
	case 't', 'f':
		p.bool()
	case 'n':
		if !p.null() {
			p.fail("expected null")
		}
	default:
		if text := p.number(); text == "" {
			p.fail("expected a value")
		}
	}
}
