package transform

import (
	"fmt"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func extractFieldDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "field", Type: configdef.String, Importance: configdef.Medium, Doc: "Name of the field to extract."},
		replaceNullKey(),
		fieldSyntaxKey(),
	)
}

// extractField replaces a struct or map by one of its fields.
type extractField struct {
	closer
	side        side
	name        string
	path        path
	withDefault bool
}

func newExtractField(v *configdef.Values, s side) (connect.Transform, error) {
	p, err := newPath(v.String("field"), v.String(fieldSyntax))
	return &extractField{side: s, name: v.String("field"), path: p, withDefault: v.Bool(replaceNull)}, err
}

// Apply implements connect.Transform.
func (e *extractField) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	schema, v := e.side.get(r)
	if schema == nil {
		return e.fromMap(r, v)
	}
	if schema.Type() != data.TypeStruct {
		return false, dataError("Only Struct objects supported for [field extraction], found: %s", className(v))
	}
	f := e.path.field(schema)
	if f == nil {
		return false, &connect.JavaError{Class: "java.lang.IllegalArgumentException", Err: fmt.Errorf("Unknown field: %s", e.name)}
	}
	if !v.IsNull() {
		st, err := requireStruct(v, "field extraction")
		if err != nil {
			return false, err
		}
		if v, err = e.path.value(st, e.withDefault); err != nil {
			return false, err
		}
	}
	e.side.set(r, f.Schema, v)
	return true, nil
}

func (e *extractField) fromMap(r *connect.Record, v data.Value) (bool, error) {
	if v.IsNull() {
		return true, nil
	}
	m, err := requireMap(v, "field extraction")
	if err != nil {
		return false, err
	}
	v, err = e.path.mapValue(m)
	e.side.set(r, nil, v)
	return err == nil, err
}
