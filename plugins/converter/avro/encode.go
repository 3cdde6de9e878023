package avro

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// node writes the values of one Connect schema in the form of one Avro schema.
type node struct {
	schema *data.Schema
	kind   data.Kind // of the values
	write  op
	branch []byte // the index of the branch, where the Avro schema is a union
	null   []byte // what null is written as; nil when null is an error
	size   int    // of opFixed
	pad    bool   // opFixed: a decimal, whose sign fills it up
	// Of opRecord the fields in Avro's order, of opUnion the branches in the order of the struct's fields.
	fields    []fieldNode
	key, elem *node
	symbols   map[string][]byte // opEnum: each symbol's index
	set       []string          // opEnum: the symbols
}

type fieldNode struct {
	at    int    // index of the struct's field; -1 when it has none
	fixed []byte // what stands for a field that the struct has not
	node  *node
	null  []byte // what null is written as in this place
}

type op uint8

const (
	opInt op = iota
	opFloat32
	opFloat64
	opFloatAsDouble
	opBool
	opText
	opFixed
	opEnum
	opArray
	opMap
	opPairs
	opRecord
	opUnion
)

func appendLong(dst []byte, i int64) []byte { return binary.AppendVarint(dst, i) }

// append writes v, which may be null.
func (n *node) append(dst []byte, v data.Value) ([]byte, error) {
	if v.Kind() != n.kind {
		return n.appendOdd(dst, v, n.null)
	}
	return n.appendValue(append(dst, n.branch...), v)
}

// appendOdd writes null, or refuses a value of another kind than the schema's.
func (n *node) appendOdd(dst []byte, v data.Value, null []byte) ([]byte, error) {
	switch {
	case v.IsNull() && null != nil:
		return append(dst, null...), nil
	case v.IsNull():
		return dst, dataError("Found null value for non-optional schema")
	}
	return dst, dataError("Invalid type for %s: class %s", n.schema.Type().EnumName(), v.Kind().JavaClass())
}

func (n *node) appendValue(dst []byte, v data.Value) ([]byte, error) {
	switch n.write {
	case opInt:
		return appendLong(dst, v.Int()), nil
	case opText:
		b := v.Raw()
		return append(appendLong(dst, int64(len(b))), b...), nil
	case opRecord:
		return n.appendRecord(dst, v.Struct())
	case opBool:
		if v.Bool() {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case opFloat64, opFloatAsDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
	case opFloat32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float()))), nil
	case opFixed:
		return n.appendFixed(dst, v.Raw())
	case opEnum:
		index, ok := n.symbols[v.Str()]
		if !ok {
			return dst, dataError("enum value '%s' is not in the enum symbol set: [%s]", v.Str(), strings.Join(n.set, ", "))
		}
		return append(dst, index...), nil
	case opArray:
		return n.appendArray(dst, v.Elems())
	case opMap, opPairs:
		return n.appendMap(dst, v.Map())
	}
	return n.appendUnion(dst, v.Struct())
}

func (n *node) appendFixed(dst, b []byte) ([]byte, error) {
	switch {
	case len(b) == n.size:
		return append(dst, b...), nil
	case !n.pad || len(b) > n.size:
		return dst, dataError("the value has %d bytes, but the fixed type %s has %d", len(b), n.schema.Name(), n.size)
	}
	var sign byte
	if len(b) > 0 && b[0] >= 0x80 {
		sign = 0xff
	}
	for range n.size - len(b) {
		dst = append(dst, sign)
	}
	return append(dst, b...), nil
}

func (n *node) appendRecord(dst []byte, s *data.Struct) ([]byte, error) {
	if s.Schema() != n.schema && !sameFields(s.Schema(), n.schema) {
		return dst, dataError("Mismatching struct schema")
	}
	values := s.Fields()
	for i := range n.fields {
		f := &n.fields[i]
		if f.at < 0 {
			dst = append(dst, f.fixed...)
			continue
		}
		v, err := values[f.at], error(nil)
		switch { // the common kinds without a call
		case v.Kind() != f.node.kind:
			dst, err = f.node.appendOdd(dst, v, f.null)
		case f.node.write == opInt:
			dst = appendLong(append(dst, f.node.branch...), v.Int())
		default:
			dst, err = f.node.appendValue(append(dst, f.node.branch...), v)
		}
		if err != nil {
			return dst, within(n.schema.Fields()[f.at].Name, err)
		}
	}
	return dst, nil
}

