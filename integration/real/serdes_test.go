//go:build real

package real

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/avro"
	"github.com/millrace/millrace/plugins/converter/jsonschema"
	"github.com/millrace/millrace/plugins/converter/protobuf"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
)

// Confluent's own serdes for Python read what our converters write, from a
// registry that has our schemas, and our converters read what those write.
func TestConfluentSerdesOfPython(t *testing.T) {
	python, err := rig.Home(t).Python()
	if err != nil {
		t.Fatal(err)
	}
	schema := data.NewStruct().Name("db.person").
		Field("id", data.New(data.TypeInt64).Build()).
		Field("name", data.New(data.TypeString).Optional().Build()).
		Field("price", data.DecimalOf(2).Optional().Build()).
		Field("tags", data.NewArray(data.New(data.TypeString).Build()).Build()).Build()
	st := data.NewStructValue(schema)
	st.Set(0, data.Int64(-7))
	st.Set(1, data.String("Änne 😀"))
	st.Set(2, data.Bytes([]byte{0x30, 0x39}))
	st.Set(3, data.Array([]data.Value{data.String("a")}))
	for _, tt := range []struct {
		kind, read, schema, record, parsed string
		plugin                             connect.Plugin
	}{
		{"avro", `{"id": -7, "name": "Änne 😀", "price": "123.45", "tags": ["a"]}`,
			`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}`,
			`{"a": 5, "b": "x"}`, "Struct{a=5,b=x}", avro.Plugins()[0]},
		{"json", `{"id": -7, "name": "Änne 😀", "price": "MDk=", "tags": ["a"]}`,
			`{"title":"R","type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}}}`,
			`{"a": 5, "b": "x"}`, "Struct{a=5,b=x}", jsonschema.Plugins()[0]},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			server := registrytest.New(registrytest.Config{Level: "NONE"})
			defer server.Close()
			c, err := tt.plugin.NewConverter(map[string]string{"schema.registry.url": server.URL}, false)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := c.Append(nil, "ours", nil, schema, data.StructOf(st))
			if err != nil {
				t.Fatal(err)
			}
			if got := serdes(t, python, server.URL, "read", tt.kind, "ours", hex.EncodeToString(b)); got != tt.read {
				t.Errorf("Python read %s, want %s", got, tt.read)
			}
			theirs, err := hex.DecodeString(serdes(t, python, server.URL, "write", tt.kind, "theirs", tt.schema, tt.record))
			if err != nil {
				t.Fatal(err)
			}
			if _, v, err := c.Parse(&data.Arena{}, "theirs", nil, theirs); err != nil || v.Struct().String() != tt.parsed {
				t.Errorf("%v, %v, want %s", v.Struct(), err, tt.parsed)
			}
		})
	}
}

// TestConfluentSerdesOfPythonForProtobuf is the same for messages. Python registers descriptors in base64 instead of texts.
func TestConfluentSerdesOfPythonForProtobuf(t *testing.T) {
	python, err := rig.Home(t).Python()
	if err != nil {
		t.Fatal(err)
	}
	server := registrytest.New(registrytest.Config{Level: "NONE", Serialized: func(s registry.Schema) (string, error) {
		b, err := hex.DecodeString(descriptor(t, s.Text))
		return base64.StdEncoding.EncodeToString(b), err
	}})
	defer server.Close()
	c, err := protobuf.Plugins()[0].NewConverter(map[string]string{"schema.registry.url": server.URL}, false)
	if err != nil {
		t.Fatal(err)
	}
	schema := data.NewStruct().Name("Person").
		Field("id", data.New(data.TypeInt64).Build()).
		Field("name", data.New(data.TypeString).Optional().Build()).
		Field("at", data.NewTimestamp().Build()).
		Field("tags", data.NewArray(data.New(data.TypeString).Build()).Build()).Build()
	st := data.NewStructValue(schema)
	st.Set(0, data.Int64(-7))
	st.Set(1, data.String("Änne 😀"))
	st.Set(2, data.Int64(1700000000123))
	st.Set(3, data.Array([]data.Value{data.String("a")}))
	b, _, err := c.Append(nil, "ours", nil, schema, data.StructOf(st))
	if err != nil {
		t.Fatal(err)
	}
	file := descriptor(t, server.Versions("ours-value")[0].Text)
	const want = `{"at": "2023-11-14T22:13:20.123Z", "id": "-7", "name": "Änne 😀", "tags": ["a"]}`
	if got := serdes(t, python, server.URL, "read", "protobuf", "ours", hex.EncodeToString(b), file, "Person"); got != want {
		t.Errorf("Python read %s, want %s", got, want)
	}
	file = descriptor(t, `syntax = "proto3"; package p; import "google/protobuf/timestamp.proto";
		message Other { int32 x = 1; } message R { int32 a = 1; string b_c = 2; Other o = 3; google.protobuf.Timestamp at = 4; message In { bool y = 1; } In in = 5; }`)
	theirs, err := hex.DecodeString(serdes(t, python, server.URL, "write", "protobuf", "theirs", file,
		`{"a": 5, "b_c": "x", "o": {"x": -1}, "at": "1970-01-01T00:00:05Z", "in": {"y": true}}`, "p.R"))
	if err != nil {
		t.Fatal(err)
	}
	const parsed = "Struct{a=5,b_c=x,o=Struct{x=-1},at=Thu Jan 01 00:00:05 UTC 1970,in=Struct{y=true}}"
	if _, v, err := c.Parse(&data.Arena{}, "theirs", nil, theirs); err != nil || v.Struct().String() != parsed {
		t.Errorf("%v, %v, want %s", v.Struct(), err, parsed)
	}
}

// descriptor is a .proto text as a FileDescriptorProto in hexadecimal digits.
func descriptor(t *testing.T, text string) string {
	t.Helper()
	source := protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"python.proto": text})}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&source)}
	files, err := c.Compile(t.Context(), "python.proto")
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	file := protodesc.ToFileDescriptorProto(files[0])
	file.Name = proto.String(fmt.Sprintf("%x.proto", sha256.Sum256([]byte(text))))
	b, err := proto.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func serdes(t *testing.T, python string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join("testdata", "serdes.py")}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("serdes.py %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
