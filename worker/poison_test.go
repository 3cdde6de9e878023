package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/install"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// installed gives the rig all plugins of the program.
func installed(r *rig, _ *Config) { r.plugins = append(r.plugins, install.Builtin()...) }

const (
	jsonConverter = "org.apache.kafka.connect.json.JsonConverter"
	transforms    = "org.apache.kafka.connect.transforms."
)

func enveloped(schema, payload string) string {
	return `{"schema":` + schema + `,"payload":` + payload + `}`
}

// hugeSchema is a struct of n fields.
func hugeSchema(n int) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"field":"f%d","type":"int32"}`, i)
	}
	return `{"type":"struct","fields":[` + strings.Join(fields, ",") + `]}`
}

// poison are messages that a sink with JsonConverter, and transforms where given, cannot read.
var poison = map[string]struct {
	value     string
	transform string // its class and properties
	names     []string
}{
	"no JSON":            {value: "nonsense", names: []string{"VALUE_CONVERTER", jsonConverter}},
	"cut off":            {value: `{"schema":{"type":"str`, names: []string{"VALUE_CONVERTER", jsonConverter}},
	"not UTF-8":          {value: "{\"\xff\xfe\":1}", names: []string{"VALUE_CONVERTER", jsonConverter}},
	"too deep":           {value: strings.Repeat("[", 100_000), names: []string{"VALUE_CONVERTER", jsonConverter}},
	"too deep a schema":  {value: enveloped(strings.Repeat(`{"type":"array","items":`, 8_000)+`{"type":"int32"}`+strings.Repeat("}", 8_000), "[]"), names: []string{"VALUE_CONVERTER", jsonConverter}},
	"huge schema":        {value: enveloped(hugeSchema(5_000), `{"f0":1}`), names: []string{"VALUE_CONVERTER", jsonConverter, "f1"}},
	"wrong type":         {value: enveloped(`{"type":"int32"}`, `"text"`), names: []string{"VALUE_CONVERTER", jsonConverter}},
	"number too large":   {value: enveloped(`{"type":"int8"}`, `1e400`), names: []string{"VALUE_CONVERTER", jsonConverter}},
	"no such field":      {value: enveloped(`{"type":"struct","fields":[]}`, `{}`), transform: "ExtractField$Value field=a", names: []string{"TRANSFORMATION", transforms + "ExtractField$Value", "a"}},
	"cannot be cast":     {value: enveloped(`{"type":"string"}`, `"x"`), transform: "Cast$Value spec=int32", names: []string{"TRANSFORMATION", transforms + "Cast$Value"}},
	"no time":            {value: enveloped(`{"type":"string"}`, `"x"`), transform: "TimestampConverter$Value target.type=unix format=yyyy", names: []string{"TRANSFORMATION", transforms + "TimestampConverter$Value"}},
	"no struct to hoist": {value: enveloped(`{"type":"string"}`, `"x"`), transform: "ValueToKey fields=a", names: []string{"TRANSFORMATION", transforms + "ValueToKey"}},
}

func poisonConfig(transform string, more ...string) map[string]string {
	config := sinkConfig(append([]string{"value.converter", jsonConverter}, more...)...)
	if transform != "" {
		words := strings.Fields(transform)
		config["transforms"], config["transforms.t.type"] = "t", transforms+words[0]
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			config["transforms.t."+name] = value
		}
	}
	return config
}

// TestPoisonFailsTheTask with a trace that names the place, and is passed over where errors.tolerance says so, and counted.
func TestPoisonFailsTheTask(t *testing.T) {
	for name, p := range poison {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := newListSink(), metrics.New(nil)
			r := newRig(t, listSinks(s), installed, measured(m))
			r.write("in", p.value)
			id := r.start("strict", poisonConfig(p.transform))
			trace := r.seen.await(t, "strict-0", state.Failed).Trace
			for _, part := range append([]string{"Tolerance exceeded in error handler", "connector strict", "task 0", "topic in", "partition 0", "offset 0", "Caused by: "}, p.names...) {
				if !strings.Contains(trace, part) {
					t.Errorf("the trace does not name %q:\n%.2000s", part, trace)
				}
			}
			if len(trace) > 10_000 {
				t.Errorf("the trace has %d characters", len(trace))
			}
			r.stop(id)
			if got := r.committed("connect-strict"); got > 0 {
				t.Errorf("offset %d was committed behind a record that nobody may pass over", got)
			}
			r.write("in", "null")
			r.start("lax", poisonConfig("", "errors.tolerance", "all", "value.converter", jsonConverter))
			r.eventually("the offset behind the poison", func() bool { return r.committed("connect-lax") == 2 })
		})
	}
}

// TestPanicsAreFailuresOfTheirRecord in transforms and converters, as unchecked exceptions are in Java.
func TestPanicsAreFailuresOfTheirRecord(t *testing.T) {
	t.Parallel()
	edits := []string{"transforms", "e", "transforms.e.type", "test.Edit"}
	tolerant := append([]string{"errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dead",
		"errors.deadletterqueue.topic.replication.factor", "1", "errors.deadletterqueue.context.headers.enable", "true"}, edits...)
	values1 := []string{"a", "panic", "b", "awful", "c"}
	check := func(t *testing.T, r *rig) {
		t.Helper()
		dead := r.read("dead")
		if got := values(dead); got != "panic awful" {
			t.Fatalf("dead letters: %s", got)
		}
		for i, want := range []map[string]string{
			{"stage": "TRANSFORMATION", "class.name": "test.Edit", "exception.class.name": "java.lang.RuntimeException"},
			{"stage": "VALUE_CONVERTER", "class.name": "test.Text"},
		} {
			have := headersOf(dead[i])
			for name, value := range want {
				if got := have["__connect.errors."+name]; got != value {
					t.Errorf("letter %d: header %s is %q, want %q", i, name, got, value)
				}
			}
			if m := have["__connect.errors.exception.message"]; !strings.Contains(m, "has a bug") || strings.Contains(m, "\n") {
				t.Errorf("letter %d: message %q", i, m)
			}
		}
	}
	t.Run("source", func(t *testing.T) {
		s := &listSource{topic: "out", values: values1}
		r := sourceRig(t, s)
		r.start("list", sourceConfig(tolerant...))
		r.awaitOffset("list", 4)
		if got := values(r.read("out")); got != "a b c" {
			t.Errorf("topic holds %s", got)
		}
		check(t, r)
	})
	t.Run("strict source", func(t *testing.T) {
		s := &listSource{topic: "out", values: values1}
		r := sourceRig(t, s)
		id := r.start("list", sourceConfig(edits...))
		trace := r.seen.await(t, "list-0", state.Failed).Trace
		for _, part := range []string{"Tolerance exceeded", "stage TRANSFORMATION", "test.Edit", `source offset {"n":1}`, "the transform has a bug", "rig_test.go"} {
			if !strings.Contains(trace, part) {
				t.Errorf("the trace does not name %q:\n%s", part, trace)
			}
		}
		r.stop(id)
		if o, err := r.offsets.Get(testContext(t), "list", map[string]any{"list": "one"}); err != nil || o[0]["n"] != int64(0) {
			t.Errorf("offset %v, %v", o, err)
		}
	})
	t.Run("sink", func(t *testing.T) {
		s := newListSink()
		r := sinkRig(t, s)
		r.write("in", values1...)
		r.start("list", sinkConfig(tolerant...))
		s.await(t, "a b c")
		r.eventually("the offset", func() bool { return r.committed("connect-list") == 5 })
		check(t, r)
	})
}
