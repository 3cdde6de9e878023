package jsonconv

import (
	"fmt"
	"strconv"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// append writes v, which may be null.
func (n *node) append(dst []byte, v data.Value) ([]byte, error) {
	if v.Kind() != n.kind {
		return n.appendOdd(dst, v)
	}
	switch n.op {
	case opInt:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case opString:
		return appendString(dst, v.Str()), nil
	case opStruct:
		return n.appendStruct(dst, v.Struct())
	case opBool:
		return appendBool(dst, v.Bool()), nil
	case opFloat64:
		return appendFloat64(dst, v.Float()), nil
	case opFloat32:
		return appendFloat32(dst, float32(v.Float())), nil
	case opBytes:
		return appendBase64(dst, v.Raw()), nil
	case opDecimalNumber:
		return data.AppendDecimal(dst, v.Raw(), n.scale), nil
	case opArray:
		return n.appendArray(dst, v.Elems())
	case opMapObject:
		return n.appendObject(dst, v.Map())
	}
	return n.appendPairs(dst, v.Map())
}

// appendOdd writes null, or refuses a value of another kind than the schema's.
func (n *node) appendOdd(dst []byte, v data.Value) ([]byte, error) {
	switch {
	case v.IsNull() && n.null != "":
		return append(dst, n.null...), nil
	case v.IsNull():
		return dst, dataError("Conversion error: null value for field that is required and has no default value")
	}
	return dst, dataError("Invalid type for %s: class %s", n.schema.Type().EnumName(), v.Kind().JavaClass())
}

func (n *node) appendStruct(dst []byte, s *data.Struct) ([]byte, error) {
	if s.Schema() != n.schema && !s.Schema().Equal(n.schema) {
		return dst, dataError("Mismatching schema.")
	}
	if len(n.fields) == 0 {
		return append(dst, "{}"...), nil
	}
	values := s.Fields()
	for i := range n.fields {
		var err error
		if dst, err = n.fields[i].append(dst, values[i]); err != nil {
			return dst, within(n.schema.Fields()[i].Name, err)
		}
	}
	return append(dst, '}'), nil
}

// append writes the field with its name.
func (f *field) append(dst []byte, v data.Value) ([]byte, error) {
	switch {
	case v.IsNull() && f.null != "":
		return append(dst, f.null...), nil
	case v.Kind() == f.kind && f.op == opInt:
		return f.appendInt(dst, v.Int()), nil
	case v.Kind() == f.kind && f.op == opString:
		return f.appendString(dst, v.Str()), nil
	}
	return f.node.append(append(dst, f.lead...), v)
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

func (n *node) appendObject(dst []byte, m *data.Map) ([]byte, error) {
	dst = append(dst, '{')
	for i, e := range m.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = n.appendKey(dst, e.Key); err != nil {
			return dst, err
		}
		if dst, err = n.elem.append(dst, e.Value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendKey writes the name of an object's member; a null key is the text "null".
func (n *node) appendKey(dst []byte, key data.Value) ([]byte, error) {
	start := len(dst)
	dst, err := n.key.append(dst, key)
	if err != nil {
		return dst, err
	}
	if dst[start] != '"' {
		dst = append(dst[:start], `"null"`...)
	}
	return append(dst, ':'), nil
}

func (n *node) appendPairs(dst []byte, m *data.Map) ([]byte, error) {
	dst = append(dst, '[')
	for i, e := range m.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = n.key.append(append(dst, '['), e.Key); err != nil {
			return dst, err
		}
		if dst, err = n.elem.append(append(dst, ','), e.Value); err != nil {
			return dst, err
		}
		dst = append(dst, ']')
	}
	return append(dst, ']'), nil
}

// appendAny writes a value that has no schema.
func appendAny(dst []byte, v data.Value) ([]byte, error) {
	switch v.Kind() {
	case data.KindNull:
		return append(dst, "null"...), nil
	case data.KindBoolean:
		return appendBool(dst, v.Bool()), nil
	case data.KindInt8, data.KindInt16, data.KindInt32, data.KindInt64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case data.KindFloat32:
		return appendFloat32(dst, float32(v.Float())), nil
	case data.KindFloat64:
		return appendFloat64(dst, v.Float()), nil
	case data.KindString:
		return appendString(dst, v.Str()), nil
	case data.KindBytes:
		return appendBase64(dst, v.Raw()), nil
	case data.KindArray:
		return appendAnyArray(dst, v.Elems())
	case data.KindMap:
		return appendAnyMap(dst, v.Map())
	}
	return dst, dataError("Mismatching schema.")
}

func appendAnyArray(dst []byte, elems []data.Value) ([]byte, error) {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendAny(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendAnyMap(dst []byte, m *data.Map) ([]byte, error) {
	pairs := false
	for _, e := range m.Entries {
		pairs = pairs || e.Key.Kind() != data.KindString
	}
	open, middle, end := "", ":", ""
	brackets := "{}"
	if pairs {
		open, middle, end, brackets = "[", ",", "]", "[]"
	}
	dst = append(dst, brackets[0])
	for i, e := range m.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendAny(append(dst, open...), e.Key); err != nil {
			return dst, err
		}
		if dst, err = appendAny(append(dst, middle...), e.Value); err != nil {
			return dst, err
		}
		dst = append(dst, end...)
	}
	return append(dst, brackets[1]), nil
}

func within(field string, err error) error { return connect.Within(field, err) }

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
