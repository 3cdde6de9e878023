package data

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseLiteral reads a text that AppendLiteral could have written and finds
// its type (Values.parseString): null, true and false, the smallest integer or
// float that holds a number, dates and times in ISO 8601, [arrays] and {maps}
// of these; everything else is a string as a whole. Null gives a nil schema,
// and so does an array or map in which the elements have no common type, where
// Java keeps a schema without element type.
//
// Where Java drops what follows a number ("1,2" becomes 1), the text stays a
// string, and null elements make an array's elements optional.
//
// The value lives on the heap. It is meant for headers and settings, not for
// the fields of records.
func ParseLiteral(text string) (*Schema, Value) {
	p := &literalParser{tokens: tokens{text: text}}
	if text == "" {
		return schemaString, String(text)
	}
	return p.parse()
}

// The plain schemas. They are never changed.
var (
	schemaBoolean = New(TypeBoolean).Build()
	schemaInt8    = New(TypeInt8).Build()
	schemaInt16   = New(TypeInt16).Build()
	schemaInt32   = New(TypeInt32).Build()
	schemaInt64   = New(TypeInt64).Build()
	schemaFloat32 = New(TypeFloat32).Build()
	schemaFloat64 = New(TypeFloat64).Build()
	schemaString  = New(TypeString).Build()
	schemaDate    = NewDate().Build()
	schemaTime    = NewTime().Build()
	schemaStamp   = NewTimestamp().Build()
)

// literalParser holds the text and how deep it is in arrays and maps.
type literalParser struct {
	tokens
	depth int
}

const maxLiteralDepth = 200

var errLiteral = errors.New("not a literal")

// parse reads the whole text; what cannot be read otherwise is a string.
func (p *literalParser) parse() (*Schema, Value) {
	if s, v, ok := p.word(); ok && p.atEnd() {
		return s, v
	}
	p.at = 0
	if s, v, err := p.container(); err == nil && p.atEnd() {
		return s, v
	}
	p.at = 0
	token := strings.TrimFunc(p.next(), isJavaBlank)
	if token == "" {
		return schemaString, String(p.text)
	}
	if s, v, err := p.numberOrTime(token); err == nil && p.atEnd() {
		return s, v
	}
	return schemaString, String(p.text)
}

func isJavaBlank(r rune) bool { return r <= ' ' }

// word reads null, true or false.
func (p *literalParser) word() (*Schema, Value, bool) {
	start := p.at
	switch p.nextWord() {
	case "null":
		return nil, Null(), true
	case "true":
		return schemaBoolean, Boolean(true), true
	case "false":
		return schemaBoolean, Boolean(false), true
	}
	p.at = start
	return nil, Value{}, false
}

func (p *literalParser) container() (*Schema, Value, error) {
	if p.depth++; p.depth > maxLiteralDepth {
		return nil, Value{}, errLiteral
	}
	defer func() { p.depth-- }()
	switch {
	case p.consume("["):
		return p.array()
	case p.consume("{"):
		return p.dict()
	}
	return nil, Value{}, errLiteral
}

// embedded reads an element of an array or map.
func (p *literalParser) embedded() (*Schema, Value, error) {
	if !p.more() {
		return nil, Null(), nil
	}
	if p.consume(`"`) {
		s, v := p.quoted()
		return s, v, nil
	}
	if s, v, ok := p.word(); ok {
		return s, v, nil
	}
	start := p.at
	if s, v, err := p.container(); err == nil {
		return s, v, nil
	}
	p.at = start
	token := p.next()
	trimmed := strings.TrimFunc(token, isJavaBlank)
	if trimmed == "" {
		return schemaString, String(token), nil
	}
	return p.numberOrTime(trimmed)
}

func (p *literalParser) quoted() (*Schema, Value) {
	var content strings.Builder
	for p.more() {
		token := p.next()
		if strings.TrimFunc(token, isJavaBlank) == `"` {
			break
		}
		content.WriteString(token)
	}
	if s, v, ok := parseTime(content.String()); ok {
		return s, v
	}
	return schemaString, String(content.String())
}

func (p *literalParser) array() (*Schema, Value, error) {
	var elems []Value
	var common merger
	for p.more() {
		if p.consume("]") {
			if common.schema == nil {
				return nil, Array(elems), common.err()
			}
			s := NewArray(common.elem()).Build()
			for i := range elems {
				elems[i] = widen(common.schema, elems[i])
			}
			return s, Array(elems), nil
		}
		if p.consume(",") {
			return nil, Value{}, fmt.Errorf("Unable to parse an empty array element: %s", p.text)
		}
		s, v, err := p.embedded()
		if err != nil {
			return nil, Value{}, err
		}
		common.merge(s, v)
		elems = append(elems, v)
		if !p.peek("]") && !p.consume(",") {
			return nil, Value{}, errors.New("Array elements missing ',' delimiter")
		}
	}
	return nil, Value{}, fmt.Errorf("Array is missing terminating ']': %s", p.text)
}

