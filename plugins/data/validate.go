package data

import "fmt"

// Validate checks that v fits the schema (ConnectSchema.validateValue). The
// error names the first place that does not fit.
func (s *Schema) Validate(v Value) error { return s.validate(v, "value") }

// ValidateField is Validate for the value of a struct's field.
func (s *Schema) ValidateField(field string, v Value) error {
	if v.IsNull() && s.optional || v.kind == s.typ.Kind() && s.typ < TypeArray {
		return nil // as nearly always: nobody reads where it was
	}
	return s.validate(v, `field: "`+field+`"`)
}

func (s *Schema) validate(v Value, location string) error {
	if v.IsNull() {
		if s.optional {
			return nil
		}
		return fmt.Errorf("Invalid value: null used for required %s, schema type: %s", location, s.typ.EnumName())
	}
	if v.kind != s.typ.Kind() {
		name := ""
		if s.name != "" {
			name = ` "` + s.name + `"`
		}
		return fmt.Errorf("Invalid Java object for schema%s with type %s: class %s for %s", name, s.typ.EnumName(), v.kind.JavaClass(), location)
	}
	switch s.typ {
	case TypeStruct:
		if st := v.Struct(); !st.schema.Equal(s) {
			return fmt.Errorf("Struct schemas do not match.")
		} else {
			return st.Validate()
		}
	case TypeArray:
		for _, e := range v.Elems() {
			if err := s.elem.validate(e, "element of array "+location); err != nil {
				return err
			}
		}
	case TypeMap:
		for _, e := range v.Map().Entries {
			if err := s.key.validate(e.Key, "key of map "+location); err != nil {
				return err
			}
			if err := s.elem.validate(e.Value, "value of map "+location); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate checks all fields of the struct (Struct.validate). A null is good
// where the field is optional or has a default.
func (s *Struct) Validate() error {
	for i, f := range s.schema.fields {
		if s.fields[i].IsNull() && f.Schema.hasDefault {
			continue
		}
		if err := f.Schema.ValidateField(f.Name, s.fields[i]); err != nil {
			return err
		}
	}
	return nil
}
