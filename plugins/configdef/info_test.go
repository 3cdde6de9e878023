package configdef

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// golden holds excerpts of what the REST API of Kafka Connect 4.3.1 answers.
type golden struct {
	Infos    []json.RawMessage `json:"infos"`
	Validate json.RawMessage   `json:"validate"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// keyOf declares the property that an answer describes.
func keyOf(t *testing.T, answer json.RawMessage) Key {
	t.Helper()
	var i KeyInfo
	if err := json.Unmarshal(answer, &i); err != nil {
		t.Fatal(err)
	}
	k := Key{
		Name: i.Name, Type: Type(i.Type), Default: i.DefaultValue, NullDefault: i.DefaultValue == nil && !i.Required,
		Importance: Importance(i.Importance), Doc: i.Documentation, Width: Width(i.Width),
		DisplayName: i.DisplayName, Dependents: i.Dependents,
	}
	if i.Group != nil {
		k.Group = *i.Group
	}
	if i.OrderInGroup > 0 {
		k.Order = i.OrderInGroup
	}
	return k
}

func compact(t *testing.T, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return compact(t, out.Bytes())
}

func TestKeyInfoIsJavas(t *testing.T) {
	for _, want := range readGolden(t).Infos {
		k := keyOf(t, want)
		if got := asJSON(t, New(k).Infos()[0]); got != compact(t, want) {
			t.Errorf("%s:\n got %s\nwant %s", k.Name, got, compact(t, want))
		}
	}
}

func TestValidateIsJavas(t *testing.T) {
	want := readGolden(t).Validate
	var answer struct {
		Configs []struct{ Definition json.RawMessage }
	}
	if err := json.Unmarshal(want, &answer); err != nil {
		t.Fatal(err)
	}
	keys := make([]Key, len(answer.Configs))
	for i, c := range answer.Configs {
		keys[i] = keyOf(t, c.Definition)
		if keys[i].Name == "tasks.max" {
			keys[i].Validate = AtLeast(1)
		}
	}
	d := New(keys...)
	r := d.Validate(t.Context(), map[string]string{"connector.class": "FileStreamSource", "tasks.max": "zero"})
	if got := asJSON(t, NewInfos("FileStreamSource", d, r, d.Groups())); got != compact(t, want) {
		t.Errorf("\n got %s\nwant %s", got, compact(t, want))
	}
}

func TestInfosOfUndeclaredAndUnvalidated(t *testing.T) {
	d := New(Key{Name: "a", Type: String, NullDefault: true})
	r := &Result{}
	r.AddError("odd", "no such property")
	got := asJSON(t, NewInfos("x", d, r, nil).Configs)
	want := `[{"definition":null,"value":{"name":"odd","value":null,"recommended_values":[],"errors":["no such property"],"visible":true}},` +
		`{"definition":{"name":"a","type":"STRING","required":false,"default_value":null,"importance":"","documentation":"","group":null,` +
		`"order_in_group":-1,"width":"NONE","display_name":"a","dependents":[]},"value":null}]`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
