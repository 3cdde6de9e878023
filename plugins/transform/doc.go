// Package transform holds the single message transforms of Kafka
// (org.apache.kafka.connect.transforms), one to a file. Most come in two
// variants: $Key works on a record's key, $Value on its value.
//
// A transform that changes a schema works out once for each schema what the
// new one looks like and where each field comes from, and remembers that under
// the schema's pointer: the same schema in gives the same schema out, which
// converters rely on in turn.
//
// Values are never changed in place, as several records may share them. New
// ones live in the arena that Apply gets.
package transform

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// side is the part of a record that a transform works on.
type side bool

const (
	keySide   side = false
	valueSide side = true
)

func (s side) get(r *connect.Record) (*data.Schema, data.Value) {
	if s == keySide {
		return r.KeySchema, r.Key
	}
	return r.ValueSchema, r.Value
}

func (s side) set(r *connect.Record, schema *data.Schema, v data.Value) {
	if s == keySide {
		r.KeySchema, r.Key = schema, v
	} else {
		r.ValueSchema, r.Value = schema, v
	}
}

// plans remembers what a transform worked out for each schema. It starts anew
// when there are more schemas than a connector with many tables has, such as
// when a source makes a schema for each record.
type plans[V any] struct{ m map[*data.Schema]V }

const maxPlans = 4096

func (p *plans[V]) get(s *data.Schema, work func(*data.Schema) (V, error)) (V, error) {
	if v, ok := p.m[s]; ok {
		return v, nil
	}
	v, err := work(s)
	if err != nil {
		return v, err
	}
	if p.m == nil || len(p.m) >= maxPlans {
		p.m = map[*data.Schema]V{}
	}
	p.m[s] = v
	return v, nil
}

// fieldValue is a field's value; a null is the schema's default when withDefault is set.
func fieldValue(st *data.Struct, i int, withDefault bool) data.Value {
	v := st.At(i)
	if withDefault && v.IsNull() {
		if def, ok := st.Schema().Fields()[i].Schema.Default(); ok {
			return def
		}
	}
	return v
}

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}

func className(v data.Value) string { return v.Kind().JavaClass() }

func requireStruct(v data.Value, purpose string) (*data.Struct, error) {
	if st := v.Struct(); st != nil {
		return st, nil
	}
	return nil, dataError("Only Struct objects supported for [%s], found: %s", purpose, className(v))
}

func requireMap(v data.Value, purpose string) (*data.Map, error) {
	if m := v.Map(); m != nil {
		return m, nil
	}
	return nil, dataError("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(v))
}

// copyMap copies the entries, so that they can be changed.
func copyMap(m *data.Map) *data.Map {
	return &data.Map{Entries: append(make([]data.MapEntry, 0, len(m.Entries)+4), m.Entries...)}
}

func mapGet(m *data.Map, key string) data.Value {
	v, _ := m.Get(data.String(key))
	return v
}

// closer is embedded by transforms that hold nothing.
type closer struct{}

// Close implements connect.Transform.
func (closer) Close() error { return nil }

// build ends a schema that is made of parts of a record's and of the
// configuration, where the same name may come twice.
func build(b *data.Builder) (*data.Schema, error) {
	s, err := b.TryBuild()
	if err != nil {
		return nil, dataError("%w", err)
	}
	return s, nil
}
