package avro

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	hamba "github.com/hamba/avro/v2"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/data/datatest"
)

func serve(t testing.TB) *registrytest.Server {
	t.Helper()
	s := registrytest.New(registrytest.Config{Checkers: map[string]registrytest.Checker{"AVRO": hambaChecker{}}})
	t.Cleanup(s.Close)
	return s
}

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

func person(more ...data.Field) (*data.Schema, data.Value) {
	b := data.NewStruct().Name("srv.db.person.Value").
		Field("id", data.New(data.TypeInt64).Build()).
		Field("name", data.New(data.TypeString).Optional().Build())
	for _, f := range more {
		b.Field(f.Name, f.Schema)
	}
	s := b.Build()
	st := data.NewStructValue(s)
	st.Set(0, data.Int64(7))
	st.Set(1, data.String("Ann"))
	return s, data.StructOf(st)
}

func TestNoRequestPerRecord(t *testing.T) {
	server := serve(t)
	c := open(t, server, nil)
	s, v := person()
	var out []byte
	for range 100 {
		for _, topic := range []string{"a", "b"} {
			b, _, err := c.Append(nil, topic, nil, s, v)
			if err != nil {
				t.Fatal(err)
			}
			if out = b; !bytes.HasPrefix(out, []byte{0, 0, 0, 0, 1}) {
				t.Fatalf("% x", out)
			}
		}
	}
	reader := open(t, server, nil)
	for range 100 {
		got, w, err := reader.Parse(&data.Arena{}, "a", nil, out)
		if err != nil || w.Struct().At(1).Str() != "Ann" {
			t.Fatalf("%v, %v", w, err)
		}
		if version, _ := got.Version(); version != 1 {
			t.Fatalf("version %d", version)
		}
	}
	if n := len(server.Requests()); n != 2+2 {
		t.Errorf("%d requests: %v", n, server.Requests())
	}
}

func TestLatestVersionIsFilledByName(t *testing.T) {
	server := serve(t)
	const latest = `{"type":"record","name":"Value","namespace":"srv.db.person","fields":[
		{"name":"kind","type":"string","default":"p"},
		{"name":"name","type":["null","string"],"default":null},
		{"name":"ident","type":"long","aliases":["id"]},
		{"name":"tags","type":{"type":"array","items":"int"},"default":[1,2]}]}`
	server.Put("t-value", registry.Schema{Text: latest})
	c := open(t, server, map[string]string{"auto.register.schemas": "false", "use.latest.version": "true"})
	s, v := person()
	b, _, err := c.Append(nil, "t", nil, s, v)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := hamba.Unmarshal(hamba.MustParse(latest), b[5:], &got); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(got); text != "map[ident:7 kind:p name:Ann tags:[1 2]]" {
		t.Error(text)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		before string // schema of t-value
		props  map[string]string
		want   []string
	}{
		{"incompatible", `{"type":"record","name":"Value","namespace":"srv.db.person","fields":[{"name":"id","type":"string"}]}`, nil,
			[]string{"t-value", "409", "incompatible", "compatibility level"}},
		{"not registered", "", map[string]string{"auto.register.schemas": "false"}, []string{"t-value", "40401", "auto.register.schemas"}},
		{"latest cannot hold it", `{"type":"record","name":"Value","namespace":"srv.db.person","fields":[{"name":"id","type":"int"}]}`,
			map[string]string{"auto.register.schemas": "false", "use.latest.version": "true"},
			[]string{"Incompatible schema of type 'AVRO'", "t-value", "latest.compatibility.strict"}},
		{"latest lacks a default", `{"type":"record","name":"Value","namespace":"srv.db.person","fields":[{"name":"z","type":"int"}]}`,
			map[string]string{"auto.register.schemas": "false", "use.latest.version": "true", "latest.compatibility.strict": "false"},
			[]string{"no such field", "field z"}},
		{"no such id", "", map[string]string{"auto.register.schemas": "false", "use.schema.id": "9"}, []string{"40403"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t)
			if tt.before != "" {
				server.Put("t-value", registry.Schema{Text: tt.before})
			}
			s, v := person()
			out, _, err := open(t, server, tt.props).Append([]byte("x"), "t", nil, s, v)
			var d *connect.DataError
			if !errors.As(err, &d) || string(out) != "x" {
				t.Fatalf("%q, %v", out, err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\n does not name %q", err, w)
				}
			}
		})
	}
}

func TestEvolution(t *testing.T) {
	server := serve(t)
	c := open(t, server, nil)
	s1, v1 := person()
	s2, v2 := person(data.Field{Name: "mail", Schema: data.New(data.TypeString).Optional().Build()})
	first, _, err := c.Append(nil, "t", nil, s1, v1)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := c.Append(nil, "t", nil, s2, v2)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range [][]byte{first, second, first} {
		s, v, err := c.Parse(&data.Arena{}, "t", nil, b)
		if err != nil {
			t.Fatal(err)
		}
		if version, _ := s.Version(); version != 1+i%2 || len(v.Struct().Fields()) != 2+i%2 {
			t.Errorf("record %d: version %d, %d fields", i, version, len(v.Struct().Fields()))
		}
	}
}

