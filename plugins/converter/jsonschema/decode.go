package jsonschema

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// value reads a value of a schema (JsonSchemaData.toConnectData). Where Java
// takes a wrong type for 0, false or null, or cuts a number, it is an error.
func value(a *data.Arena, s *data.Schema, n jsontree.Node) (data.Value, error) {
	if n.IsNull() {
		if def, ok := s.Default(); ok && !def.IsNull() {
			return def, nil
		}
		if s.Optional() {
			return data.Null(), nil
		}
		return data.Value{}, dataError("Invalid null value for required %s field", s.Type().EnumName())
	}
	if s.Logical() == data.LogicalDecimal {
		return decimal(s, n)
	}
	switch t := s.Type(); t {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32, data.TypeInt64:
		return integer(t, n)
	case data.TypeFloat32, data.TypeFloat64:
		return float(t, n)
	case data.TypeBoolean:
		if n.Kind == jsontree.Bool {
			return data.Boolean(n.Bool), nil
		}
	case data.TypeString:
		if n.Kind == jsontree.String {
			return data.String(n.Text), nil
		}
	case data.TypeBytes:
		if n.Kind == jsontree.String {
			b, err := base64.StdEncoding.DecodeString(n.Text)
			if err != nil {
				return data.Value{}, dataError("Invalid bytes field: %w", err)
			}
			return data.Bytes(b), nil
		}
	case data.TypeArray:
		return arrayValue(a, s, n)
	case data.TypeMap:
		return mapValue(a, s, n)
	case data.TypeStruct:
		return structValue(a, s, n)
	}
	return mismatch(s.Type(), n)
}

func mismatch(t data.Type, n jsontree.Node) (data.Value, error) {
	return data.Value{}, dataError("Invalid type for %s: found %s in the JSON data", t.EnumName(), n.Kind)
}

func integer(t data.Type, n jsontree.Node) (data.Value, error) {
	i, ok := n.Int64()
	bits := 8 << (t - data.TypeInt8)
	if !ok || bits < 64 && (i < -1<<(bits-1) || i >= 1<<(bits-1)) {
		if n.Kind != jsontree.Number {
			return mismatch(t, n)
		}
		return data.Value{}, dataError("%s is no %s", n.Text, t.EnumName())
	}
	return data.Integer(t, i), nil
}

func float(t data.Type, n jsontree.Node) (data.Value, error) {
	notFinite := n.Text == "NaN" || n.Text == "Infinity" || n.Text == "-Infinity"
	if n.Kind != jsontree.Number && (n.Kind != jsontree.String || !notFinite) {
		return mismatch(t, n)
	}
	if t == data.TypeFloat32 {
		f, _ := strconv.ParseFloat(n.Text, 32) // too big a number is infinite, as in Java
		return data.Float32(float32(f)), nil
	}
	f, _ := strconv.ParseFloat(n.Text, 64)
	return data.Float64(f), nil
}

func decimal(s *data.Schema, n jsontree.Node) (data.Value, error) {
	if n.Kind == jsontree.String {
		b, err := base64.StdEncoding.DecodeString(n.Text)
		if err != nil || len(b) == 0 {
			return data.Value{}, dataError("Invalid bytes for Decimal field")
		}
		return data.Bytes(b), nil
	}
	if n.Kind != jsontree.Number {
		return data.Value{}, dataError("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", n.Kind)
	}
	scale, err := s.Scale()
	if err != nil {
		return data.Value{}, dataError("%w", err)
	}
	unscaled, from, err := data.ParseDecimal(nil, n.Text)
	if err != nil {
		return data.Value{}, dataError("%s is not a decimal number", n.Text)
	}
	b, ok := data.Rescale(unscaled, from, scale)
	if !ok {
		return data.Value{}, dataError("%s does not fit a Decimal of scale %d", n.Text, scale)
	}
	return data.Bytes(b), nil
}

func arrayValue(a *data.Arena, s *data.Schema, n jsontree.Node) (data.Value, error) {
	if n.Kind != jsontree.Array {
		return mismatch(data.TypeArray, n)
	}
	out := a.Values(len(n.Elems))
	for i, e := range n.Elems {
		var err error
		if out[i], err = value(a, s.ValueSchema(), e); err != nil {
			return out[i], err
		}
	}
	return data.Array(out), nil
}

