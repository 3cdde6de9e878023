package script

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// testdata/java.jsonl records what Debezium's transforms make of the records below, with GraalVM's JavaScript and with Groovy.
type javaCase struct {
	Class   string
	Config  map[string]string
	Refused string
	Out     []outcome
}

type outcome struct {
	Topic   string `json:",omitempty"`
	Dropped bool   `json:",omitempty"`
	Error   string `json:",omitempty"`
}

func records() []*connect.Record {
	row := data.NewStruct().Optional().Name("p.s.t.Value").
		Field("id", data.New(data.TypeInt32).Build()).
		Field("name", data.New(data.TypeString).Optional().Build()).
		Field("big", data.New(data.TypeInt64).Build()).
		Field("f", data.New(data.TypeFloat64).Build()).
		Field("price", data.DecimalOf(2).Optional().Build()).
		Field("b", data.New(data.TypeBoolean).Build()).Build()
	envelope := data.NewStruct().Name("p.s.t.Envelope").
		Field("before", row).Field("after", row).
		Field("op", data.New(data.TypeString).Build()).
		Field("ts_ms", data.New(data.TypeInt64).Optional().Build()).Build()
	key := data.NewStruct().Name("p.s.t.Key").Field("id", data.New(data.TypeInt32).Build()).Build()
	make1 := func(s *data.Schema, fields ...data.Value) data.Value {
		st := data.NewStructValue(s)
		copy(st.Fields(), fields)
		return data.StructOf(st)
	}
	rowOf := func(id int32, name, price data.Value, b bool) data.Value {
		return make1(row, data.Int32(id), name, data.Int64(1<<40), data.Float64(1.5), price, data.Boolean(b))
	}
	decimal := func(unscaled int64) data.Value { return data.Bytes(data.AppendUnscaledInt(nil, unscaled)) }
	ann := rowOf(1, data.String("Ann"), decimal(950), true)
	var all []*connect.Record
	for _, x := range []struct {
		op            string
		before, after data.Value
		id            int32
	}{
		{"c", data.Null(), ann, 1},
		{"u", ann, rowOf(2, data.Null(), data.Null(), false), 2},
		{"d", rowOf(2, data.String(""), decimal(1000), false), data.Null(), 2},
	} {
		all = append(all, &connect.Record{
			Topic: "p.s.t", KeySchema: key, Key: make1(key, data.Int32(x.id)),
			ValueSchema: envelope, Value: make1(envelope, x.before, x.after, data.String(x.op), data.Int64(5)),
			Headers: []connect.Header{
				{Key: "idh", Schema: data.New(data.TypeInt32).Build(), Value: data.Int32(x.id)},
				{Key: "who", Schema: data.New(data.TypeString).Build(), Value: data.String("x")},
			},
		})
	}
	return append(all, &connect.Record{Topic: "p.s.t", KeySchema: key, Key: make1(key, data.Int32(9))})
}

func build(t *testing.T, class string, config map[string]string) (connect.Transform, error) {
	t.Helper()
	for _, p := range Plugins() {
		if strings.HasSuffix(p.Class, "."+class) {
			return p.NewTransform(config, connect.PluginContext{})
		}
	}
	t.Fatalf("no transform %s", class)
	return nil, nil
}

func apply(x connect.Transform, r *connect.Record) outcome {
	keep, err := x.Apply(&data.Arena{}, r)
	switch {
	case err != nil:
		return outcome{Error: err.Error()}
	case !keep:
		return outcome{Dropped: true}
	}
	return outcome{Topic: r.Topic}
}

func TestExpressionsAreDebeziums(t *testing.T) {
	f, err := os.Open("testdata/java.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var c javaCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(lines.Text()[:min(len(lines.Text()), 120)], func(t *testing.T) { play(t, c) })
	}
	if n < 80 {
		t.Errorf("%d cases, want those recorded", n)
	}
}

func play(t *testing.T, c javaCase) {
	x, err := build(t, c.Class, c.Config)
	if c.Refused != "" {
		if err == nil {
			t.Errorf("accepted, want the refusal %s", c.Refused)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	text := c.Config["condition"] + c.Config["topic.expression"]
	javaScript := strings.HasSuffix(c.Config["language"], "js")
	for i, r := range records() {
		got, want := apply(x, r), c.Out[i]
		if r.Value.IsNull() && javaScript && c.Config["null.handling.mode"] == "evaluate" && text != "valueSchema == null" {
			continue // TestNullValues
		}
		if want.Error != "" && (!strings.HasPrefix(want.Error, "Value '") || strings.Contains(strings.ToLower(got.Error), strings.ToLower(want.Error))) {
			want.Error = got.Error
		}
		if got.Error == "" && want.Error == "" && c.Out[i].Error != "" || !reflect.DeepEqual(got, want) {
			t.Errorf("record %d: %+v, want %+v", i, got, c.Out[i])
		}
	}
}

// In JavaScript too a record without value has the value null, which Debezium shows as an object any use of which fails.
func TestNullValues(t *testing.T) {
	for text, want := range map[string]string{"value == null": "p.s.t", "value == null || value.op == 'c'": "p.s.t", "value.op == 'c'": ""} {
		x, err := build(t, "Filter", map[string]string{"language": "jsr223.graal.js", "condition": text, "null.handling.mode": "evaluate"})
		if err != nil {
			t.Fatal(err)
		}
		if got := apply(x, records()[3]); got.Topic != want || (want == "") != (got.Error != "") {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// Groovy is served as far as it reads the same in JavaScript; the rest is refused with what to do.
func TestGroovyRefusals(t *testing.T) {
	for _, text := range []string{
		"value.op in ['c','u']", "value.op ==~ /c|u/", `"${topic}" == 'x'`, "value.after.name ?: 'x'", "value.op.size() == 1",
		"value.after.id + 1 == 2", "def x = 1; x == 1", "[1,2].contains(1)", "value.with { op == 'c' }", "System.exit(0)",
		"value.op == 'c' ? (key.id = 2) : false",
	} {
		_, err := build(t, "Filter", map[string]string{"language": "jsr223.groovy", "condition": text})
		if err == nil || !strings.Contains(err.Error(), "jsr223.graal.js") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// An expression that does not end or recurses for ever fails its record, not the worker.
func TestRunawayExpressions(t *testing.T) {
	x, err := build(t, "Filter", map[string]string{"language": "jsr223.graal.js", "condition": "(function f() { return f() })()"})
	if err != nil {
		t.Fatal(err)
	}
	if got := apply(x, records()[0]); got.Error == "" {
		t.Errorf("%+v", got)
	}
	e, err := newJavaScript("for (;;) {}")
	if err != nil {
		t.Fatal(err)
	}
	e.patience = 1
	if _, err := e.eval(records()[0]); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("%v", err)
	}
}

func BenchmarkFilter(b *testing.B) {
	e, err := newJavaScript("value.op != 'd' || value.before.id != 2")
	if err != nil {
		b.Fatal(err)
	}
	r := records()[2]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.eval(r); err != nil {
			b.Fatal(err)
		}
	}
}
