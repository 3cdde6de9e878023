package data

import (
	"strconv"
	"strings"
)

// Type is the type of a schema (org.apache.kafka.connect.data.Schema.Type).
type Type uint8

// The schema types, in Connect's order.
const (
	TypeInt8 Type = iota
	TypeInt16
	TypeInt32
	TypeInt64
	TypeFloat32
	TypeFloat64
	TypeBoolean
	TypeString
	TypeBytes
	TypeArray
	TypeMap
	TypeStruct
)

var typeNames = [...]string{"int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string", "bytes", "array", "map", "struct"}

// String gives the name that Connect's JSON schemas use, such as "int32".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type(" + strconv.Itoa(int(t)) + ")"
}

// Kind is the kind that a non-null value of this type has.
func (t Type) Kind() Kind {
	switch t {
	case TypeBoolean:
		return KindBoolean
	case TypeString, TypeBytes, TypeArray, TypeMap, TypeStruct:
		return KindString + Kind(t-TypeString)
	}
	return KindInt8 + Kind(t)
}

// Param is one schema parameter; parameters keep the order in which they were set.
type Param struct{ Key, Value string }

// Field is one field of a struct schema.
type Field struct {
	Name   string
	Index  int
	Schema *Schema
}

// Schema describes values. It is immutable; a Builder makes one.
type Schema struct {
	typ        Type
	optional   bool
	hasVersion bool
	hasDefault bool
	version    int
	name       string
	doc        string
	params     []Param
	def        Value
	fields     []Field
	index      map[string]int
	key, elem  *Schema
}

// Type is the schema's type.
func (s *Schema) Type() Type { return s.typ }

// Optional reports whether null is a valid value.
func (s *Schema) Optional() bool { return s.optional }

// Name is the schema's name, "" when it has none.
func (s *Schema) Name() string { return s.name }

// Version is the schema's version; ok is false when it has none.
func (s *Schema) Version() (version int, ok bool) { return s.version, s.hasVersion }

// Doc is the schema's documentation, "" when it has none.
func (s *Schema) Doc() string { return s.doc }

// Params are the schema's parameters in the order they were set. Read only.
func (s *Schema) Params() []Param { return s.params }

// Param returns the value of the parameter named key.
func (s *Schema) Param(key string) (value string, ok bool) {
	for _, p := range s.params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// Default is the default value; ok is false when there is none.
func (s *Schema) Default() (v Value, ok bool) { return s.def, s.hasDefault }

// Fields are a struct schema's fields in order. Read only.
func (s *Schema) Fields() []Field { return s.fields }

// FieldIndex finds a field by name; -1 when there is none.
func (s *Schema) FieldIndex(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	return -1
}

// Field finds a field by name; nil when there is none.
func (s *Schema) Field(name string) *Field {
	if i, ok := s.index[name]; ok {
		return &s.fields[i]
	}
	return nil
}

// KeySchema is the schema of a map's keys.
func (s *Schema) KeySchema() *Schema { return s.key }

// ValueSchema is the schema of a map's values or an array's elements.
func (s *Schema) ValueSchema() *Schema { return s.elem }

// EnumName is the name of Java's enum constant, such as "INT32".
func (t Type) EnumName() string { return strings.ToUpper(t.String()) }