func (p *literalParser) dict() (*Schema, Value, error) {
	m := &Map{}
	var keys, values merger
	for p.more() {
		if p.consume("}") {
			return endMap(m, keys, values)
		}
		if p.consume(",") {
			return nil, Value{}, fmt.Errorf("Unable to parse a map entry with no key or value: %s", p.text)
		}
		ks, k, err := p.embedded()
		switch {
		case err != nil:
			return nil, Value{}, err
		case k.IsNull():
			return nil, Value{}, fmt.Errorf("Map entry may not have a null key: %s", p.text)
		case !p.consume(":"):
			return nil, Value{}, fmt.Errorf("Map entry is missing ':' at %d in %s", p.at, p.text)
		}
		vs, v, err := p.embedded()
		if err != nil {
			return nil, Value{}, err
		}
		m.Put(k, v)
		p.consume(",")
		keys.merge(ks, k)
		values.merge(vs, v)
	}
	return nil, Value{}, fmt.Errorf("Map is missing terminating '}': %s", p.text)
}

func endMap(m *Map, keys, values merger) (*Schema, Value, error) {
	if keys.schema == nil || values.schema == nil {
		return nil, MapOf(m), errors.Join(keys.err(), values.err())
	}
	for i := range m.Entries {
		m.Entries[i].Key = widen(keys.schema, m.Entries[i].Key)
		m.Entries[i].Value = widen(values.schema, m.Entries[i].Value)
	}
	return NewMap(keys.elem(), values.elem()).Build(), MapOf(m), nil
}

// merger finds the schema that all elements of an array fit.
type merger struct {
	schema   *Schema
	nulls    bool
	hopeless bool
	logical  bool
}

// err refuses elements whose meaning would be lost without a schema.
func (m *merger) err() error {
	if m.logical {
		return errLiteral
	}
	return nil
}

func (m *merger) merge(s *Schema, v Value) {
	m.logical = m.logical || s != nil && s.Logical() != LogicalNone
	switch {
	case v.IsNull():
		m.nulls = true
	case s == nil || m.hopeless:
		m.schema, m.hopeless = nil, true
	case m.schema == nil:
		m.schema = s
	default:
		m.schema = commonSchema(m.schema, s)
		m.hopeless = m.schema == nil
	}
}

// elem is the schema of the elements, optional when some of them are null.
func (m *merger) elem() *Schema {
	if !m.nulls || m.schema.optional {
		return m.schema
	}
	b := &Builder{s: *m.schema}
	return b.Optional().Build()
}

// commonSchema is the wider of two number schemas, the schema of two equal
// types, or nil.
func commonSchema(a, b *Schema) *Schema {
	numbers := func(s *Schema) bool { return s.typ <= TypeFloat64 && s.name == "" }
	switch {
	case a.typ == b.typ && a.name == b.name && a.sameParams(b):
		return b
	case !numbers(a) || !numbers(b):
		return nil
	case a.typ > b.typ:
		return a
	}
	return b
}

// widen turns a number into the kind that its common schema asks for.
func widen(s *Schema, v Value) Value {
	switch k := s.typ.Kind(); {
	case v.IsNull() || v.kind == k:
		return v
	case k == KindFloat64 && v.kind == KindFloat32:
		return Float64(v.Float())
	case k == KindFloat64:
		return Float64(float64(v.Int()))
	case k == KindFloat32:
		return Float32(float32(v.Int()))
	default:
		v.kind = k
		return v
	}
}

// numberOrTime reads a token that starts with a digit or sign, with the tokens
// after it where a time of day was cut at its colons.
func (p *literalParser) numberOrTime(token string) (*Schema, Value, error) {
	c := token[0]
	digit := '0' <= c && c <= '9'
	if digit {
		if rest, end, ok := p.ahead(4); ok {
			if s, v, ok := parseTime(token + rest); ok {
				p.at = end
				return s, v, nil
			}
		}
		if s, v, ok := parseTime(token); ok {
			return s, v, nil
		}
	}
	if digit || c == '+' || c == '-' {
		if s, v, err := parseNumber(token); err == nil {
			return s, v, nil
		}
	}
	return nil, Value{}, errors.New("Failed to parse embedded value")
}

