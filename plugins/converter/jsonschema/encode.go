package jsonschema

import (
	"strconv"

	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
)

// node writes the values of one schema.
type node struct {
	schema    *data.Schema
	kind      data.Kind
	null      string // what null is written as, "" when it is left out
	decimal   bool   // as a number
	object    bool   // a map with text keys
	union     bool
	scale     int
	fields    []fieldNode
	key, elem *node
}

type fieldNode struct {
	name string // with quotes and colon
	node *node
}

func (o Options) compile(s *data.Schema) (*node, error) {
	n := &node{schema: s, kind: s.Type().Kind()}
	var err error
	switch s.Type() {
	case data.TypeStruct:
		n.union = isUnion(s)
		for _, f := range s.Fields() {
			inner, err := o.compile(f.Schema)
			if err != nil {
				return nil, within(f.Name, err)
			}
			n.fields = append(n.fields, fieldNode{string(append(jsonconv.AppendString(nil, f.Name), ':')), inner})
		}
	case data.TypeMap:
		n.object = stringKeys(s)
		if n.key, err = o.compile(s.KeySchema()); err == nil {
			n.elem, err = o.compile(s.ValueSchema())
		}
	case data.TypeArray:
		n.elem, err = o.compile(s.ValueSchema())
	case data.TypeBytes:
		if n.decimal = o.NumericDecimals && s.Logical() == data.LogicalDecimal; n.decimal {
			n.scale, err = s.Scale()
		}
	}
	if err != nil {
		return nil, err
	}
	if def, ok := s.Default(); ok && !def.IsNull() && !o.IgnoreDefaults {
		text, err := n.append(nil, def)
		n.null = string(text)
		return n, err
	}
	if s.Optional() {
		n.null = "null"
	}
	return n, nil
}

// append writes v. What Java leaves out of a struct is null elsewhere.
func (n *node) append(dst []byte, v data.Value) ([]byte, error) {
	switch {
	case v.IsNull() && n.null == "":
		return append(dst, "null"...), nil
	case v.IsNull():
		return append(dst, n.null...), nil
	case v.Kind() != n.kind:
		return dst, dataError("Invalid type for %s: class %s", n.schema.Type().EnumName(), v.Kind().JavaClass())
	}
	switch n.kind {
	case data.KindBoolean:
		return strconv.AppendBool(dst, v.Bool()), nil
	case data.KindString:
		return jsonconv.AppendString(dst, v.Str()), nil
	case data.KindFloat32:
		return jsonconv.AppendFloat32(dst, float32(v.Float())), nil
	case data.KindFloat64:
		return jsonconv.AppendFloat64(dst, v.Float()), nil
	case data.KindBytes:
		if n.decimal {
			return data.AppendDecimal(dst, v.Raw(), n.scale), nil
		}
		return jsonconv.AppendBase64(dst, v.Raw()), nil
	case data.KindArray:
		return n.appendArray(dst, v.Elems())
	case data.KindMap:
		return n.appendMap(dst, v.Map())
	case data.KindStruct:
		return n.appendStruct(dst, v.Struct())
	}
	return strconv.AppendInt(dst, v.Int(), 10), nil
}

func (n *node) appendArray(dst []byte, elems []data.Value) ([]byte, error) {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = n.elem.append(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (n *node) appendMap(dst []byte, m *data.Map) ([]byte, error) {
	open, between, end, brackets := `{"key":`, `,"value":`, "}", "[]"
	if n.object {
		open, between, end, brackets = "", ":", "", "{}"
	}
	dst = append(dst, brackets[0])
	for i, e := range m.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		if n.object && e.Key.IsNull() {
			return dst, dataError("a map with required text keys has a null key")
		}
		var err error
		if dst, err = n.key.append(append(dst, open...), e.Key); err != nil {
			return dst, err
		}
		if dst, err = n.elem.append(append(dst, between...), e.Value); err != nil {
			return dst, err
		}
		dst = append(dst, end...)
	}
	return append(dst, brackets[1]), nil
}

func (n *node) appendStruct(dst []byte, s *data.Struct) ([]byte, error) {
	if s.Schema() != n.schema && len(s.Fields()) != len(n.fields) || s.Schema() != n.schema && !sameFields(s.Schema(), n.schema) {
		return dst, dataError("Mismatching schema.")
	}
	if n.union {
		return n.appendUnion(dst, s)
	}
	dst = append(dst, '{')
	first := true
	for i := range n.fields {
		f, v := &n.fields[i], s.At(i)
		if v.IsNull() && f.node.null == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var err error
		if dst, err = f.node.append(append(dst, f.name...), v); err != nil {
			return dst, within(n.schema.Fields()[i].Name, err)
		}
	}
	return append(dst, '}'), nil
}

// sameFields reports whether structs of two schemas hold the same, whether optional or not.
func sameFields(a, b *data.Schema) bool {
	for i, f := range a.Fields() {
		if g := b.Fields()[i]; f.Name != g.Name || f.Schema != g.Schema && !f.Schema.Equal(g.Schema) {
			return false
		}
	}
	return a.Name() == b.Name()
}

// appendUnion writes the first field that is set.
func (n *node) appendUnion(dst []byte, s *data.Struct) ([]byte, error) {
	for i := range n.fields {
		f, v := &n.fields[i], s.At(i)
		if !v.IsNull() || f.node.null != "" && f.node.null != "null" {
			return f.node.append(dst, v)
		}
	}
	return n.append(dst, data.Null())
}
