package transform

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func hoistFieldDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "field", Type: configdef.String, Importance: configdef.Medium,
		Doc: "Field name for the single field that will be created in the resulting Struct or Map."})
}

// hoistField wraps the whole value into a struct or map with one field.
type hoistField struct {
	closer
	side  side
	field string
	plans plans[*data.Schema]
}

func newHoistField(v *configdef.Values, s side) (connect.Transform, error) {
	return &hoistField{side: s, field: v.String("field")}, nil
}

// Apply implements connect.Transform.
func (h *hoistField) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := h.side.get(r)
	if schema == nil {
		h.side.set(r, nil, data.MapOf(&data.Map{Entries: []data.MapEntry{{Key: data.String(h.field), Value: v}}}))
		return true, nil
	}
	wrapped, err := h.plans.get(schema, func(s *data.Schema) (*data.Schema, error) {
		return data.NewStruct().Field(h.field, s).Build(), nil
	})
	if err != nil {
		return false, err
	}
	out := a.Struct(wrapped)
	out.Set(0, v)
	h.side.set(r, wrapped, data.StructOf(out))
	return true, nil
}