func TestReferences(t *testing.T) {
	server := serve(t)
	server.Put("inner", registry.Schema{Text: `{"type":"record","name":"In","namespace":"a","fields":[{"name":"x","type":"int"}]}`})
	server.Put("t-value", registry.Schema{
		Text:       `{"type":"record","name":"Out","fields":[{"name":"in","type":"a.In"},{"name":"more","type":{"type":"array","items":"a.In"}}]}`,
		References: []registry.Reference{{Name: "a.In", Subject: "inner", Version: 1}},
	})
	_, v, err := open(t, server, nil).Parse(&data.Arena{}, "t", nil, []byte{0, 0, 0, 0, 2, 4, 2, 6, 0})
	if err != nil || v.Struct().String() != "Struct{in=Struct{x=2},more=[Struct{x=3}]}" {
		t.Errorf("%v, %v", v.Struct(), err)
	}
}

func TestBadData(t *testing.T) {
	server := serve(t)
	id := server.Put("t-value", registry.Schema{Text: `{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}},{"name":"u","type":["null","int"]}]}`})
	other := server.Put("u-value", registry.Schema{Text: `syntax = "proto3";`, SchemaType: "PROTOBUF"})
	c := open(t, server, nil)
	for name, b := range map[string][]byte{
		"Unknown magic byte":         {1, 0, 0, 0, 1, 0},
		"within the id":              {0, 0, 0},
		"40403":                      {0, 0, 0, 0, 99},
		"of type PROTOBUF, not AVRO": {0, 0, 0, 0, byte(other)},
		"ends too early":             {0, 0, 0, 0, byte(id), 20, 'a'},
		"not UTF-8":                  {0, 0, 0, 0, byte(id), 2, 0xff},
		"unknown symbol":             {0, 0, 0, 0, byte(id), 0, 2},
		"unknown branch":             {0, 0, 0, 0, byte(id), 0, 0, 8},
		"cut off or too long":        {0, 0, 0, 0, byte(id)},
	} {
		_, _, err := c.Parse(&data.Arena{}, "t", nil, b)
		var d *connect.DataError
		if !errors.As(err, &d) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Another implementation reads what the encoder writes, and the decoder gives back what was written.
func TestRandomAgainstHamba(t *testing.T) {
	server := registrytest.New(registrytest.Config{Level: "NONE"})
	t.Cleanup(server.Close)
	for seed := range uint64(600) {
		g := datatest.New(seed)
		s := g.Struct()
		v := g.Value(s)
		c := open(t, server, map[string]string{"scrub.invalid.names": "true", "ignore.default.for.nullables": "true"})
		b, null, err := c.Append(nil, "t", nil, s, v)
		if err != nil && strings.Contains(err.Error(), "Can't redefine") || v.IsNull() {
			continue
		}
		if err != nil || null {
			t.Fatalf("seed %d: %v", seed, err)
		}
		as, err := c.cfg.fromConnect(s)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := hamba.Parse(as.String()); err == nil {
			var out any
			if err := hamba.Unmarshal(h, b[5:], &out); err != nil {
				t.Fatalf("seed %d: hamba: %v\n%s", seed, err, as)
			}
		}
		s2, v2, err := c.Parse(&data.Arena{}, "t", nil, b)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		again := open(t, server, map[string]string{"ignore.default.for.nullables": "true"})
		b2, _, err := again.Append(nil, "t", nil, s2, v2)
		if err != nil || !bytes.Equal(b[5:], b2[5:]) {
			t.Fatalf("seed %d: %v\n%x\n%x", seed, err, b, b2)
		}
	}
}

func FuzzParseSchemaAndData(f *testing.F) {
	f.Add(`{"type":"record","name":"R","fields":[{"name":"a","type":["null","string",{"type":"map","values":"R2"}]}]}`, []byte{2, 2, 'a'})
	f.Add(anythingSchema().String(), []byte{0, 0, 0, 0, 2, 4, 0, 0, 0, 0})
	f.Add(`{"type":"array","items":{"type":"fixed","name":"F","size":0}}`, []byte{0xfe, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		s, err := parseSchema(text, map[string]*schema{})
		if err != nil {
			return
		}
		for _, o := range []Options{{MetaData: true, FlattenSingleton: true}, {Enhanced: true, SumTypes: true, DiscardTypeDoc: true, MetaData: true}} {
			r, err := o.newReader(s, 1)
			if err != nil {
				continue
			}
			if _, v, err := r.Read(&data.Arena{}, b); err == nil && r.schema != nil {
				_ = r.schema.Validate(v) // must not panic
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	server := serve(b)
	c := open(b, server, nil)
	s, v := person(data.Field{Name: "price", Schema: data.DecimalOf(2).Optional().Build()}, data.Field{Name: "at", Schema: data.NewTimestamp().Optional().Build()})
	v.Struct().Set(2, data.Bytes([]byte{0x30, 0x39}))
	v.Struct().Set(3, data.Int64(1700000000123))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, _, err = c.Append(buf[:0], "t", nil, s, v); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParse(b *testing.B) {
	server := serve(b)
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
