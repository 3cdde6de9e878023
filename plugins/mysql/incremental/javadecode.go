package incremental

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

var errTruncated = errors.New("a serialized key ends in the middle of a value")

// maxNesting limits how deep objects may lie within each other.
const maxNesting = 16

// decoder reads one stream. The first error stays.
type decoder struct {
	in      []byte
	handles []any // *javaClass, string or *javaObject, in order of occurrence
	depth   int
	err     error
}

// javaObject is an object as it was read: the values of its fields, and what its
// classes wrote besides.
type javaObject struct {
	class  *javaClass
	fields map[string]any
	block  []byte
}

// decodeKey reads a key from an offset; nil stands for no key.
func decodeKey(columns []*table.Column, text string) (chunk.Key, error) {
	key, err := decodeValues(text)
	if err != nil || key == nil {
		return nil, err
	}
	if len(key) != len(columns) {
		return nil, fmt.Errorf("a serialized key has %d values, but is made of %d columns", len(key), len(columns))
	}
	return key, nil
}

func decodeValues(text string) (chunk.Key, error) {
	in, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(in) < len(javaHead) || string(in[:len(javaHead)]) != string(javaHead) {
		return nil, errors.New("a serialized key does not begin as a stream of Java objects")
	}
	d := &decoder{in: in[len(javaHead):]}
	content := d.content()
	if d.err != nil {
		return nil, d.err
	}
	if content == nil {
		return nil, nil
	}
	elements, ok := content.([]any)
	if !ok {
		return nil, errors.New("a serialized key is not an array")
	}
	key := make(chunk.Key, len(elements))
	for i, v := range elements {
		if key[i].Null = v == nil; key[i].Null {
			continue
		}
		if key[i].Text, err = textOf(v); err != nil {
			return nil, err
		}
	}
	return key, nil
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.in = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || len(d.in) < n {
		d.fail(errTruncated)
		return make([]byte, min(max(n, 0), 8))
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b
}

func (d *decoder) byte() byte     { return d.take(1)[0] }
func (d *decoder) uint16() int    { return int(binary.BigEndian.Uint16(d.take(2))) }
func (d *decoder) int32() int32   { return int32(binary.BigEndian.Uint32(d.take(4))) }
func (d *decoder) uint64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) utf() string    { return fromModifiedUTF8(d.take(d.uint16())) }

// content reads one object, string, array or reference.
func (d *decoder) content() any {
	if d.depth++; d.depth > maxNesting {
		d.fail(errors.New("a serialized key is nested too deep"))
	}
	defer func() { d.depth-- }()
	if d.err != nil {
		return nil
	}
	switch code := d.byte(); code {
	case tcNull:
		return nil
	case tcReference:
		return d.reference()
	case tcString:
		s := d.utf()
		d.handles = append(d.handles, s)
		return s
	case tcArray:
		return d.array()
	case tcObject:
		return d.object()
	default:
		d.fail(fmt.Errorf("a serialized key holds the unknown code %#x", code))
	}
	return nil
}

func (d *decoder) reference() any {
	at := int(d.int32()) - baseHandle
	if at < 0 || at >= len(d.handles) {
		d.fail(errors.New("a serialized key refers to what it does not hold"))
		return nil
	}
	return d.handles[at]
}

// class reads the description of a class, which may be that of none.
func (d *decoder) class() *javaClass {
	if d.depth++; d.depth > maxNesting {
		d.fail(errors.New("a serialized key is nested too deep"))
	}
	defer func() { d.depth-- }()
	if d.err != nil {
		return nil
	}
	switch code := d.byte(); code {
	case tcNull:
		return nil
	case tcReference:
		c, ok := d.reference().(*javaClass)
		if !ok {
			d.fail(errors.New("a serialized key has something else where a class belongs"))
		}
		return c
	case tcClassDesc:
	default:
		d.fail(fmt.Errorf("a serialized key holds the code %#x where a class belongs", code))
		return nil
	}
	c := &javaClass{name: d.utf(), serial: d.uint64()}
	d.handles = append(d.handles, c)
	c.flags = d.byte()
	for n := d.uint16(); n > 0 && d.err == nil; n-- {
		f := javaField{kind: d.byte(), name: d.utf()}
		if f.kind == 'L' || f.kind == '[' {
			f.signature, _ = d.content().(string)
		}
		c.fields = append(c.fields, f)
	}
	if code := d.byte(); code != tcEnd {
		d.fail(fmt.Errorf("class %s in a serialized key has annotations", c.name))
	}
	c.super = d.class()
	return c
}

func (d *decoder) array() any {
	c := d.class()
	at := len(d.handles)
	d.handles = append(d.handles, nil)
	n := int(d.int32())
	if d.err != nil || c == nil {
		d.fail(errTruncated)
		return nil
	}
	if c.name == "[B" {
		b := d.take(n)
		d.handles[at] = b
		return b
	}
	if !strings.HasPrefix(c.name, "[L") || n < 0 || n > len(d.in) {
		d.fail(fmt.Errorf("a serialized key holds an array %s of %d elements", c.name, n))
		return nil
	}
	elements := make([]any, n)
	for i := range elements {
		elements[i] = d.content()
	}
	return elements
}

func (d *decoder) object() any {
	o := &javaObject{class: d.class(), fields: map[string]any{}}
	d.handles = append(d.handles, o)
	if o.class == nil {
		d.fail(errors.New("a serialized key holds an object without a class"))
		return nil
	}
	d.data(o, o.class, 0)
	return o
}

