package transform

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func setSchemaMetadataDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "schema.name", Type: configdef.String, NullDefault: true, Importance: configdef.High, Doc: "The name that the schema gets."},
		configdef.Key{Name: "schema.version", Type: configdef.Int, NullDefault: true, Importance: configdef.High, Doc: "The version that the schema gets."},
		replaceNullKey(),
	)
}

// setSchemaMetadata gives schemas a name and a version.
type setSchemaMetadata struct {
	closer
	side        side
	values      *configdef.Values
	withDefault bool
	plans       plans[*data.Schema]
}

func newSetSchemaMetadata(v *configdef.Values, s side) (connect.Transform, error) {
	if v.IsNull("schema.name") && v.IsNull("schema.version") {
		return nil, &configdef.Error{Name: "schema.name", Message: "Neither schema name nor version configured"}
	}
	return &setSchemaMetadata{side: s, values: v, withDefault: v.Bool(replaceNull)}, nil
}

// Apply implements connect.Transform.
func (t *setSchemaMetadata) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := t.side.get(r)
	if schema == nil {
		if v.IsNull() {
			return true, nil
		}
		return false, dataError("Schema required for [updating schema metadata]")
	}
	named, err := t.plans.get(schema, t.schema)
	if err != nil {
		return false, err
	}
	if st := v.Struct(); st != nil {
		out := a.Struct(named)
		for i := range st.Fields() {
			out.Set(i, fieldValue(st, i, t.withDefault))
		}
		v = data.StructOf(out)
	}
	t.side.set(r, named, v)
	return true, nil
}

func (t *setSchemaMetadata) schema(s *data.Schema) (*data.Schema, error) {
	b := data.From(s)
	if !t.values.IsNull("schema.name") {
		b.Name(t.values.String("schema.name"))
	}
	if !t.values.IsNull("schema.version") {
		b.Version(t.values.Int("schema.version"))
	}
	return build(b)
}
