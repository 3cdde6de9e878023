package jsonconv

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const notEnvelope = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.` +
	` If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`

// Parse implements connect.Converter (JsonConverter.toConnectData). As in Java,
// what follows the first JSON value is ignored. Where Java takes a wrong type
// for 0, false or null, or cuts a number that is too big, Parse gives an error.
func (c *Converter) Parse(a *data.Arena, _ string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return nil, data.Null(), nil
	}
	schema, v, err := c.parse(a, b)
	return schema, v, asDataError(err)
}

func (c *Converter) parse(a *data.Arena, b []byte) (*data.Schema, data.Value, error) {
	if !utf8.Valid(b) {
		return nil, data.Value{}, errors.New("the text is not valid UTF-8")
	}
	p := &parser{scanner: scanner{b: b, arena: a}, replaceNull: c.cfg.ReplaceNull}
	switch {
	case !c.cfg.Schemas && p.peek() == 0:
		return nil, data.Null(), nil
	case !c.cfg.Schemas:
		v, err := p.any()
		return nil, v, err
	case c.fixed != nil:
		v, err := p.value(c.fixed)
		return c.fixed, v, err
	}
	return c.parseEnvelope(p)
}

// asDataError marks err as Java's DataException, with Java's words before an
// error of syntax.
func asDataError(err error) error {
	var d *connect.DataError
	if err == nil || errors.As(err, &d) {
		return err
	}
	return dataError("Converting byte[] to Kafka Connect data failed due to serialization error: %w", err)
}

func (c *Converter) parseEnvelope(p *parser) (*data.Schema, data.Value, error) {
	if p.peek() != '{' {
		if p.peek() != 0 {
			if _, err := p.skip(); err != nil {
				return nil, data.Value{}, err
			}
		}
		return nil, data.Value{}, dataError(notEnvelope)
	}
	var schemaText, payload []byte
	extra := false
	err := p.object(func(name []byte) error {
		var err error
		switch string(name) {
		case "schema":
			schemaText, err = p.skipKnown(c.schemas.Newest())
		case "payload":
			payload, err = p.skip()
		default:
			extra = true
			_, err = p.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, data.Value{}, err
	case extra || schemaText == nil || payload == nil:
		return nil, data.Value{}, dataError(notEnvelope)
	}
	schema, err := c.schemaOf(schemaText)
	if err != nil {
		return nil, data.Value{}, err
	}
	inner := &parser{scanner: scanner{b: payload, arena: p.arena}, replaceNull: p.replaceNull}
	v, err := inner.value(schema)
	return schema, v, err
}

// parser turns JSON into Connect values (JsonConverter.convertToConnect).
type parser struct {
	scanner
	replaceNull bool
}

// value reads a value of the given schema; nil means any.
func (p *parser) value(s *data.Schema) (data.Value, error) {
	if s == nil {
		return p.any()
	}
	if p.peek() == 'n' {
		if err := p.literal("null"); err != nil {
			return data.Value{}, err
		}
		return p.null(s)
	}
	if s.Logical() != data.LogicalNone {
		return p.logical(s)
	}
	switch t := s.Type(); t {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32, data.TypeInt64:
		return p.integer(t)
	case data.TypeFloat32, data.TypeFloat64:
		return p.float(t)
	case data.TypeBoolean:
		return p.boolOf(t)
	case data.TypeString:
		return p.stringOf(t)
	case data.TypeBytes:
		b, err := p.base64(t, "Invalid bytes field")
		return data.Bytes(b), err
	case data.TypeArray:
		return p.arrayOf(s)
	case data.TypeMap:
		return p.mapOf(s)
	}
	return p.structOf(s)
}

// null is what null or a missing field becomes.
func (p *parser) null(s *data.Schema) (data.Value, error) {
	if def, ok := s.Default(); ok && !def.IsNull() && p.replaceNull {
		return def, nil
	}
	if s.Optional() {
		return data.Null(), nil
	}
	return data.Value{}, dataError("Invalid null value for required %s field", s.Type().EnumName())
}

func (p *parser) mismatch(t data.Type) error {
	return dataError("Invalid type for %s: found %s in the JSON data", t.EnumName(), p.nodeType())
}

// rest explains what is wrong with a value that is not of the wanted kind: an
// error of syntax, or the mismatch.
func (p *parser) rest(mismatch error) error {
	if _, err := p.skip(); err != nil {
		return err
	}
	return mismatch
}

func (p *parser) integer(t data.Type) (data.Value, error) {
	if p.nodeType() != "NUMBER" {
		return data.Value{}, p.rest(p.mismatch(t))
	}
	text, integer, err := p.number()
	if err != nil {
		return data.Value{}, err
	}
	i, ok := toInt(text, integer)
	if !ok || i < minInt(t) || i > maxInt(t) {
		return data.Value{}, dataError("Number %s is out of the range of %s", text, t.EnumName())
	}
	return data.Integer(t, i), nil
}

// toInt reads a number and drops its fraction, as Java's JsonNode.intValue does.
func toInt(text string, integer bool) (int64, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, true
	}
	if integer {
		return 0, false
	}
	f, ok := new(big.Float).SetPrec(256).SetString(text)
	if !ok || f.IsInf() {
		return 0, false
	}
	i, accuracy := f.Int64()
	return i, accuracy == big.Exact || i != math.MaxInt64 && i != math.MinInt64
}

func minInt(t data.Type) int64 { return -maxInt(t) - 1 }

func maxInt(t data.Type) int64 {
	switch t {
	case data.TypeInt8:
		return math.MaxInt8
	case data.TypeInt16:
		return math.MaxInt16
	case data.TypeInt32:
		return math.MaxInt32
	}
	return math.MaxInt64
}

func (p *parser) float(t data.Type) (data.Value, error) {
	var text string
	var err error
	switch p.nodeType() {
	case "NUMBER":
		text, _, err = p.number()
	case "STRING": // what is not a number is written as a string
		var b []byte
		if b, err = p.str(); err == nil {
			if text = string(b); text != "NaN" && text != "Infinity" && text != "-Infinity" {
				return data.Value{}, dataError("Invalid type for %s: found STRING in the JSON data", t.EnumName())
			}
		}
	default:
		return data.Value{}, p.rest(p.mismatch(t))
	}
	if err != nil {
		return data.Value{}, err
	}
	if t == data.TypeFloat32 {
		f, _ := strconv.ParseFloat(text, 32) // too big a number is infinite, as in Java
		return data.Float32(float32(f)), nil
	}
	f, _ := strconv.ParseFloat(text, 64)
	return data.Float64(f), nil
}

func (p *parser) boolOf(t data.Type) (data.Value, error) {
	if p.nodeType() != "BOOLEAN" {
		return data.Value{}, p.rest(p.mismatch(t))
	}
	b, err := p.boolean()
	return data.Boolean(b), err
}

func (p *parser) stringOf(t data.Type) (data.Value, error) {
	if p.nodeType() != "STRING" {
		return data.Value{}, p.rest(p.mismatch(t))
	}
	b, err := p.str()
	return data.StringBytes(b), err
}

func (p *parser) base64(t data.Type, complaint string) ([]byte, error) {
	if p.nodeType() != "STRING" {
		return nil, p.rest(p.mismatch(t))
	}
	text, err := p.str()
	if err != nil {
		return nil, err
	}
	out := p.arena.Bytes(base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		return nil, dataError("%s: %w", complaint, err)
	}
	return out[:n], nil
}

func (p *parser) arrayOf(s *data.Schema) (data.Value, error) {
	if p.nodeType() != "ARRAY" {
		return data.Value{}, p.rest(p.mismatch(s.Type()))
	}
	return p.elems(s.ValueSchema())
}

func (p *parser) elems(elem *data.Schema) (data.Value, error) {
	var out []data.Value
	err := p.array(func() error {
		v, err := p.value(elem)
		out = append(out, v)
		return err
	})
	return data.Array(out), err
}

func (p *parser) mapOf(s *data.Schema) (data.Value, error) {
	if s.KeySchema().Type() == data.TypeString {
		if t := p.nodeType(); t != "OBJECT" {
			return data.Value{}, p.rest(dataError("Maps with string fields should be encoded as JSON objects, but found %s", t))
		}
		return p.members(s.ValueSchema())
	}
	if t := p.nodeType(); t != "ARRAY" {
		return data.Value{}, p.rest(dataError("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", t))
	}
	m := &data.Map{}
	err := p.array(func() error {
		key, v, err := p.pair(s)
		if err == nil {
			m.Put(key, v)
		}
		return err
	})
	return data.MapOf(m), err
}

// pair reads one [key, value] of a map.
func (p *parser) pair(s *data.Schema) (key, v data.Value, err error) {
	if t := p.nodeType(); t != "ARRAY" {
		return key, v, p.rest(dataError("Found invalid map entry instead of array tuple: %s", t))
	}
	n := 0
	err = p.array(func() error {
		n++
		var err error
		switch n {
		case 1:
			key, err = p.value(s.KeySchema())
		case 2:
			v, err = p.value(s.ValueSchema())
		default:
			_, err = p.skip()
		}
		return err
	})
	if err == nil && n != 2 {
		err = dataError("Found invalid map entry, expected length 2 but found :%d", n)
	}
	return key, v, err
}

// members reads an object as a map. Of members with the same name the last wins.
func (p *parser) members(elem *data.Schema) (data.Value, error) {
	m := &data.Map{}
	var index map[string]int // of big objects
	err := p.object(func(name []byte) error {
		v, err := p.value(elem)
		if err != nil {
			return within(string(name), err)
		}
		key := data.StringBytes(name)
		if len(m.Entries) < 16 {
			m.Put(key, v)
			return nil
		}
		if index == nil {
			index = make(map[string]int)
			for i, e := range m.Entries {
				index[e.Key.Str()] = i
			}
		}
		if i, dup := index[key.Str()]; dup {
			m.Entries[i].Value = v
			return nil
		}
		index[key.Str()] = len(m.Entries)
		m.Entries = append(m.Entries, data.MapEntry{Key: key, Value: v})
		return nil
	})
	return data.MapOf(m), err
}

// structOf reads an object as a struct. Members that the schema does not know
// are ignored, as in Java.
func (p *parser) structOf(s *data.Schema) (data.Value, error) {
	if t := p.nodeType(); t != "OBJECT" {
		return data.Value{}, p.rest(dataError("Structs should be encoded as JSON objects, but found %s", t))
	}
	st := p.arena.Struct(s)
	fields := s.Fields()
	seen := make([]bool, len(fields))
	next := 0 // members mostly come in the order of the fields
	err := p.object(func(name []byte) error {
		i := next
		if i >= len(fields) || fields[i].Name != asString(name) {
			i = s.FieldIndex(asString(name))
		}
		if i < 0 {
			_, err := p.skip()
			return err
		}
		v, err := p.value(fields[i].Schema)
		if err != nil {
			return within(fields[i].Name, err)
		}
		st.Set(i, v)
		seen[i], next = true, i+1
		return nil
	})
	for i := range fields {
		if err == nil && !seen[i] {
			var v data.Value
			if v, err = p.null(fields[i].Schema); err != nil {
				err = within(fields[i].Name, err)
			}
			st.Set(i, v)
		}
	}
	return data.StructOf(st), err
}

// any reads a value without schema: integers as INT64, other numbers as
// FLOAT64, objects as maps.
func (p *parser) any() (data.Value, error) {
	switch p.nodeType() {
	case "OBJECT":
		return p.members(nil)
	case "ARRAY":
		return p.elems(nil)
	case "STRING":
		return p.stringOf(data.TypeString)
	case "BOOLEAN":
		return p.boolOf(data.TypeBoolean)
	case "NULL":
		return data.Null(), p.literal("null")
	case "MISSING":
		return data.Value{}, p.fail("unexpected end of input")
	}
	start := p.i
	_, integer, err := p.number()
	p.i = start
	switch {
	case err != nil:
		return data.Value{}, err
	case integer:
		return p.integer(data.TypeInt64)
	}
	return p.float(data.TypeFloat64)
}

// logical reads a Decimal, Date, Time or Timestamp.
func (p *parser) logical(s *data.Schema) (data.Value, error) {
	switch s.Logical() {
	case data.LogicalDecimal:
		return p.decimal(s)
	case data.LogicalDate:
		return p.logicalInt(data.TypeInt32, "Date", "integer")
	case data.LogicalTime:
		return p.logicalInt(data.TypeInt32, "Time", "integer")
	}
	return p.logicalInt(data.TypeInt64, "Timestamp", "integral")
}

func (p *parser) logicalInt(t data.Type, name, want string) (data.Value, error) {
	wrong := dataError("Invalid type for %s, underlying representation should be %s but was %s", name, want, p.nodeType())
	if p.nodeType() != "NUMBER" {
		return data.Value{}, p.rest(wrong)
	}
	text, integer, err := p.number()
	if err != nil {
		return data.Value{}, err
	}
	i, ok := toInt(text, integer)
	if !integer || !ok || i < minInt(t) || i > maxInt(t) {
		return data.Value{}, wrong
	}
	return data.Integer(t, i), nil
}

func (p *parser) decimal(s *data.Schema) (data.Value, error) {
	scale, err := s.Scale()
	if err != nil {
		return data.Value{}, dataError("%w", err)
	}
	switch t := p.nodeType(); t {
	case "STRING":
		b, err := p.base64(data.TypeBytes, "Invalid bytes for Decimal field")
		return data.Bytes(b), err
	case "NUMBER":
		text, _, err := p.number()
		if err != nil {
			return data.Value{}, err
		}
		unscaled, has, err := data.ParseDecimal(nil, text)
		if err != nil {
			return data.Value{}, fmt.Errorf("number %s: %w", text, err)
		}
		out, ok := data.Rescale(unscaled, has, scale)
		if !ok {
			return data.Value{}, dataError("Decimal value %s does not fit the scale %d of its schema", text, scale)
		}
		return data.Bytes(out), nil
	default:
		return data.Value{}, p.rest(dataError("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", t))
	}
}