func (n *node) appendArray(dst []byte, elems []data.Value) ([]byte, error) {
	if len(elems) > 0 {
		dst = appendLong(dst, int64(len(elems)))
	}
	for _, e := range elems {
		var err error
		if dst, err = n.elem.append(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func (n *node) appendMap(dst []byte, m *data.Map) ([]byte, error) {
	if len(m.Entries) > 0 {
		dst = appendLong(dst, int64(len(m.Entries)))
	}
	for _, e := range m.Entries {
		var err error
		if n.write == opMap && e.Key.IsNull() {
			return dst, dataError("a map with text keys has a null key, which Avro cannot hold")
		}
		if dst, err = n.key.append(dst, e.Key); err != nil {
			return dst, err
		}
		if dst, err = n.elem.append(dst, e.Value); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// sameFields reports whether structs of two schemas hold the same. That one may
// be optional or have a default makes no difference: the branch of a union is
// required, and a struct that is a default does not have itself as its default.
func sameFields(a, b *data.Schema) bool {
	if a.Name() != b.Name() || len(a.Fields()) != len(b.Fields()) {
		return false
	}
	for i, f := range a.Fields() {
		if g := b.Fields()[i]; f.Name != g.Name || f.Schema != g.Schema && !f.Schema.Equal(g.Schema) {
			return false
		}
	}
	return true
}

// appendUnion writes the first field that is set as the branch that it stands for.
func (n *node) appendUnion(dst []byte, s *data.Struct) ([]byte, error) {
	if s.Schema() != n.schema && !sameFields(s.Schema(), n.schema) {
		return dst, dataError("Mismatching struct schema")
	}
	for i := range n.fields {
		f := &n.fields[i]
		switch v := s.At(f.at); {
		case v.Kind() == f.node.kind:
			dst, err := f.node.appendValue(append(dst, f.node.branch...), v)
			if err != nil {
				return dst, within(n.schema.Fields()[f.at].Name, err)
			}
			return dst, nil
		case !v.IsNull():
			return f.node.appendOdd(dst, v, nil)
		case f.null != nil:
			return append(dst, f.null...), nil
		}
	}
	if n.null == nil {
		return dst, dataError("Found null value for non-optional schema")
	}
	return append(dst, n.null...), nil
}

// appendAny writes a value that has no schema, as a record Anything.
func appendAny(dst []byte, v data.Value) ([]byte, error) {
	const fields = 9
	at := -1
	switch v.Kind() {
	case data.KindNull:
	case data.KindBoolean:
		at = 0
	case data.KindFloat64:
		at = 2
	case data.KindFloat32:
		at = 3
	case data.KindInt8, data.KindInt16, data.KindInt32:
		at = 4
	case data.KindInt64:
		at = 5
	case data.KindString:
		at = 6
	case data.KindArray:
		at = 7
	case data.KindMap:
		at = 8
	default:
		return dst, dataError("Unknown Java type for schemaless data: class %s", v.Kind().JavaClass())
	}
	for i := range fields {
		if i != at {
			dst = append(dst, 0)
			continue
		}
		var err error
		if dst, err = appendAnyValue(append(dst, 2), v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func appendAnyValue(dst []byte, v data.Value) ([]byte, error) {
	switch v.Kind() {
	case data.KindBoolean:
		if v.Bool() {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case data.KindFloat64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
	case data.KindFloat32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float()))), nil
	case data.KindString:
		return append(appendLong(dst, int64(len(v.Raw()))), v.Raw()...), nil
	case data.KindArray:
		return appendAnyList(dst, v.Elems())
	case data.KindMap:
		var flat []data.Value
		for _, e := range v.Map().Entries {
			flat = append(flat, e.Key, e.Value)
		}
		return appendAnyPairs(dst, flat)
	}
	return appendLong(dst, v.Int()), nil
}

func appendAnyList(dst []byte, elems []data.Value) ([]byte, error) {
	if len(elems) > 0 {
		dst = appendLong(dst, int64(len(elems)))
	}
	return appendAnys(dst, elems)
}

func appendAnyPairs(dst []byte, flat []data.Value) ([]byte, error) {
	if len(flat) > 0 {
		dst = appendLong(dst, int64(len(flat)/2))
	}
	return appendAnys(dst, flat)
}

func appendAnys(dst []byte, values []data.Value) ([]byte, error) {
	for _, e := range values {
		var err error
		if dst, err = appendAny(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

var _ connect.Converter = (*Converter)(nil)
