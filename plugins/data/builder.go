package data

import (
	"fmt"
	"slices"
)

// Builder makes a Schema (org.apache.kafka.connect.data.SchemaBuilder). Its
// methods return the builder, so that calls can be chained; Build ends it.
// A mistake that a program makes (a field added twice, an array without an
// element schema) panics in Build, as it can only be a bug.
type Builder struct{ s Schema }

// New starts a schema of a scalar or struct type.
func New(t Type) *Builder { return &Builder{s: Schema{typ: t}} }

// NewStruct starts a struct schema.
func NewStruct() *Builder { return New(TypeStruct) }

// NewArray starts an array schema with elements of the given schema.
func NewArray(elem *Schema) *Builder { return &Builder{s: Schema{typ: TypeArray, elem: elem}} }

// NewMap starts a map schema.
func NewMap(key, value *Schema) *Builder {
	return &Builder{s: Schema{typ: TypeMap, key: key, elem: value}}
}

// Like starts a schema of type t, with the name, version, documentation and
// parameters of s (SchemaUtil.copySchemaBasics).
func Like(s *Schema, t Type) *Builder {
	b := New(t)
	b.s.name, b.s.doc = s.name, s.doc
	b.s.version, b.s.hasVersion = s.version, s.hasVersion
	b.s.params = slices.Clone(s.params)
	if t == s.typ && t != TypeStruct {
		b.s.key, b.s.elem = s.key, s.elem
	}
	return b
}

// From starts a schema that is as s in everything, its fields included.
func From(s *Schema) *Builder {
	b := &Builder{s: *s}
	b.s.index = nil
	b.s.params, b.s.fields = slices.Clone(s.params), slices.Clone(s.fields)
	return b
}

// Optional allows null.
func (b *Builder) Optional() *Builder { b.s.optional = true; return b }

// Required forbids null; it is the default.
func (b *Builder) Required() *Builder { b.s.optional = false; return b }

// Name sets the schema's name.
func (b *Builder) Name(name string) *Builder { b.s.name = name; return b }

// Version sets the schema's version.
func (b *Builder) Version(v int) *Builder { b.s.version, b.s.hasVersion = v, true; return b }

// Doc sets the documentation.
func (b *Builder) Doc(doc string) *Builder { b.s.doc = doc; return b }

// Param sets a parameter; a second value for the same key replaces the first in its place.
func (b *Builder) Param(key, value string) *Builder {
	for i, p := range b.s.params {
		if p.Key == key {
			b.s.params[i].Value = value
			return b
		}
	}
	b.s.params = append(b.s.params, Param{key, value})
	return b
}

// Default sets the default value, whose memory must outlive the schema.
func (b *Builder) Default(v Value) *Builder { b.s.def, b.s.hasDefault = v, true; return b }

// Field adds a field to a struct schema.
func (b *Builder) Field(name string, schema *Schema) *Builder {
	b.s.fields = append(b.s.fields, Field{Name: name, Index: len(b.s.fields), Schema: schema})
	return b
}

// Build ends the builder and returns the schema.
func (b *Builder) Build() *Schema {
	s, err := b.TryBuild()
	if err != nil {
		panic("data: " + err.Error())
	}
	return s
}

// TryBuild is Build for schemas whose parts come from outside the program, such
// as from another schema and a configuration: it returns the mistake.
func (b *Builder) TryBuild() (*Schema, error) {
	s := b.s
	switch {
	case s.typ == TypeArray && s.elem == nil, s.typ == TypeMap && (s.elem == nil || s.key == nil):
		return nil, fmt.Errorf("%s schema without element schema", s.typ)
	case s.typ != TypeStruct && len(s.fields) > 0:
		return nil, fmt.Errorf("Cannot create fields on type %s", s.typ)
	}
	if s.typ == TypeStruct {
		s.index = make(map[string]int, len(s.fields))
	}
	for _, f := range s.fields {
		if f.Schema == nil {
			return nil, fmt.Errorf("field %s of schema %s has no schema", f.Name, s.name)
		}
		if _, dup := s.index[f.Name]; dup {
			return nil, fmt.Errorf("Cannot create field because of field name duplication %s", f.Name)
		}
		s.index[f.Name] = f.Index
	}
	b.s = Schema{}
	return &s, nil
}

// Peek returns the schema as it is so far, as TryBuild would, and lets the
// builder go on: a default needs the schema that it belongs to.
func (b *Builder) Peek() *Schema {
	s := b.s
	s.params = slices.Clone(s.params)
	if s.typ == TypeStruct {
		s.index = make(map[string]int, len(s.fields))
		for _, f := range s.fields {
			s.index[f.Name] = f.Index
		}
	}
	return &s
}