// parseNumber finds the smallest type for a number (ValueParser.parseAsNumber).
func parseNumber(token string) (*Schema, Value, error) {
	unscaled, scale, err := ParseDecimal(nil, token)
	if err != nil {
		return nil, Value{}, err
	}
	if whole, ok := Rescale(unscaled, scale, 0); ok && len(whole) <= 8 {
		s, v := smallestInt(smallUnscaled(whole))
		return s, v, nil
	}
	f, _ := strconv.ParseFloat(token, 64)
	if f32 := float32(f); scale != 0 && !math.IsInf(float64(f32), 0) {
		f, _ := strconv.ParseFloat(token, 32)
		return schemaFloat32, Float32(float32(f)), nil
	}
	if scale != 0 && !math.IsInf(f, 0) {
		return schemaFloat64, Float64(f), nil
	}
	return DecimalOf(scale).Build(), Bytes(unscaled), nil
}

func smallestInt(i int64) (*Schema, Value) {
	switch {
	case i == int64(int8(i)):
		return schemaInt8, Int8(int8(i))
	case i == int64(int16(i)):
		return schemaInt16, Int16(int16(i))
	case i == int64(int32(i)):
		return schemaInt32, Int32(int32(i))
	}
	return schemaInt64, Int64(i)
}

// parseTime reads a time, timestamp or date, told apart by their lengths. As
// with Java's lenient parser, numbers out of range carry over: the 32nd of
// January is the 1st of February.
func parseTime(text string) (*Schema, Value, bool) {
	text = strings.ReplaceAll(text, `\:`, ":")
	var n [7]int
	switch len(text) {
	case len("00:00:00.000Z"):
		if !scanNumbers(text, "0:0:0.0Z", n[3:]) {
			return nil, Value{}, false
		}
		ms := time.Date(1970, 1, 1, n[3], n[4], n[5], n[6]*1e6, time.UTC).UnixMilli()
		return schemaTime, Int32(int32(ms)), true
	case len("0000-00-00T00:00:00.000Z"):
		if !scanNumbers(text, "0-0-0T0:0:0.0Z", n[:]) {
			return nil, Value{}, false
		}
		ms := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1e6, time.UTC).UnixMilli()
		return schemaStamp, Int64(ms), true
	case len("0000-00-00"):
		if !scanNumbers(text, "0-0-0", n[:3]) {
			return nil, Value{}, false
		}
		days := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
		return schemaDate, Int32(int32(days)), true
	}
	return nil, Value{}, false
}

// scanNumbers matches text against a pattern in which 0 stands for digits.
func scanNumbers(text, pattern string, out []int) bool {
	for i, k := 0, 0; k < len(pattern); k++ {
		if pattern[k] != '0' {
			if i >= len(text) || text[i] != pattern[k] {
				return false
			}
			i++
			continue
		}
		start := i
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		if i == start {
			return false
		}
		out[0], _ = strconv.Atoi(text[start:i])
		out = out[1:]
	}
	return true
}

// tokens cuts a text at the delimiters : , { } [ ] and ", which are tokens
// themselves; a backslash takes the meaning from what follows it.
type tokens struct {
	text string
	at   int
}

func (t *tokens) more() bool { return t.at < len(t.text) }

func (t *tokens) atEnd() bool { return strings.TrimFunc(t.text[t.at:], isJavaBlank) == "" }

func (t *tokens) next() string {
	start, escaped := t.at, false
	for ; t.at < len(t.text); t.at++ {
		c := t.text[t.at]
		if !escaped && strings.IndexByte(`:,{}[]"`, c) >= 0 {
			if t.at == start {
				t.at++
			}
			return t.text[start:t.at]
		}
		escaped = !escaped && c == '\\'
	}
	return t.text[start:]
}

// nextWord is the next token that is not blank, without white space around it.
func (t *tokens) nextWord() string {
	for t.more() {
		if word := strings.TrimFunc(t.next(), isJavaBlank); word != "" {
			return word
		}
	}
	return ""
}

func (t *tokens) peek(want string) bool {
	start := t.at
	found := t.nextWord() == want
	t.at = start
	return found
}

func (t *tokens) consume(want string) bool {
	start := t.at
	if t.nextWord() == want {
		return true
	}
	t.at = start
	return false
}

// ahead joins the next n tokens without moving; end is where they end.
func (t *tokens) ahead(n int) (joined string, end int, ok bool) {
	start := t.at
	defer func() { t.at = start }()
	for range n {
		if !t.more() {
			return "", 0, false
		}
		t.next()
	}
	return t.text[start:t.at], t.at, true
}
