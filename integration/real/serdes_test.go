//go:build real

package real

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/avro"
	"github.com/millrace/millrace/plugins/converter/jsonschema"
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
