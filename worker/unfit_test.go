package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/storage/state"
)

// deep is a JSON text of n levels.
func deep(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// doublingAvro is a schema of 2^n parts once its names are replaced by what they stand for; so are the two that follow.
func doublingAvro(n int) string {
	inner := `"int"`
	for i := range n {
		inner = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":%s}]}`, i, inner, map[bool]string{true: `"int"`, false: fmt.Sprintf(`"R%d"`, i-1)}[i == 0])
	}
	return inner
}

func doublingProto(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `syntax = "proto3"; `)
	for i := range n {
		next := fmt.Sprintf("M%d", i+1)
		if i == n-1 {
			next = "int32"
		}
		fmt.Fprintf(&b, "message M%d { %s a = 1; %s b = 2; } ", i, next, next)
	}
	return b.String()
}

func doublingJSON(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"$ref":"#/definitions/d0","definitions":{"d%d":{"type":"integer"}`, n)
	for i := range n {
		fmt.Fprintf(&b, `,"d%d":{"oneOf":[{"type":"object","properties":{"a":{"$ref":"#/definitions/d%d"},"b":{"$ref":"#/definitions/d%d"}}},{"$ref":"#/definitions/d%d"}]}`, i, i+1, i+1, i+1)
	}
	return b.String() + `}}`
}

// unfit are schemas of a registry that no Connect schema can be made of: they contain themselves, or nest too deeply.
var unfit = map[string]struct {
	class, kind, schema, payload string
	names                        []string
}{
	"avro, itself": {
		"io.confluent.connect.avro.AvroConverter", "AVRO",
		`{"type":"record","name":"List","fields":[{"name":"head","type":"int"},{"name":"tail","type":["null","List"]}]}`,
		"\x02\x00", []string{"the record List contains itself"},
	},
	"avro, over another": {
		"io.confluent.connect.avro.AvroConverter", "AVRO",
		`{"type":"record","name":"a.A","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[{"name":"more","type":{"type":"array","items":"A"}}]}}]}`,
		"\x00", []string{"the record a.A contains itself"},
	},
	"avro, deep": {
		"io.confluent.connect.avro.AvroConverter", "AVRO", deep(`{"type":"array","items":`, `"int"`, `}`, 5_000), "\x00", []string{"schema 1 cannot be read", "nested deeper"},
	},
	"json, itself": {
		"io.confluent.connect.json.JsonSchemaConverter", "JSON",
		`{"type":"object","title":"List","properties":{"head":{"type":"integer"},"tail":{"$ref":"#"}}}`, `{"head":1}`, []string{"the schema contains itself"},
	},
	"json, over a definition": {
		"io.confluent.connect.json.JsonSchemaConverter", "JSON",
		`{"type":"object","properties":{"tree":{"$ref":"#/definitions/t"}},"definitions":{"t":{"type":"object","properties":{"leaves":{"type":"array","items":{"$ref":"#/definitions/t"}}}}}}`,
		`{}`, []string{"the schema contains itself"},
	},
	"json, deep": {
		"io.confluent.connect.json.JsonSchemaConverter", "JSON", deep(`{"type":"array","items":`, `{"type":"integer"}`, `}`, 5_000), `[]`, []string{"schema 1 cannot be read", "nested deeper"},
	},
	"protobuf, itself": {
		"io.confluent.connect.protobuf.ProtobufConverter", "PROTOBUF",
		`syntax = "proto3"; message List { int32 head = 1; List tail = 2; }`, "\x00\x08\x01", []string{"the message List contains itself"},
	},
	"protobuf, over another": {
		"io.confluent.connect.protobuf.ProtobufConverter", "PROTOBUF",
		`syntax = "proto3"; message A { repeated B bs = 1; } message B { map<string, A> as = 1; }`, "\x00", []string{"the message A contains itself"},
	},
	"avro, doubling":     {"io.confluent.connect.avro.AvroConverter", "AVRO", doublingAvro(40), "\x00", []string{"more than 100000 parts"}},
	"json, doubling":     {"io.confluent.connect.json.JsonSchemaConverter", "JSON", doublingJSON(40), `{}`, []string{"more than 100000 parts"}},
	"protobuf, doubling": {"io.confluent.connect.protobuf.ProtobufConverter", "PROTOBUF", doublingProto(40), "\x00", []string{"more than 100000 parts"}},
	"protobuf, deep": {
		"io.confluent.connect.protobuf.ProtobufConverter", "PROTOBUF",
		`syntax = "proto3"; ` + deep(`message M { `, `int32 x = 1;`, ` }`, 5_000), "\x00", []string{"schema 1 cannot be read", "nesting depth"},
	},
}

// Schemas that contain themselves have no Connect schema: the task fails with the place of the record, or passes it over.
func TestUnfitSchemas(t *testing.T) {
	for name, u := range unfit {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := registrytest.New(registrytest.Config{})
			t.Cleanup(server.Close)
			id := server.Put("in-value", registry.Schema{SchemaType: u.kind, Text: u.schema})
			s := newListSink()
			r := newRig(t, listSinks(s), installed)
			r.write("in", string(registry.AppendID(nil, id))+u.payload)
			task := r.start("strict", sinkConfig("value.converter", u.class, "value.converter.schema.registry.url", server.URL))
			trace := r.seen.await(t, "strict-0", state.Failed).Trace
			for _, part := range append([]string{"Tolerance exceeded", "connector strict", "task 0", "VALUE_CONVERTER", u.class, "topic in", "partition 0", "offset 0"}, u.names...) {
				if !strings.Contains(trace, part) {
					t.Errorf("the trace does not name %q:\n%.2000s", part, trace)
				}
			}
			if len(trace) > 10_000 {
				t.Errorf("the trace has %d characters", len(trace))
			}
			r.stop(task)
			r.start("lax", sinkConfig("value.converter", u.class, "value.converter.schema.registry.url", server.URL, "errors.tolerance", "all"))
			r.eventually("the offset behind it", func() bool { return r.committed("connect-lax") == 1 })
		})
	}
}
