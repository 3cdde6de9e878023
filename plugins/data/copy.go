package data

import (
	"bytes"
	"strings"
)

// Clone copies a value with everything it refers to out of whatever arena it
// lives in, onto the heap. Schemas are shared.
func (v Value) Clone() Value {
	switch v.kind {
	case KindString:
		return String(strings.Clone(v.Str()))
	case KindBytes:
		return Bytes(bytes.Clone(v.Raw()))
	case KindArray:
		return Array(cloneValues(v.Elems()))
	case KindMap:
		m := &Map{Entries: make([]MapEntry, len(v.Map().Entries))}
		for i, e := range v.Map().Entries {
			m.Entries[i] = MapEntry{e.Key.Clone(), e.Value.Clone()}
		}
		return MapOf(m)
	case KindStruct:
		s := v.Struct()
		return StructOf(&Struct{s.schema, cloneValues(s.fields)})
	}
	return v
}

func cloneValues(vs []Value) []Value {
	out := make([]Value, len(vs))
	for i, v := range vs {
		out[i] = v.Clone()
	}
	return out
}
