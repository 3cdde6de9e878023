package transform

import (
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const optionality = "Suffix with <code>!</code> to make this a required field, or <code>?</code> to keep it optional (the default)."

func insertFieldDef() *configdef.Def {
	key := func(name, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.String, NullDefault: true, Importance: configdef.Medium, Doc: doc}
	}
	return configdef.New(
		key("topic.field", "Field name for Kafka topic. "+optionality),
		key("partition.field", "Field name for Kafka partition. "+optionality),
		key("offset.field", "Field name for Kafka offset - only applicable to sink connectors.<br/>"+optionality),
		key("timestamp.field", "Field name for record timestamp. "+optionality),
		key("static.field", "Field name for static data field. "+optionality),
		key("static.value", "Static field value, if field name configured."),
		replaceNullKey(),
	)
}

// insertField adds fields that hold facts about the record or a fixed text.
type insertField struct {
	closer
	side        side
	fields      []insertion
	withDefault bool
	plans       plans[*data.Schema]
}

// insertion is one added field.
type insertion struct {
	name   string
	schema *data.Schema
	// value gives the field's value; ok is false when the record has none.
	value func(r *connect.Record, sink *connect.SinkRecord) (v data.Value, ok bool, err error)
}

func newInsertField(v *configdef.Values, s side) (connect.Transform, error) {
	t := &insertField{side: s, withDefault: v.Bool(replaceNull)}
	add := func(property string, b *data.Builder, value func(*connect.Record, *connect.SinkRecord) (data.Value, bool, error)) {
		if v.IsNull(property) {
			return
		}
		name, required := strings.CutSuffix(v.String(property), "!")
		if !required {
			name = strings.TrimSuffix(name, "?")
			b.Optional()
		}
		t.fields = append(t.fields, insertion{name, b.Build(), value})
	}
	add("topic.field", data.New(data.TypeString), topicOf)
	add("partition.field", data.New(data.TypeInt32), partitionOf)
	add("offset.field", data.New(data.TypeInt64), offsetOf)
	add("timestamp.field", data.NewTimestamp(), timestampOf)
	text := data.String(v.String("static.value"))
	add("static.field", data.New(data.TypeString), func(*connect.Record, *connect.SinkRecord) (data.Value, bool, error) { return text, true, nil })
	if len(t.fields) == 0 {
		return nil, &configdef.Error{Name: "topic.field", Message: "No field insertion configured"}
	}
	if !v.IsNull("static.field") && v.IsNull("static.value") {
		return nil, configdef.Invalid("static.value", nil, "No value specified for static field: "+v.String("static.field"))
	}
	return t, nil
}

func topicOf(r *connect.Record, _ *connect.SinkRecord) (data.Value, bool, error) {
	return data.String(r.Topic), true, nil
}

func partitionOf(r *connect.Record, _ *connect.SinkRecord) (data.Value, bool, error) {
	return data.Int32(r.Partition), r.Partition != connect.NoPartition, nil
}

func offsetOf(_ *connect.Record, sink *connect.SinkRecord) (data.Value, bool, error) {
	if sink == nil {
		return data.Value{}, false, dataError("Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord")
	}
	return data.Int64(sink.KafkaOffset), true, nil
}

func timestampOf(r *connect.Record, _ *connect.SinkRecord) (data.Value, bool, error) {
	return data.Int64(r.Timestamp), r.Timestamp != connect.NoTimestamp, nil
}

// Apply implements connect.Transform.
func (t *insertField) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	return t.apply(a, r, nil)
}

// ApplySink implements connect.SinkTransform.
func (t *insertField) ApplySink(a *data.Arena, r *connect.SinkRecord) (bool, error) {
	return t.apply(a, &r.Record, r)
}

var _ connect.SinkTransform = (*insertField)(nil)

func (t *insertField) apply(a *data.Arena, r *connect.Record, sink *connect.SinkRecord) (bool, error) {
	schema, v := t.side.get(r)
	switch {
	case v.IsNull():
		return true, nil
	case schema == nil:
		return t.intoMap(r, sink, v)
	}
	st, err := requireStruct(v, "field insertion")
	if err != nil {
		return false, err
	}
	wider, err := t.plans.get(st.Schema(), t.schema)
	if err != nil {
		return false, err
	}
	out := a.Struct(wider)
	n := len(st.Fields())
	for i := range n {
		out.Set(i, fieldValue(st, i, t.withDefault))
	}
	for i, f := range t.fields {
		x, ok, err := f.value(r, sink)
		if err != nil {
			return false, err
		}
		if ok {
			out.Set(n+i, x)
		}
	}
	t.side.set(r, wider, data.StructOf(out))
	return true, nil
}

func (t *insertField) schema(s *data.Schema) (*data.Schema, error) {
	b := data.Like(s, data.TypeStruct)
	for _, f := range s.Fields() {
		b.Field(f.Name, f.Schema)
	}
	for _, f := range t.fields {
		b.Field(f.name, f.schema)
	}
	return build(b)
}

func (t *insertField) intoMap(r *connect.Record, sink *connect.SinkRecord, v data.Value) (bool, error) {
	m, err := requireMap(v, "field insertion")
	if err != nil {
		return false, err
	}
	out := copyMap(m)
	for _, f := range t.fields {
		x, ok, err := f.value(r, sink)
		if err != nil {
			return false, err
		}
		if ok {
			out.Put(data.String(f.name), x)
		}
	}
	t.side.set(r, nil, data.MapOf(out))
	return true, nil
}
