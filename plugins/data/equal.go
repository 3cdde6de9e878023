package data

import (
	"bytes"
	"hash/maphash"
)

// Equal reports whether two schemas say the same (ConnectSchema.equals). Two
// nil schemas are equal. Parameters may stand in any order.
func (s *Schema) Equal(o *Schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil ||
		s.typ != o.typ || s.optional != o.optional || s.name != o.name || s.doc != o.doc ||
		s.hasVersion != o.hasVersion || s.version != o.version || s.hasDefault != o.hasDefault {
		return false
	}
	return s.sameParams(o) && s.def.Equal(o.def) && s.sameFields(o) && s.key.Equal(o.key) && s.elem.Equal(o.elem)
}

func (s *Schema) sameParams(o *Schema) bool {
	if len(s.params) != len(o.params) {
		return false
	}
	for _, p := range s.params {
		if v, ok := o.Param(p.Key); !ok || v != p.Value {
			return false
		}
	}
	return true
}

func (s *Schema) sameFields(o *Schema) bool {
	if len(s.fields) != len(o.fields) {
		return false
	}
	for i, f := range s.fields {
		if g := o.fields[i]; f.Name != g.Name || !f.Schema.Equal(g.Schema) {
			return false
		}
	}
	return true
}

// Equal reports whether two values are the same: of the same kind and with
// the same content. Maps may be in any order; NaN equals NaN and 0.0 differs
// from -0.0, as in Java's equals.
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case KindString, KindBytes:
		return bytes.Equal(v.Raw(), o.Raw())
	case KindArray:
		return equalValues(v.Elems(), o.Elems())
	case KindMap:
		return v.Map().equal(o.Map())
	case KindStruct:
		a, b := v.Struct(), o.Struct()
		return a == b || a.schema.Equal(b.schema) && equalValues(a.fields, b.fields)
	case KindFloat32, KindFloat64:
		return v.num == o.num || v.Float() != v.Float() && o.Float() != o.Float()
	}
	return v.num == o.num
}

func equalValues(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

func (m *Map) equal(o *Map) bool {
	if m == o {
		return true
	}
	if len(m.Entries) != len(o.Entries) {
		return false
	}
	for i, e := range m.Entries {
		if f := o.Entries[i]; e.Key.Equal(f.Key) && e.Value.Equal(f.Value) {
			continue
		}
		if w, ok := o.Get(e.Key); !ok || !e.Value.Equal(w) {
			return false
		}
	}
	return true
}

// Get finds the value stored under key.
func (m *Map) Get(key Value) (v Value, ok bool) {
	for i := range m.Entries {
		if m.Entries[i].Key.Equal(key) {
			return m.Entries[i].Value, true
		}
	}
	return Value{}, false
}

// Put stores value under key: in place when there is one, at the end otherwise.
func (m *Map) Put(key, value Value) {
	for i := range m.Entries {
		if m.Entries[i].Key.Equal(key) {
			m.Entries[i].Value = value
			return
		}
	}
	m.Entries = append(m.Entries, MapEntry{key, value})
}

// Hash gives equal values equal numbers. Numbers of different seeds do not compare.
func (v Value) Hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	v.writeHash(&h)
	return h.Sum64()
}

func (v Value) writeHash(h *maphash.Hash) {
	h.WriteByte(byte(v.kind))
	switch v.kind {
	case KindString, KindBytes:
		h.Write(v.Raw())
	case KindArray:
		for _, e := range v.Elems() {
			e.writeHash(h)
		}
	case KindMap:
		maphash.WriteComparable(h, v.Map().sum(h.Seed()))
	case KindStruct:
		for _, e := range v.Struct().fields {
			e.writeHash(h)
		}
	case KindFloat32, KindFloat64:
		if v.Float() == v.Float() { // all NaNs are equal
			maphash.WriteComparable(h, v.num)
		}
	default:
		maphash.WriteComparable(h, v.num)
	}
}

// sum does not depend on the order of the entries.
func (m *Map) sum(seed maphash.Seed) uint64 {
	var total uint64
	for _, e := range m.Entries {
		var h maphash.Hash
		h.SetSeed(seed)
		e.Key.writeHash(&h)
		e.Value.writeHash(&h)
		total += h.Sum64()
	}
	return total
}

// Hash gives equal schemas equal numbers.
func (s *Schema) Hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	s.writeHash(&h)
	return h.Sum64()
}

func (s *Schema) writeHash(h *maphash.Hash) {
	if s == nil {
		h.WriteByte(0xff)
		return
	}
	h.WriteByte(byte(s.typ))
	maphash.WriteComparable(h, [2]bool{s.optional, s.hasVersion})
	maphash.WriteComparable(h, s.version)
	h.WriteString(s.name)
	h.WriteByte(0)
	h.WriteString(s.doc)
	s.def.writeHash(h)
	for _, f := range s.fields {
		h.WriteString(f.Name)
		f.Schema.writeHash(h)
	}
	if s.key != nil {
		s.key.writeHash(h)
	}
	if s.elem != nil {
		s.elem.writeHash(h)
	}
}
