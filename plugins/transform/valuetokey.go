package transform

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func valueToKeyDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "fields", Type: configdef.List, Importance: configdef.High, Validate: configdef.ListOf(false),
			Doc: "Names of the fields of the value that make the key."},
		replaceNullKey(),
	)
}

// valueToKey makes the key of fields of the value.
type valueToKey struct {
	closer
	fields      []string
	withDefault bool
	plans       plans[*selection]
}

func newValueToKey(v *configdef.Values) (connect.Transform, error) {
	return &valueToKey{fields: v.List("fields"), withDefault: v.Bool(replaceNull)}, nil
}

// Apply implements connect.Transform.
func (t *valueToKey) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	const purpose = "copying fields from value to key"
	if r.ValueSchema == nil {
		m, err := requireMap(r.Value, purpose)
		if err != nil {
			return false, err
		}
		key := &data.Map{}
		for _, f := range t.fields {
			key.Put(data.String(f), mapGet(m, f))
		}
		r.KeySchema, r.Key = nil, data.MapOf(key)
		return true, nil
	}
	st, err := requireStruct(r.Value, purpose)
	if err != nil {
		return false, err
	}
	sel, err := t.plans.get(st.Schema(), t.keyOf)
	if err != nil {
		return false, err
	}
	r.KeySchema, r.Key = sel.schema, data.StructOf(sel.apply(a, st, t.withDefault))
	return true, nil
}

func (t *valueToKey) keyOf(s *data.Schema) (*selection, error) {
	sel := &selection{}
	b := data.NewStruct()
	for _, name := range t.fields {
		f := s.Field(name)
		if f == nil {
			return nil, dataError("Field does not exist: %s", name)
		}
		b.Field(name, f.Schema)
		sel.from = append(sel.from, f.Index)
	}
	var err error
	sel.schema, err = build(b)
	return sel, err
}
