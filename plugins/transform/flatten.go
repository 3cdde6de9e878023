package transform

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func flattenDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "delimiter", Type: configdef.String, Default: configdef.Text("."), Importance: configdef.Medium,
		Doc: "What stands between the names of nested fields in the names of the new ones."})
}

// flatten lifts the fields of nested structs and maps to the top.
type flatten struct {
	closer
	side      side
	delimiter string
	plans     plans[*data.Schema]
}

func newFlatten(v *configdef.Values, s side) (connect.Transform, error) {
	return &flatten{side: s, delimiter: v.String("delimiter")}, nil
}

// Apply implements connect.Transform.
func (f *flatten) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := f.side.get(r)
	if v.IsNull() {
		return true, nil
	}
	if schema == nil {
		m, err := requireMap(v, "flattening")
		if err != nil {
			return false, err
		}
		out := &data.Map{}
		err = f.flattenMap(out, "", m)
		f.side.set(r, nil, data.MapOf(out))
		return err == nil, err
	}
	st, err := requireStruct(v, "flattening")
	if err != nil {
		return false, err
	}
	flat, err := f.plans.get(schema, f.schema)
	if err != nil {
		return false, err
	}
	out := a.Struct(flat)
	fill(out, 0, schema, st)
	f.side.set(r, flat, data.StructOf(out))
	return true, nil
}

func (f *flatten) name(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + f.delimiter + name
}

func (f *flatten) flattenMap(out *data.Map, prefix string, m *data.Map) error {
	for _, e := range m.Entries {
		name := f.name(prefix, e.Key.Str())
		switch e.Value.Kind() {
		case data.KindMap:
			if err := f.flattenMap(out, name, e.Value.Map()); err != nil {
				return err
			}
		case data.KindStruct:
			return dataError("Flatten transformation does not support class %s for record without schemas (for field %s).", className(e.Value), name)
		default:
			out.Put(data.String(name), e.Value)
		}
	}
	return nil
}

func (f *flatten) schema(s *data.Schema) (*data.Schema, error) {
	b := data.Like(s, data.TypeStruct)
	var parent *data.Struct
	if def, ok := s.Default(); ok {
		parent = def.Struct()
	}
	if err := f.addFields(b, s, "", s.Optional(), parent); err != nil {
		return nil, err
	}
	return build(b)
}

// addFields adds the fields of s. What an optional struct holds is optional,
// and takes its default from the struct's when it has none of its own.
func (f *flatten) addFields(b *data.Builder, s *data.Schema, prefix string, optional bool, parent *data.Struct) error {
	for i, field := range s.Fields() {
		name := f.name(prefix, field.Name)
		def, ok := field.Schema.Default()
		if !ok && parent != nil {
			def = fieldValue(parent, i, true)
		}
		opt := optional || field.Schema.Optional()
		switch field.Schema.Type() {
		case data.TypeStruct:
			if err := f.addFields(b, field.Schema, name, opt, def.Struct()); err != nil {
				return err
			}
		case data.TypeMap:
			return dataError("Flatten transformation does not support MAP for record with schemas (for field %s).", name)
		default:
			leaf := data.Like(field.Schema, field.Schema.Type())
			if opt {
				leaf.Optional()
			}
			if !def.IsNull() {
				leaf.Default(def)
			}
			b.Field(name, leaf.Build())
		}
	}
	return nil
}

// fill writes the leaves of st, which may be nil, from position at on and
// returns the position after them.
func fill(out *data.Struct, at int, s *data.Schema, st *data.Struct) int {
	for i, field := range s.Fields() {
		var v data.Value
		if st != nil {
			v = fieldValue(st, i, field.Schema.Type() != data.TypeStruct)
		}
		if field.Schema.Type() == data.TypeStruct {
			at = fill(out, at, field.Schema, v.Struct())
			continue
		}
		out.Set(at, v)
		at++
	}
	return at
}
