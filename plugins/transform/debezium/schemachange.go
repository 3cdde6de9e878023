package debezium

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func schemaChangeDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "schema.change.event.exclude.list", Type: configdef.String, NullDefault: true,
		Importance: configdef.High, Order: 1, Width: configdef.WidthShort, DisplayName: "Schema change event exclude list", Validate: required(false),
		Doc: "Kinds of schema change to drop, separated by commas: CREATE, ALTER, DROP, TRUNCATE, DATABASE."})
}

// schemaChangeFilter is SchemaChangeEventFilter: it drops schema changes by kind.
type schemaChangeFilter struct {
	closer
	exclude []string
}

func newSchemaChangeFilter(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	const property = "schema.change.event.exclude.list"
	f := &schemaChangeFilter{}
	for name := range strings.SplitSeq(v.String(property), ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains([]string{"CREATE", "ALTER", "DROP", "TRUNCATE", "DATABASE"}, name) {
			return nil, invalid(property, v.String(property), "CREATE, ALTER, DROP, TRUNCATE or DATABASE is expected, not "+name)
		}
		f.exclude = append(f.exclude, name)
	}
	return f, nil
}

// Apply implements connect.Transform.
func (f *schemaChangeFilter) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	if r.ValueSchema == nil || r.Value.Struct() == nil || !isSchemaChange(r.ValueSchema.Name()) {
		return true, nil
	}
	changes := member(r.Value.Struct(), "tableChanges")
	if changes.IsNull() {
		return false, nil
	}
	kind := "DATABASE"
	if elems := changes.Elems(); len(elems) > 0 {
		kind = member(elems[0].Struct(), "type").Str()
	}
	return !slices.Contains(f.exclude, kind), nil
}

func isSchemaChange(name string) bool {
	return strings.HasSuffix(name, ".SchemaChangeValue") || strings.HasSuffix(name, ".SchemaChangeKey")
}