func mapValue(a *data.Arena, s *data.Schema, n jsontree.Node) (data.Value, error) {
	m := &data.Map{}
	if stringKeys(s) {
		if n.Kind != jsontree.Object {
			return data.Value{}, dataError("Maps with string fields should be encoded as JSON objects, but found %s", n.Kind)
		}
		for _, e := range n.Members {
			v, err := value(a, s.ValueSchema(), e.Value)
			if err != nil {
				return v, err
			}
			m.Entries = append(m.Entries, data.MapEntry{Key: data.String(e.Name), Value: v})
		}
		return data.MapOf(m), nil
	}
	if n.Kind != jsontree.Array {
		return data.Value{}, dataError("Maps with non-string fields should be encoded as JSON array of objects, but found %s", n.Kind)
	}
	for _, e := range n.Elems {
		if e.Kind != jsontree.Object {
			return data.Value{}, dataError("Found invalid map entry instead of object: %s", e.Kind)
		}
		if len(e.Members) != 2 {
			return data.Value{}, dataError("Found invalid map entry, expected length 2 but found :%d", len(e.Members))
		}
		kn, _ := e.Get(keyField)
		vn, _ := e.Get(valueField)
		k, err := value(a, s.KeySchema(), kn)
		if err != nil {
			return k, err
		}
		v, err := value(a, s.ValueSchema(), vn)
		if err != nil {
			return v, err
		}
		m.Put(k, v)
	}
	return data.MapOf(m), nil
}

func structValue(a *data.Arena, s *data.Schema, n jsontree.Node) (data.Value, error) {
	if isUnion(s) {
		return unionValue(a, s, n)
	}
	if n.Kind != jsontree.Object {
		return data.Value{}, dataError("Structs should be encoded as JSON objects, but found %s", n.Kind)
	}
	st := a.Struct(s)
	for i, f := range s.Fields() {
		e, ok := n.Get(f.Name)
		if !ok {
			if def, has := f.Schema.Default(); has {
				st.Set(i, def)
			}
			continue
		}
		v, err := value(a, f.Schema, e)
		if err != nil {
			return v, within(f.Name, err)
		}
		st.Set(i, v)
	}
	return data.StructOf(st), nil
}

// unionValue finds the member that a value belongs to: the first of its type, or
// the struct that has most of its names.
func unionValue(a *data.Arena, s *data.Schema, n jsontree.Node) (data.Value, error) {
	best, at := 0, -1
	for i, f := range s.Fields() {
		if ofType(f.Schema, n) {
			at = i
			break
		}
		if m := matching(f.Schema, n); m > best {
			best, at = m, i
		}
	}
	if at < 0 {
		return data.Value{}, dataError("Did not find matching oneof field for data")
	}
	v, err := value(a, s.Fields()[at].Schema, n)
	if err != nil {
		return v, err
	}
	st := a.Struct(s)
	st.Set(at, v)
	return data.StructOf(st), nil
}

func ofType(s *data.Schema, n jsontree.Node) bool {
	switch s.Type() {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32, data.TypeInt64:
		return n.Kind == jsontree.Number && !strings.ContainsAny(n.Text, ".eE")
	case data.TypeFloat32, data.TypeFloat64:
		return n.Kind == jsontree.Number
	case data.TypeBoolean:
		return n.Kind == jsontree.Bool
	case data.TypeString:
		return n.Kind == jsontree.String
	case data.TypeArray:
		return n.Kind == jsontree.Array
	case data.TypeMap:
		return n.Kind == jsontree.Object || n.Kind == jsontree.Array
	}
	return false
}

func matching(s *data.Schema, n jsontree.Node) int {
	if s.Type() != data.TypeStruct || n.Kind != jsontree.Object {
		return 0
	}
	total := 0
	for _, f := range s.Fields() {
		if e, ok := n.Get(f.Name); ok {
			total += 1 + matching(f.Schema, e)
		}
	}
	return total
}