// data reads what the classes of an object wrote, the uppermost first.
func (d *decoder) data(o *javaObject, c *javaClass, depth int) {
	if c == nil || d.err != nil || depth > maxNesting {
		return
	}
	d.data(o, c.super, depth+1)
	if c.flags&scExternalizable != 0 {
		d.annotation(o)
		return
	}
	for _, f := range c.fields {
		o.fields[f.name] = d.field(f)
	}
	if c.flags&scWriteMethod != 0 {
		d.annotation(o)
	}
}

// annotation reads what a class wrote by a method of its own.
func (d *decoder) annotation(o *javaObject) {
	code := d.byte()
	if code == tcBlockData {
		o.block = append(o.block, d.take(int(d.byte()))...)
		code = d.byte()
	}
	if code != tcEnd {
		d.fail(fmt.Errorf("class %s in a serialized key wrote what cannot be read", o.class.name))
	}
}

func (d *decoder) field(f javaField) any {
	switch f.kind {
	case 'B', 'Z':
		return int64(int8(d.byte()))
	case 'S':
		return int64(int16(d.uint16()))
	case 'I':
		return int64(d.int32())
	case 'J':
		return int64(d.uint64())
	case 'F':
		return math.Float32frombits(uint32(d.int32()))
	case 'D':
		return math.Float64frombits(d.uint64())
	case 'L', '[':
		return d.content()
	}
	d.fail(fmt.Errorf("a serialized key has a field of the unknown type %q", f.kind))
	return nil
}

// textOf is how SQL writes a value of a key.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case *javaObject:
		return v.text()
	}
	return "", fmt.Errorf("a serialized key holds a value of type %T", v)
}

func (o *javaObject) text() (string, error) {
	switch o.class.name {
	case "java.lang.Byte", "java.lang.Short", "java.lang.Integer", "java.lang.Long":
		if n, ok := o.fields["value"].(int64); ok {
			return strconv.FormatInt(n, 10), nil
		}
	case "java.lang.Float":
		if f, ok := o.fields["value"].(float32); ok {
			return strconv.FormatFloat(float64(f), 'g', -1, 32), nil
		}
	case "java.lang.Double":
		if f, ok := o.fields["value"].(float64); ok {
			return strconv.FormatFloat(f, 'g', -1, 64), nil
		}
	case "java.lang.Boolean": // BIT(1)
		if n, ok := o.fields["value"].(int64); ok {
			return string([]byte{byte(n)}), nil
		}
	case "java.math.BigInteger":
		if n := o.bigInteger(); n != nil {
			return n.String(), nil
		}
	case "java.math.BigDecimal":
		return o.decimal()
	case "java.time.Ser":
		return timeText(o.block)
	case "java.sql.Timestamp", "java.sql.Date":
		return o.sqlTime()
	}
	return "", fmt.Errorf("a serialized key holds an object of the class %s, which no column has", o.class.name)
}

func (o *javaObject) bigInteger() *big.Int {
	sign, ok := o.fields["signum"].(int64)
	magnitude, isBytes := o.fields["magnitude"].([]byte)
	if !ok || !isBytes {
		return nil
	}
	n := new(big.Int).SetBytes(magnitude)
	if sign < 0 {
		n.Neg(n)
	}
	return n
}

func (o *javaObject) decimal() (string, error) {
	inner, ok := o.fields["intVal"].(*javaObject)
	scale, isInt := o.fields["scale"].(int64)
	if !ok || !isInt || scale < 0 || scale > 65 || inner.bigInteger() == nil {
		return "", errors.New("a serialized key holds a BigDecimal that cannot be read")
	}
	n := inner.bigInteger()
	digits := new(big.Int).Abs(n).String()
	if missing := int(scale) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-int(scale)]
	if scale > 0 {
		text += "." + digits[len(digits)-int(scale):]
	}
	if n.Sign() < 0 {
		text = "-" + text
	}
	return text, nil
}

// sqlTime reads a Timestamp, or the Date that stands for a YEAR.
func (o *javaObject) sqlTime() (string, error) {
	if len(o.block) != 8 {
		return "", errTruncated
	}
	millis := int64(binary.BigEndian.Uint64(o.block))
	nanos, ok := o.fields["nanos"].(int64)
	text := timestampText(millis, int32(nanos))
	if !ok {
		return text[:4], nil
	}
	return text, nil
}

// fromModifiedUTF8 undoes modifiedUTF8.
func fromModifiedUTF8(b []byte) string {
	var units []rune
	for len(b) > 0 {
		switch {
		case b[0] < 0x80:
			units, b = append(units, rune(b[0])), b[1:]
		case b[0]&0xe0 == 0xc0 && len(b) > 1:
			units, b = append(units, rune(b[0]&0x1f)<<6|rune(b[1]&0x3f)), b[2:]
		case b[0]&0xf0 == 0xe0 && len(b) > 2:
			units, b = append(units, rune(b[0]&0xf)<<12|rune(b[1]&0x3f)<<6|rune(b[2]&0x3f)), b[3:]
		default:
			units, b = append(units, '\ufffd'), b[1:]
		}
	}
	var out strings.Builder
	for i := 0; i < len(units); i++ {
		r := units[i]
		if r >= 0xd800 && r < 0xdc00 && i+1 < len(units) && units[i+1] >= 0xdc00 && units[i+1] < 0xe000 {
			r = 0x10000 + (r-0xd800)<<10 + units[i+1] - 0xdc00
			i++
		}
		out.WriteRune(r)
	}
	return out.String()
}
