package protobuf

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/data/datatest"
)

func serve(t testing.TB) *registrytest.Server {
	t.Helper()
	s := registrytest.New(registrytest.Config{Level: "NONE"})
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

func person() (*data.Schema, data.Value) {
	s := data.NewStruct().Name("p.Person").
		Field("id", data.New(data.TypeInt64).Build()).
		Field("name", data.New(data.TypeString).Optional().Build()).Build()
	st := data.NewStructValue(s)
	st.Set(0, data.Int64(7))
	st.Set(1, data.String("Ann"))
	return s, data.StructOf(st)
}

func TestNoRequestPerRecord(t *testing.T) {
	server := serve(t)
	c := open(t, server, nil)
	s, v := person()
	for range 50 {
		b, _, err := c.Append(nil, "t", nil, s, v)
		if err != nil {
			t.Fatal(err)
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
	for _, tt := range []struct{ text, out, fail string }{
		{`syntax = "proto3"; package p; message Other {} message Person { string name = 9; int64 id = 1; string more = 3; }`, "\x02\x02\x08\x07\x4a\x03Ann", ""},
		{`syntax = "proto3"; package p; message Person { string id = 1; string name = 2; }`, "", "latest.compatibility.strict"},
		{`syntax = "proto3"; package p; message Person { int64 id = 1; }`, "", "Cannot find field with name name"},
	} {
		server := serve(t)
		server.Put("t-value", registry.Schema{Text: tt.text, SchemaType: "PROTOBUF"})
		s, v := person()
		b, _, err := open(t, server, latest).Append(nil, "t", nil, s, v)
		var d *connect.DataError
		switch {
		case tt.fail == "" && (err != nil || string(b[5:]) != tt.out):
			t.Errorf("%s: %q, %v", tt.text, b, err)
		case tt.fail != "" && (!errors.As(err, &d) || !strings.Contains(err.Error(), tt.fail)):
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

func TestReferences(t *testing.T) {
	server := serve(t)
	server.Put("in", registry.Schema{Text: `syntax = "proto3"; package q; message In { int32 x = 1; }`, SchemaType: "PROTOBUF"})
	server.Put("t-value", registry.Schema{SchemaType: "PROTOBUF", Text: `syntax = "proto3"; import "in.proto"; message M { q.In in = 1; }`,
		References: []registry.Reference{{Name: "in.proto", Subject: "in", Version: 1}}})
	_, v, err := open(t, server, nil).Parse(&data.Arena{}, "t", nil, []byte("\x00\x00\x00\x00\x02\x00\x0a\x02\x08\x05"))
	if err != nil || v.Struct().String() != "Struct{in=Struct{x=5}}" {
		t.Errorf("%v, %v", v.Struct(), err)
	}
}

func TestBadData(t *testing.T) {
	server := serve(t)
	server.Put("t-value", registry.Schema{Text: `syntax = "proto3"; message M { int32 x = 1; }`, SchemaType: "PROTOBUF"})
	c := open(t, server, nil)
	for want, b := range map[string]string{
		"within the indexes": "\x00\x00\x00\x00\x01",
		"not possible":       "\x00\x00\x00\x00\x01\xff\xff\x7f",
		"of that index":      "\x00\x00\x00\x00\x01\x02\x08",
		"deserializing":      "\x00\x00\x00\x00\x01\x00\x0f",
	} {
		_, _, err := c.Parse(&data.Arena{}, "t", nil, []byte(b))
		var d *connect.DataError
		if !errors.As(err, &d) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// What the encoder writes, google.golang.org/protobuf reads without unknown
// fields, and writes again in the same bytes.
func TestRandomAgainstDynamicMessages(t *testing.T) {
	server := serve(t)
	done := 0
	for seed := range uint64(400) {
		g := datatest.New(seed)
		g.Entries = 1
		s := g.Struct()
		v := g.Value(s)
		c := open(t, server, map[string]string{"scrub.invalid.names": "true"})
		b, null, err := c.Append(nil, "t", nil, s, v)
		if err != nil || null {
			continue // arrays within arrays and the like
		}
		done++
		own, err := c.compileOwn(s)
		if err != nil {
			t.Fatal(err)
		}
		d, _ := findMessage(own.file, own.root)
		m := dynamicpb.NewMessage(d)
		if err := proto.Unmarshal(b[6:], m); err != nil || len(m.GetUnknown()) > 0 {
			t.Fatalf("seed %d: %v, unknown %x", seed, err, m.GetUnknown())
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil || string(again) != string(b[6:]) {
			t.Fatalf("seed %d: %v\n%x\n%x\n%s", seed, err, b[6:], again, own.text)
		}
	}
	if done < 150 {
		t.Errorf("only %d cases", done)
	}
}

// A schema may be a descriptor in base64, which may refer to another one.
func TestSchemasInBase64(t *testing.T) {
	inner := &descriptorpb.FileDescriptorProto{
		Name: proto.String("inner.proto"), Syntax: proto.String("proto3"), Package: proto.String("p"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("In"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("x"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}}}},
	}
	outer := &descriptorpb.FileDescriptorProto{
		Name: proto.String("any name"), Syntax: proto.String("proto3"), Dependency: []string{"inner.proto", "google/protobuf/timestamp.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Out"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("in"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".p.In"), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}, {
			Name: proto.String("at"), Number: proto.Int32(2), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".google.protobuf.Timestamp"), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}}}},
	}
	encode := func(f *descriptorpb.FileDescriptorProto) string {
		b, err := proto.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	server := serve(t)
	server.Put("inner", registry.Schema{SchemaType: "PROTOBUF", Text: encode(inner)})
	id := server.Put("t-value", registry.Schema{SchemaType: "PROTOBUF", Text: encode(outer), References: []registry.Reference{{Name: "inner.proto", Subject: "inner", Version: 1}}})
	_, v, err := open(t, server, nil).Parse(&data.Arena{}, "t", nil, append(registry.AppendID(nil, id), "\x00\x0a\x02\x08\x07\x12\x02\x08\x05"...))
	if err != nil || v.Struct().String() != "Struct{in=Struct{x=7},at=Thu Jan 01 00:00:05 UTC 1970}" {
		t.Errorf("%v, %v", v.Struct(), err)
	}
	id = server.Put("t-value", registry.Schema{SchemaType: "PROTOBUF", Text: "AAAA"})
	if _, _, err = open(t, server, nil).Parse(&data.Arena{}, "t", nil, append(registry.AppendID(nil, id), 0)); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("base64 that is no descriptor: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`syntax = "proto3"; message M { map<string,int32> m = 1; M2 n = 2; oneof o { string a = 3; } message M2 { repeated float f = 1; } }`, []byte("\x00\x0a\x05\x0a\x01k\x10\x01"))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		file, err := schemaParser{}.Parse(registry.Schema{Text: text}, nil)
		if err != nil {
			return
		}
		m, payload, err := cutIndexes(file, b)
		if err != nil {
			return
		}
		s, err := Options{RawWrapper: true, UnionIndex: true}.toConnect(m, 1)
		if err != nil {
			return
		}
		r := &reader{Options: Options{RawWrapper: true, UnionIndex: true}, message: m, schema: s}
		_, _ = r.read(&data.Arena{}, payload) // must not panic
	})
}

func BenchmarkAppend(b *testing.B) {
	server := serve(b)
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
