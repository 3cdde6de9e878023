package debezium

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// sourceSchema is ExtractSchemaToNewRecord: events get a field that describes
// the columns of their table, as column.propagate.source.type put them into
// the parameters of the schema.
type sourceSchema struct {
	closer
	names                 adjuster
	block, table, columns *data.Schema
	plans                 cache[*data.Schema, *sourcePlan]
}

// sourcePlan is the widened schema and the value that all events of a table share.
type sourcePlan struct {
	schema  *data.Schema
	columns data.Value
}

func newSourceSchema(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	mode, _ := v.Original("schema.name.adjustment.mode")
	t := &sourceSchema{names: newAdjuster(mode, true)}
	text, number := data.New(data.TypeString).Build(), optional(data.TypeInt32)
	t.columns = data.NewStruct().Name(t.names.adjust("io.debezium.connector.source.schema.Column")).Version(1).
		Field("name", text).Field("typeName", text).Field("length", number).Field("scale", number).
		Field("comment", optional(data.TypeString)).Build()
	t.table = data.NewStruct().Name("io.debezium.connector.source.schema.Table").Version(1).
		Field("columns", data.NewArray(t.columns).Build()).Build()
	t.block = data.NewStruct().Name(t.names.adjust("io.debezium.connector.source.Schema")).Version(1).
		Field("id", text).Field("table", t.table).Build()
	return t, nil
}

// Apply implements connect.Transform.
func (t *sourceSchema) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if !isEnvelope(r) {
		return true, nil
	}
	event := r.Value.Struct()
	if member(event, "after").IsNull() && member(event, "before").IsNull() {
		return true, nil
	}
	p, err := t.plans.get(event.Schema(), func() (*sourcePlan, error) { return t.plan(event.Schema()) })
	if err != nil {
		return false, dataError("%w", err)
	}
	block := a.Struct(t.block)
	block.Set(0, member(member(event, "source").Struct(), "table"))
	block.Set(1, p.columns)
	out := a.Struct(p.schema)
	for i := range event.Fields() {
		out.Set(i, orDefault(event, i))
	}
	out.Set(len(event.Fields()), data.StructOf(block))
	r.ValueSchema, r.Value = p.schema, data.StructOf(out)
	return true, nil
}

func (t *sourceSchema) plan(envelope *data.Schema) (*sourcePlan, error) {
	after := envelope.Field("after")
	if after == nil || after.Schema.Type() != data.TypeStruct {
		return nil, errors.New("Unknown field: after")
	}
	var columns []data.Value
	for _, f := range after.Schema.Fields() {
		c, err := t.column(f.Schema)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		columns = append(columns, data.StructOf(c))
	}
	table := data.NewStructValue(t.table)
	table.Set(0, data.Array(columns))
	schema, err := build(data.From(envelope).Field("sourceSchema", t.block))
	return &sourcePlan{schema, data.StructOf(table)}, err
}

func (t *sourceSchema) column(s *data.Schema) (*data.Struct, error) {
	const prefix = "__debezium.source.column."
	out := data.NewStructValue(t.columns)
	for i, name := range []string{"name", "type", "length", "scale", "comment"} {
		text, ok := s.Param(prefix + name)
		switch {
		case !ok && i < 2:
			return nil, errors.New(`Ensure that enable configurations "column.propagate.source.type" or "datatype.propagate.source.type" and the value is set to ".*"`)
		case !ok:
		case name == "length" || name == "scale":
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("parameter %s: %w", prefix+name, err)
			}
			out.Set(i, data.Int32(int32(n)))
		default:
			out.Set(i, data.String(text))
		}
	}
	return out, nil
}
