// Package debezium holds Debezium's own transforms (io.debezium.transforms),
// one to a file. They work on change events, which they know by the name of
// the value's schema: it ends in ".Envelope". Everything else passes.
//
// As in plugins/transform, what follows from a schema alone is worked out once
// and kept under the schema's pointer, and values are never changed in place.
package debezium

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const version = "3.6.1.Final"

// Plugins describes the transforms.
func Plugins() []connect.Plugin {
	const pkg = "io.debezium.transforms."
	return slices.Concat(
		plugin(pkg+"ByLogicalTableRouter", logicalTableDef(), newLogicalTable),
		plugin(pkg+"EnforceRecordSize", recordSizeDef(), newRecordSize),
		plugin(pkg+"ExtractChangedRecordState", changedDef(), newChanged),
		plugin(pkg+"ExtractNewRecordState", unwrapDef(), newUnwrap),
		plugin(pkg+"ExtractSchemaToNewRecord", configdef.New(), newSourceSchema),
		plugin(pkg+"GeometryFormatTransformer", geometryFormatDef(), newGeometryFormat),
		plugin(pkg+"HeaderToValue", headerToValueDef(), newHeaderToValue),
		plugin(pkg+"SchemaChangeEventFilter", schemaChangeDef(), newSchemaChangeFilter),
		plugin(pkg+"SwapGeometryCoordinates", swapDef(), newSwap),
		plugin(pkg+"TimezoneConverter", timezoneDef(), newTimezone),
		plugin(pkg+"VectorToJsonConverter", configdef.New(), newVectorToJSON),
		plugin(pkg+"outbox.EventRouter", outboxDef(), newOutbox),
		plugin(pkg+"partitions.PartitionRouting", partitionDef(), newPartitionRouting),
		plugin("io.debezium.connector.mysql.transforms.ReadToInsertEvent", configdef.New(), newReadToInsert),
	)
}

func plugin(class string, def *configdef.Def, build func(*configdef.Values, connect.PluginContext) (connect.Transform, error)) []connect.Plugin {
	return []connect.Plugin{{
		Class: class, Version: version, Kind: connect.KindTransformation, Def: def,
		NewTransform: func(config map[string]string, pc connect.PluginContext) (connect.Transform, error) {
			v, err := def.Parse(config)
			if err != nil {
				return nil, err
			}
			return build(v, pc)
		},
	}}
}

// invalid is how Debezium's own validation words an error.
func invalid(property string, value any, reason string) error {
	return configdef.Invalid(property, value, fmt.Sprintf("The '%s' value is invalid: %s", property, reason))
}

// oneOf accepts the words of one of Debezium's enumerations, in any case.
func oneOf(words ...string) configdef.Validator {
	list := strings.Join(words, ", ")
	return configdef.ValidatorFunc("["+list+"]", func(name string, value any, _ *configdef.Values) error {
		if s, _ := value.(string); slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) }) {
			return nil
		}
		return invalid(name, value, "Value must be one of "+list)
	})
}

// isEnvelope reports whether a record is a change event.
func isEnvelope(r *connect.Record) bool {
	return r.ValueSchema != nil && strings.HasSuffix(r.ValueSchema.Name(), ".Envelope") && r.Value.Struct() != nil
}

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}

// build ends a schema that is made of parts of a record's and of the
// configuration, where the same name may come twice.
func build(b *data.Builder) (*data.Schema, error) {
	s, err := b.TryBuild()
	if err != nil {
		return nil, dataError("%w", err)
	}
	return s, nil
}

// cache remembers what follows from its key. It starts anew when it holds more
// than a connector with many tables needs.
type cache[K comparable, V any] struct{ m map[K]V }

const maxCached = 4096

func (c *cache[K, V]) get(key K, work func() (V, error)) (V, error) {
	if v, ok := c.m[key]; ok {
		return v, nil
	}
	v, err := work()
	if err != nil {
		return v, err
	}
	if c.m == nil || len(c.m) >= maxCached {
		c.m = map[K]V{}
	}
	c.m[key] = v
	return v, nil
}

// member is a field of a struct by name as stored; null when the struct does
// not have it.
func member(st *data.Struct, name string) data.Value {
	if st == nil {
		return data.Null()
	}
	i := st.Schema().FieldIndex(name)
	if i < 0 {
		return data.Null()
	}
	return st.At(i)
}

// orDefault is field i, or its schema's default when it is null.
func orDefault(st *data.Struct, i int) data.Value {
	v := st.At(i)
	if v.IsNull() {
		if def, ok := st.Schema().Fields()[i].Schema.Default(); ok {
			return def
		}
	}
	return v
}

// closer is embedded by transforms that hold nothing.
type closer struct{}

// Close implements connect.Transform.
func (closer) Close() error { return nil }
