package data

import "fmt"

// Struct is a value of a struct schema: one Value for each field, in the
// schema's order.
type Struct struct {
	schema *Schema
	fields []Value
}

// NewStructValue makes an empty struct on the heap; all fields are null.
func NewStructValue(schema *Schema) *Struct {
	return &Struct{schema: schema, fields: make([]Value, len(schema.fields))}
}

// Schema is the struct's schema.
func (s *Struct) Schema() *Schema { return s.schema }

// Fields are the struct's values by field index, as stored: a null stays null
// even where the schema has a default. The slice may be written to by the owner.
func (s *Struct) Fields() []Value { return s.fields }

// At is the value of field i as stored (Java's getWithoutDefault).
func (s *Struct) At(i int) Value { return s.fields[i] }

// Set stores a value in field i.
func (s *Struct) Set(i int, v Value) { s.fields[i] = v }

// Get returns a field's value by name; a null gives the schema's default where
// there is one (Java's Struct.get).
func (s *Struct) Get(name string) (Value, error) {
	i := s.schema.FieldIndex(name)
	if i < 0 {
		return Value{}, fmt.Errorf("%s is not a valid field name", name)
	}
	v := s.fields[i]
	if v.IsNull() {
		if def, ok := s.schema.fields[i].Schema.Default(); ok {
			return def, nil
		}
	}
	return v, nil
}

// Put stores a value by field name.
func (s *Struct) Put(name string, v Value) error {
	i := s.schema.FieldIndex(name)
	if i < 0 {
		return fmt.Errorf("%s is not a valid field name", name)
	}
	s.fields[i] = v
	return nil
}
