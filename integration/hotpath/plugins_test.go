package hotpath

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/install"
)

const (
	kafkaTransforms    = "org.apache.kafka.connect.transforms."
	debeziumTransforms = "io.debezium.transforms."
)

// changeEvent is one change event, in memory that lasts.
func changeEvent(t testing.TB) connect.Record {
	t.Helper()
	s := newRows(t, 100)
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	if err := s.row(b); err != nil {
		t.Fatal(err)
	}
	return b.Records[0].Record
}

// unwrapped is the record behind ExtractNewRecordState.
func unwrapped(t testing.TB) connect.Record {
	r := changeEvent(t)
	r.ValueSchema = r.ValueSchema.Field("after").Schema
	r.Value = r.Value.Struct().At(1)
	return r
}

func find(t testing.TB, kind connect.Kind, class string) *connect.Plugin {
	t.Helper()
	for _, p := range install.Builtin() {
		if p.Kind == kind && p.Class == class {
			return &p
		}
	}
	t.Fatalf("there is no %s %s", kind, class)
	return nil
}

// conversion is one converter on its way to Kafka.
type conversion struct {
	class string
	props []string
	value func(testing.TB) (*data.Schema, data.Value) // nil for a change event
	most  float64                                     // allocations for a value
}

func scalar(schema data.Type, v data.Value) func(testing.TB) (*data.Schema, data.Value) {
	return func(testing.TB) (*data.Schema, data.Value) { return data.New(schema).Build(), v }
}

func conversions() []conversion {
	const kafka, confluent = "org.apache.kafka.connect.", "io.confluent.connect."
	return []conversion{
		{class: kafka + "json.JsonConverter", props: []string{"schemas.enable", "false"}},
		{class: kafka + "json.JsonConverter", props: []string{"schemas.enable", "true"}},
		{class: kafka + "storage.StringConverter"},
		{class: confluent + "avro.AvroConverter"},
		{class: confluent + "protobuf.ProtobufConverter"},
		{class: confluent + "json.JsonSchemaConverter"},
		{class: "io.debezium.converters.CloudEventsConverter", most: 25}, // builds an envelope for each
		{class: "io.debezium.converters.BinaryDataConverter", value: scalar(data.TypeBytes, data.Bytes([]byte("bytes")))},
		{class: kafka + "converters.ByteArrayConverter", value: scalar(data.TypeBytes, data.Bytes([]byte("bytes")))},
		{class: kafka + "converters.LongConverter", value: scalar(data.TypeInt64, data.Int64(1<<40))},
		{class: kafka + "converters.IntegerConverter", value: scalar(data.TypeInt32, data.Int32(7))},
		{class: kafka + "converters.ShortConverter", value: scalar(data.TypeInt16, data.Int16(7))},
		{class: kafka + "converters.DoubleConverter", value: scalar(data.TypeFloat64, data.Float64(0.1))},
		{class: kafka + "converters.FloatConverter", value: scalar(data.TypeFloat32, data.Float32(0.1))},
		{class: kafka + "converters.BooleanConverter", value: scalar(data.TypeBoolean, data.Boolean(true))},
	}
}

func (c *conversion) open(t testing.TB) (connect.Converter, *data.Schema, data.Value) {
	t.Helper()
	props := map[string]string{}
	if strings.Contains(c.class, "confluent") {
		schemas := registrytest.New(registrytest.Config{})
		t.Cleanup(schemas.Close)
		props["schema.registry.url"] = schemas.URL
	}
	for i := 0; i < len(c.props); i += 2 {
		props[c.props[i]] = c.props[i+1]
	}
	converter, err := find(t, connect.KindConverter, c.class).NewConverter(props, false)
	if err != nil {
		t.Fatal(err)
	}
	r := changeEvent(t)
	if c.value != nil {
		r.ValueSchema, r.Value = c.value(t)
	}
	return converter, r.ValueSchema, r.Value
}

func (c *conversion) name() string {
	return strings.Join(append([]string{c.class[strings.LastIndex(c.class, ".")+1:]}, c.props...), " ")
}

// TestAllocationsOfConverters converts the same value again and again.
func TestAllocationsOfConverters(t *testing.T) {
	for _, c := range conversions() {
		t.Run(c.name(), func(t *testing.T) {
			converter, schema, v := c.open(t)
			buf := make([]byte, 0, 64<<10)
			n := testing.AllocsPerRun(200, func() {
				if _, _, err := converter.Append(buf, "p.sb.sbtest1", nil, schema, v); err != nil {
					t.Fatal(err)
				}
			})
			if n > c.most {
				t.Errorf("%v allocations per value, want %v at most", n, c.most)
			}
		})
	}
}

