package debezium

import (
	"slices"
	"strconv"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// vectorToJSON is VectorToJsonConverter: vectors become JSON texts.
type vectorToJSON struct {
	closer
	schemas cache[*data.Schema, *data.Schema]
}

func newVectorToJSON(*configdef.Values, connect.PluginContext) (connect.Transform, error) {
	return &vectorToJSON{}, nil
}

// The names of Debezium's vector schemas.
const (
	doubleVector = "io.debezium.data.DoubleVector"
	floatVector  = "io.debezium.data.FloatVector"
	sparseVector = "io.debezium.data.SparseDoubleVector"
)

// Apply implements connect.Transform.
func (t *vectorToJSON) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if r.Value.IsNull() {
		return true, nil
	}
	st := r.Value.Struct()
	if st == nil {
		return false, dataError("Only Struct objects supported for [Value should be a struct], found: %s", r.Value.Kind().JavaClass())
	}
	schema, err := t.schemas.get(st.Schema(), func() (*data.Schema, error) { return vectorless(st.Schema()) })
	if err != nil {
		return false, err
	}
	r.ValueSchema, r.Value = schema, data.StructOf(t.convert(a, schema, st))
	return true, nil
}

// vectorless is a schema with JSON in the place of vectors. As with Debezium,
// nested structs are required afterwards.
func vectorless(s *data.Schema) (*data.Schema, error) {
	b := data.Like(s, data.TypeStruct)
	for _, f := range s.Fields() {
		schema := f.Schema
		switch {
		case schema.Name() == doubleVector, schema.Name() == floatVector, schema.Name() == sparseVector:
			j := data.New(data.TypeString).Name("io.debezium.data.Json").Version(1)
			if schema.Optional() {
				j.Optional()
			}
			schema = j.Build()
		case schema.Type() == data.TypeStruct:
			inner, err := vectorless(schema)
			if err != nil {
				return nil, err
			}
			if schema.Optional() { // Debezium forgets it, and then cannot write a null
				inner = data.From(inner).Optional().Build()
			}
			schema = inner
		}
		b.Field(f.Name, schema)
	}
	return build(b)
}

func (t *vectorToJSON) convert(a *data.Arena, s *data.Schema, st *data.Struct) *data.Struct {
	out := a.Struct(s)
	for i, f := range st.Schema().Fields() {
		v := orDefault(st, i)
		switch {
		case v.IsNull():
		case f.Schema.Name() == doubleVector, f.Schema.Name() == floatVector:
			v = data.String(vectorText(v.Elems()))
		case f.Schema.Name() == sparseVector:
			v = data.String(sparseText(v.Struct()))
		case v.Struct() != nil:
			v = data.StructOf(t.convert(a, s.Fields()[i].Schema, v.Struct()))
		}
		out.Set(i, v)
	}
	return out
}

func vectorText(elems []data.Value) string {
	out := []byte(`{ "values": [`)
	for i, e := range elems {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = data.AppendText(out, nil, e)
	}
	return string(append(out, "] }"...))
}

func sparseText(st *data.Struct) string {
	out := strconv.AppendInt([]byte(`{ "dimensions": `), member(st, "dimensions").Int(), 10)
	out = append(out, `, "vector": { `...)
	var entries []data.MapEntry
	if m := member(st, "vector").Map(); m != nil {
		entries = slices.SortedFunc(slices.Values(m.Entries), func(a, b data.MapEntry) int { return int(a.Key.Int() - b.Key.Int()) })
	}
	for i, e := range entries {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(strconv.AppendInt(append(out, '"'), e.Key.Int(), 10), `": `...)
		out = data.AppendText(out, nil, e.Value)
	}
	return string(append(out, " } }"...))
}
