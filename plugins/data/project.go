package data

import (
	"fmt"
	"strings"
)

// Project turns a value of schema from into one of schema to, as a reader with
// an older or newer schema than the writer's needs it: numbers are widened,
// fields that to lacks are dropped, and fields that from lacks get their
// defaults (SchemaProjector). The result may share memory with v.
func Project(from *Schema, v Value, to *Schema) (Value, error) {
	switch {
	case from.typ != to.typ && !widens(from.typ, to.typ):
		return Value{}, fmt.Errorf("Schema type mismatch. source type: %s and target type: %s", from.typ.EnumName(), to.typ.EnumName())
	case from.name != to.name:
		return Value{}, fmt.Errorf("Schema name mismatch. source name: %s and target name: %s", nameOrNull(from), nameOrNull(to))
	case !from.sameParams(to):
		return Value{}, fmt.Errorf("Schema parameters not equal. source parameters: %s and target parameters: %s", paramsText(from), paramsText(to))
	case from.optional && !to.optional && !to.hasDefault:
		return Value{}, fmt.Errorf("Writer schema is optional, however, target schema does not provide a default value.")
	case v.IsNull() && from.optional && !to.optional:
		return to.def, nil
	case v.IsNull():
		return v, nil
	}
	switch to.typ {
	case TypeStruct:
		return projectStruct(from, v.Struct(), to)
	case TypeArray:
		out := make([]Value, len(v.Elems()))
		for i, e := range v.Elems() {
			var err error
			if out[i], err = Project(from.elem, e, to.elem); err != nil {
				return Value{}, err
			}
		}
		return Array(out), nil
	case TypeMap:
		return projectMap(from, v.Map(), to)
	}
	return promote(v, to.typ), nil
}

func projectStruct(from *Schema, st *Struct, to *Schema) (Value, error) {
	out := NewStructValue(to)
	for i, f := range to.fields {
		at := from.FieldIndex(f.Name)
		switch {
		case at >= 0:
			field := from.fields[at].Schema
			v := st.fields[at]
			if v.IsNull() && field.hasDefault {
				v = field.def
			}
			v, err := Project(field, v, f.Schema)
			if err != nil {
				return Value{}, fmt.Errorf("Error projecting %s: %w", f.Name, err)
			}
			out.fields[i] = v
		case f.Schema.hasDefault:
			out.fields[i] = f.Schema.def
		case !f.Schema.optional:
			return Value{}, fmt.Errorf("Required field `%s` is missing from source schema %s", f.Name, nameOrNull(from))
		}
	}
	return StructOf(out), nil
}

// projectMap keeps the last of several entries that get the same key.
func projectMap(from *Schema, m *Map, to *Schema) (Value, error) {
	out := &Map{Entries: make([]MapEntry, 0, len(m.Entries))}
	for _, e := range m.Entries {
		k, err := Project(from.key, e.Key, to.key)
		if err != nil {
			return Value{}, err
		}
		v, err := Project(from.elem, e.Value, to.elem)
		if err != nil {
			return Value{}, err
		}
		out.Put(k, v)
	}
	return MapOf(out), nil
}

// widens reports whether every value of a number type has one in another,
// though maybe less precise.
func widens(from, to Type) bool {
	return from <= to && to <= TypeFloat64
}

func promote(v Value, to Type) Value {
	float := v.kind == KindFloat32 || v.kind == KindFloat64
	switch {
	case v.kind == to.Kind():
		return v
	case to == TypeInt16:
		return Int16(int16(v.Int()))
	case to == TypeInt32:
		return Int32(int32(v.Int()))
	case to == TypeInt64:
		return Int64(v.Int())
	case to == TypeFloat32:
		return Float32(float32(v.Int()))
	case float:
		return Float64(v.Float())
	}
	return Float64(float64(v.Int()))
}

func nameOrNull(s *Schema) string {
	if s.name == "" {
		return "null"
	}
	return s.name
}

func paramsText(s *Schema) string {
	if len(s.params) == 0 {
		return "null"
	}
	var out []string
	for _, p := range s.params {
		out = append(out, p.Key+"="+p.Value)
	}
	return "{" + strings.Join(out, ", ") + "}"
}