func BenchmarkConverter(b *testing.B) {
	for _, c := range conversions() {
		b.Run(c.name(), func(b *testing.B) {
			converter, schema, v := c.open(b)
			buf := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := converter.Append(buf, "p.sb.sbtest1", nil, schema, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// transformation is one transform, and what it may allocate for a record.
type transformation struct {
	class  string
	props  string // KEY=VALUE, separated by spaces
	record func(testing.TB) connect.Record
	most   float64
}

func transformations() []transformation {
	return []transformation{
		{kafkaTransforms + "RegexRouter", `regex=p\.(.*) replacement=$1`, changeEvent, 0},
		{kafkaTransforms + "TimestampRouter", "topic.format=${topic}-${timestamp} timestamp.format=yyyyMMdd", stamped, 2},
		{kafkaTransforms + "ReplaceField$Value", "exclude=pad renames=c:text", unwrapped, 0},
		{kafkaTransforms + "InsertField$Value", "static.field=where static.value=here topic.field=topic", unwrapped, 0},
		{kafkaTransforms + "MaskField$Value", "fields=pad", unwrapped, 0},
		{kafkaTransforms + "Cast$Value", "spec=k:int64,id:string", unwrapped, 1},
		{kafkaTransforms + "ExtractField$Key", "field=id", unwrapped, 0},
		{kafkaTransforms + "HoistField$Value", "field=row", unwrapped, 0},
		{kafkaTransforms + "Flatten$Value", "", changeEvent, 0},
		{kafkaTransforms + "ValueToKey", "fields=k", unwrapped, 0},
		{kafkaTransforms + "TimestampConverter$Value", "field=ts_ms target.type=string format=yyyy-MM-dd", changeEvent, 2},
		{kafkaTransforms + "InsertHeader", "header=h value.literal=1", unwrapped, 1},
		{kafkaTransforms + "DropHeaders", "headers=__debezium.context.taskId", unwrapped, 1},
		{kafkaTransforms + "HeaderFrom$Value", "fields=k headers=k operation=copy", unwrapped, 2},
		{kafkaTransforms + "SetSchemaMetadata$Value", "schema.name=x", unwrapped, 0},
		{kafkaTransforms + "Filter", "", changeEvent, 0},
		{debeziumTransforms + "ExtractNewRecordState", "add.fields=op,source.ts_ms delete.tombstone.handling.mode=rewrite", changeEvent, 0},
		{debeziumTransforms + "ByLogicalTableRouter", `topic.regex=(.*)sbtest\d+ topic.replacement=$1all key.enforce.uniqueness=false`, changeEvent, 0},
		{debeziumTransforms + "ExtractChangedRecordState", "header.changed.name=changed", changeEvent, 3},
		{debeziumTransforms + "partitions.PartitionRouting", "partition.payload.fields=change.k partition.topic.num=3", changeEvent, 0},
		{debeziumTransforms + "TimezoneConverter", "converted.timezone=+05:30", changeEvent, 2},
	}
}

func stamped(t testing.TB) connect.Record {
	r := changeEvent(t)
	r.Timestamp = 1700000000123
	return r
}

func (c *transformation) open(t testing.TB) connect.Transform {
	t.Helper()
	props := map[string]string{}
	for pair := range strings.FieldsSeq(c.props) {
		key, value, _ := strings.Cut(pair, "=")
		props[key] = value
	}
	tr, err := find(t, connect.KindTransformation, c.class).NewTransform(props, connect.PluginContext{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (c *transformation) name() string { return c.class[strings.LastIndex(c.class, ".")+1:] }

// TestAllocationsOfTransforms transforms the same record again and again. What a
// transform makes lives in the batch's arena; a list of headers or a text may cost an allocation.
func TestAllocationsOfTransforms(t *testing.T) {
	for _, c := range transformations() {
		t.Run(c.name(), func(t *testing.T) {
			tr, record := c.open(t), c.record(t)
			var a data.Arena
			var r connect.Record
			n := testing.AllocsPerRun(200, func() {
				a.Reset()
				r = record
				if _, err := tr.Apply(&a, &r); err != nil {
					t.Fatal(err)
				}
			})
			if n > c.most {
				t.Errorf("%v allocations per record, want %v at most", n, c.most)
			}
		})
	}
}

func BenchmarkTransform(b *testing.B) {
	for _, c := range transformations() {
		b.Run(c.name(), func(b *testing.B) {
			tr, record := c.open(b), c.record(b)
			var a data.Arena
			var r connect.Record
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				r = record
				if _, err := tr.Apply(&a, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocationsOfHeaderConverters converts Debezium's headers.
func TestAllocationsOfHeaderConverters(t *testing.T) {
	headers := changeEvent(t).Headers
	for _, class := range []string{"storage.SimpleHeaderConverter", "storage.StringConverter", "json.JsonConverter"} {
		c, err := find(t, connect.KindHeaderConverter, "org.apache.kafka.connect."+class).NewHeaderConverter(nil)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 0, 1<<10)
		n := testing.AllocsPerRun(200, func() {
			for _, h := range headers {
				if _, _, err := c.AppendHeader(buf, "t", h.Key, h.Schema, h.Value); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for %d headers", class, n, len(headers))
		}
	}
	if len(headers) == 0 {
		t.Error("a change event has no headers")
	}
}
