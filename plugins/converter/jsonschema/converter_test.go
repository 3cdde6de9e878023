package jsonschema

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
)

func open(t testing.TB, s *registrytest.Server, props map[string]string) *Converter {
	t.Helper()
	all := map[string]string{"schema.registry.url": s.URL, "max.retries": "0"}
	maps.Copy(all, props)
	cfg, err := ParseConfig(all)
	if err != nil {
		t.Fatal(err)
	}
	return New(cfg, false)
}

func person() (*data.Schema, data.Value) {
	s := data.NewStruct().Name("Person").
		Field("id", data.New(data.TypeInt64).Build()).
		Field("name", data.New(data.TypeString).Optional().Build()).Build()
	st := data.NewStructValue(s)
	st.Set(0, data.Int64(7))
	st.Set(1, data.String("Ann"))
	return s, data.StructOf(st)
}

func TestNoRequestPerRecord(t *testing.T) {
	server := registrytest.New(registrytest.Config{})
	t.Cleanup(server.Close)
	c := open(t, server, nil)
	s, v := person()
	for range 50 {
		b, _, err := c.Append(nil, "t", nil, s, v)
		if err != nil || string(b[5:]) != `{"id":7,"name":"Ann"}` {
			t.Fatalf("%q, %v", b, err)
		}
		if _, w, err := c.Parse(&data.Arena{}, "t", nil, b); err != nil || w.Struct().At(1).Str() != "Ann" {
			t.Fatalf("%v, %v", w, err)
		}
	}
	if n := len(server.Requests()); n != 3 {
		t.Errorf("%d requests: %v", n, server.Requests())
	}
}

func TestLatestVersion(t *testing.T) {
	latest := map[string]string{"auto.register.schemas": "false", "use.latest.version": "true"}
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"id":{"type":"number"},"name":{"type":["null","string"]},"more":{"type":"string"}}}`: "",
		`{"type":"object","properties":{"id":{"type":"string"}}}`:                                                            "latest.compatibility.strict",
	} {
		server := registrytest.New(registrytest.Config{})
		t.Cleanup(server.Close)
		server.Put("t-value", registry.Schema{Text: schema, SchemaType: "JSON"})
		s, v := person()
		_, _, err := open(t, server, latest).Append(nil, "t", nil, s, v)
		var d *connect.DataError
		if want == "" && err != nil || want != "" && (!errors.As(err, &d) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestReferences(t *testing.T) {
	server := registrytest.New(registrytest.Config{})
	t.Cleanup(server.Close)
	server.Put("in", registry.Schema{Text: `{"type":"object","properties":{"x":{"type":"integer"}}}`, SchemaType: "JSON"})
	server.Put("t-value", registry.Schema{SchemaType: "JSON", Text: `{"type":"object","properties":{"a":{"$ref":"in.json"}}}`,
		References: []registry.Reference{{Name: "in.json", Subject: "in", Version: 1}}})
	_, v, err := open(t, server, nil).Parse(&data.Arena{}, "t", nil, append([]byte{0, 0, 0, 0, 2}, `{"a":{"x":5}}`...))
	if err != nil || v.Struct().String() != "Struct{a=Struct{x=5}}" {
		t.Errorf("%v, %v", v.Struct(), err)
	}
}

func FuzzLoadAndRead(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"oneOf":[{"type":"null"},{"enum":[1,null]}]}}}`, `{"b":1}`)
	f.Add(`{"allOf":[{"$ref":"#/definitions/x"},{"required":["a"]}],"definitions":{"x":{"properties":{"a":{"type":["string","null"]}}}}}`, `{"a":"s"}`)
	f.Fuzz(func(t *testing.T, schema, payload string) {
		m, err := load(schema, nil)
		if err != nil {
			return
		}
		s, err := Options{OptionalMissing: true, FlattenSingleton: true}.toConnect(m, 1)
		if err != nil {
			return
		}
		tree, err := jsontree.Parse([]byte(payload))
		if err != nil {
			return
		}
		if v, err := value(&data.Arena{}, s, tree); err == nil && !v.IsNull() && v.Kind() != s.Type().Kind() {
			t.Errorf("%v for %v", v.Kind(), s.Type())
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	server := registrytest.New(registrytest.Config{})
	b.Cleanup(server.Close)
	c := open(b, server, nil)
	s, v := person()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, _, err = c.Append(buf[:0], "t", nil, s, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	server := registrytest.New(registrytest.Config{})
	b.Cleanup(server.Close)
	c := open(b, server, nil)
	s, v := person()
	text, _, err := c.Append(nil, "t", nil, s, v)
	if err != nil {
		b.Fatal(err)
	}
	var a data.Arena
	b.ReportAllocs()
	for b.Loop() {
		a.Reset()
		if _, _, err := c.Parse(&a, "t", nil, text); err != nil {
			b.Fatal(err)
		}
	}
}
