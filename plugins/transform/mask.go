package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func maskFieldDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "fields", Type: configdef.List, Importance: configdef.High, Validate: configdef.ListOf(false),
			Doc: "Names of the fields to mask."},
		configdef.Key{Name: "replacement", Type: configdef.String, NullDefault: true, Importance: configdef.Low, Validate: configdef.NonEmpty(),
			Doc: "What takes the place of the values of numeric and text fields. When not set, it is 0, false or the empty text, list or map."},
		replaceNullKey(),
	)
}

// maskField replaces the values of fields by one that tells nothing.
type maskField struct {
	closer
	side        side
	fields      []string
	custom      bool
	replacement data.Value // text
	withDefault bool
}

func newMaskField(v *configdef.Values, s side) (connect.Transform, error) {
	return &maskField{side: s, fields: v.List("fields"), custom: !v.IsNull("replacement"),
		replacement: data.String(v.String("replacement")), withDefault: v.Bool(replaceNull)}, nil
}

// Apply implements connect.Transform.
func (m *maskField) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := m.side.get(r)
	if schema == nil {
		return m.applyMap(r, v)
	}
	st, err := requireStruct(v, "mask fields")
	if err != nil {
		return false, err
	}
	out := a.Struct(st.Schema())
	for i, f := range st.Schema().Fields() {
		x := fieldValue(st, i, m.withDefault)
		if slices.Contains(m.fields, f.Name) {
			if x, err = m.masked(f.Schema, x); err != nil {
				return false, err
			}
		}
		out.Set(i, x)
	}
	m.side.set(r, schema, data.StructOf(out))
	return true, nil
}

func (m *maskField) applyMap(r *connect.Record, v data.Value) (bool, error) {
	from, err := requireMap(v, "mask fields")
	if err != nil {
		return false, err
	}
	out := copyMap(from)
	for _, name := range m.fields {
		x, err := m.masked(nil, mapGet(from, name))
		if err != nil {
			return false, err
		}
		out.Put(data.String(name), x)
	}
	m.side.set(r, nil, data.MapOf(out))
	return true, nil
}

func (m *maskField) masked(s *data.Schema, v data.Value) (data.Value, error) {
	logical := data.LogicalNone
	if s != nil {
		logical = s.Logical()
	}
	switch {
	case v.IsNull():
		return v, nil
	case m.custom:
		return m.fromReplacement(s, logical, v)
	case logical == data.LogicalDecimal:
		return data.Bytes([]byte{0}), nil
	}
	switch v.Kind() {
	case data.KindBoolean:
		return data.Boolean(false), nil
	case data.KindFloat32:
		return data.Float32(0), nil
	case data.KindFloat64:
		return data.Float64(0), nil
	case data.KindString:
		return data.String(""), nil
	case data.KindArray:
		return data.Array(nil), nil
	case data.KindMap:
		return data.MapOf(&data.Map{}), nil
	case data.KindBytes, data.KindStruct:
		return v, dataError("Cannot mask value of type: class %s", className(v))
	}
	return data.Integer(typeOf(v), 0), nil
}

// fromReplacement turns the replacement into a value of v's type.
func (m *maskField) fromReplacement(s *data.Schema, logical data.Logical, v data.Value) (data.Value, error) {
	cannot := dataError("Cannot mask value of type class %s with custom replacement.", className(v))
	switch v.Kind() {
	case data.KindString:
		return m.replacement, nil
	case data.KindBytes:
		if logical == data.LogicalDecimal {
			return m.decimal(s)
		}
		return v, cannot
	case data.KindBoolean, data.KindArray, data.KindMap, data.KindStruct:
		return v, cannot
	}
	if logical != data.LogicalNone {
		return v, cannot
	}
	unscaled, scale, err := data.ParseDecimal(nil, m.replacement.Str())
	if err != nil {
		return v, m.notNumber("a number")
	}
	number := data.AppendDecimalPlain(nil, unscaled, scale)
	switch v.Kind() {
	case data.KindFloat32, data.KindFloat64:
		return castValue(nil, data.StringBytes(number), typeOf(v))
	}
	return castDecimal(data.DecimalOf(scale).Build(), data.Bytes(unscaled), typeOf(v))
}

func (m *maskField) notNumber(what string) error {
	return dataError("Unable to convert %s (class java.lang.String) to %s", m.replacement.Str(), what)
}

// decimal gives the replacement the scale that the schema asks for.
func (m *maskField) decimal(s *data.Schema) (data.Value, error) {
	unscaled, has, err := data.ParseDecimal(nil, m.replacement.Str())
	if err != nil {
		return data.Value{}, m.notNumber("number")
	}
	scale, err := s.Scale()
	if err != nil {
		return data.Value{}, dataError("%w", err)
	}
	out, ok := data.Rescale(unscaled, has, scale)
	if !ok {
		return data.Value{}, dataError("The replacement %s does not fit the scale %d of the field", m.replacement.Str(), scale)
	}
	return data.Bytes(out), nil
}

// typeOf is the schema type of a number.
func typeOf(v data.Value) data.Type {
	t := data.TypeInt8
	for t.Kind() != v.Kind() {
		t++
	}
	return t
}
