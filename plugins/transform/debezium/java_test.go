package debezium

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
)

// testdata/*.jsonl record what Debezium's transforms, one instance for each
// line, make of sequences of records. The first line holds the texts that the
// others refer to as "$0", "$1"...; a value is a schema and a payload.
type javaCase struct {
	Cls         string
	Cfg         map[string]string
	Topic       string
	ConfigError string
	Records     []struct {
		Key, Value []string
		Drop       []string
	}
	Out []outcome
}

// outcome is what came of a record.
type outcome struct {
	Error     string     `json:"error,omitempty"`
	JavaFails bool       `json:"javaFails,omitempty"` // on what it should be able to do, or differs from run to run
	Dropped   bool       `json:"dropped,omitempty"`
	Topic     string     `json:"topic,omitempty"`
	Partition *int32     `json:"partition,omitempty"`
	TS        *int64     `json:"ts,omitempty"`
	Key       []string   `json:"key,omitempty"`
	Value     []string   `json:"value,omitempty"`
	Headers   [][]string `json:"headers,omitempty"`
}

// clearer are errors of ours that say more than Debezium's.
var clearer = map[string]string{
	"Unable to validate config.":                             "value is invalid",
	"nope is not a valid field name":                         "nope",
	"Unable to find timestamp field nope in event":           "Unable to find field nope in event",
	"Unexpected update message received Struct{id=1}, fail.": "Unexpected update message received in topic p.u.t, fail.",
	"Invalid value a for configuration":                      "Invalid value [a] for configuration",
	"Invalid value a b for configuration headers: ":          "The 'headers' value is invalid: Element(s) containing space not permitted",
	"Invalid value a,,b for configuration headers: ":         "The 'headers' value is invalid: Empty string element(s) not permitted",
}

func sameError(got, want string) bool {
	for java, ours := range clearer {
		if strings.HasPrefix(want, java) {
			return strings.Contains(got, ours)
		}
	}
	return got != "" && strings.Contains(got, want)
}

func TestTransformsAreDebeziums(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range []string{"testdata/routing.jsonl", "testdata/others.jsonl"} {
		playFile(t, file, seen)
	}
	for _, p := range Plugins() {
		if !seen[p.Class] {
			t.Errorf("no case for %s", p.Class)
		}
	}
}

func playFile(t *testing.T, file string, seen map[string]bool) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	defs := map[string]string{}
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			if err := json.Unmarshal(lines.Bytes(), &defs); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var c javaCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		seen[c.Cls] = true
		t.Run(fmt.Sprintf("%s:%d %s %v", file, n+1, c.Cls[strings.LastIndexByte(c.Cls, '.')+1:], c.Cfg), func(t *testing.T) { play(t, c, defs) })
	}
}

func play(t *testing.T, c javaCase, defs map[string]string) {
	tr, err := newTransform(t, c.Cls, c.Cfg)
	if c.ConfigError != "" || err != nil {
		if err == nil || !sameError(err.Error(), c.ConfigError) {
			t.Errorf("error %v, want %s", err, c.ConfigError)
		}
		return
	}
	conv := converter(t)
	for i, in := range c.Records {
		var a data.Arena
		r := connect.Record{Topic: c.Topic, Partition: 2, Timestamp: 99,
			Headers: []connect.Header{{Key: "h0", Schema: data.New(data.TypeInt32).Build(), Value: data.Int32(1)}}}
		r.KeySchema, r.Key = parse(t, conv, &a, in.Key, defs)
		r.ValueSchema, r.Value = parse(t, conv, &a, in.Value, defs)
		if in.Drop != nil {
			r.Headers = append(r.Headers, listHeader("drop", in.Drop))
		}
		before := print(t, conv, r)
		original := r
		got := outcome{}
		if keep, err := tr.Apply(&a, &r); err != nil {
			got.Error = err.Error()
		} else if !keep {
			got.Dropped = true
		} else {
			got = print(t, conv, r)
		}
		check(t, i, got, c.Out[i], defs)
		if after := print(t, conv, original); asJSON(t, after) != asJSON(t, before) {
			t.Errorf("record %d: its values were changed in place", i)
		}
	}
}

func check(t *testing.T, i int, got, want outcome, defs map[string]string) {
	t.Helper()
	switch {
	case want.JavaFails:
		if got.Error != "" {
			t.Errorf("record %d: %s", i, got.Error)
		}
		return
	case want.Error != "":
		if !sameError(got.Error, want.Error) {
			t.Errorf("record %d: error %q, want %q", i, got.Error, want.Error)
		}
		return
	}
	for _, pair := range slices.Concat([][]string{want.Key, want.Value}) {
		if pair != nil {
			pair[0] = defs[pair[0]]
		}
	}
	for _, h := range want.Headers {
		if len(h) > 1 {
			h[1] = defs[h[1]]
		}
	}
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		n := 0
		for n < min(len(g), len(w)) && g[n] == w[n] {
			n++
		}
		n = max(0, n-40)
		t.Errorf("record %d:\n got ...%.200s\nwant ...%.200s", i, g[n:], w[n:])
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func listHeader(key string, values []string) connect.Header {
	elems := make([]data.Value, len(values))
	for i, v := range values {
		elems[i] = data.String(v)
	}
	return connect.Header{Key: key, Schema: data.NewArray(data.New(data.TypeString).Build()).Build(), Value: data.Array(elems)}
}

func converter(t *testing.T) *jsonconv.Converter {
	t.Helper()
	c, err := jsonconv.New(jsonconv.Config{Schemas: true, CacheSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t *testing.T, conv *jsonconv.Converter, a *data.Arena, pair []string, defs map[string]string) (*data.Schema, data.Value) {
	t.Helper()
	if pair == nil {
		return nil, data.Null()
	}
	s, v, err := conv.Parse(a, "t", nil, []byte(`{"schema":`+defs[pair[0]]+`,"payload":`+defs[pair[1]]+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// pair writes a value as schema and payload.
func pair(t *testing.T, conv *jsonconv.Converter, s *data.Schema, v data.Value) []string {
	t.Helper()
	b, null, err := conv.Append(nil, "t", nil, s, v)
	if err != nil {
		return []string{"error", err.Error()}
	}
	if null {
		return nil
	}
	text := strings.TrimSuffix(strings.TrimPrefix(string(b), `{"schema":`), "}")
	d := json.NewDecoder(strings.NewReader(text))
	var schema json.RawMessage
	if err := d.Decode(&schema); err != nil {
		t.Fatal(err)
	}
	return []string{string(schema), strings.TrimPrefix(text[len(schema):], `,"payload":`)}
}

func print(t *testing.T, conv *jsonconv.Converter, r connect.Record) outcome {
	t.Helper()
	o := outcome{Topic: r.Topic, Key: pair(t, conv, r.KeySchema, r.Key), Value: pair(t, conv, r.ValueSchema, r.Value)}
	if r.Partition != connect.NoPartition {
		o.Partition = &r.Partition
	}
	if r.Timestamp != connect.NoTimestamp {
		o.TS = &r.Timestamp
	}
	for _, h := range r.Headers {
		o.Headers = append(o.Headers, append([]string{h.Key}, pair(t, conv, h.Schema, h.Value)...))
	}
	return o
}

func newTransform(t *testing.T, class string, config map[string]string) (connect.Transform, error) {
	t.Helper()
	for _, p := range Plugins() {
		if p.Class == class {
			return p.NewTransform(config, connect.PluginContext{})
		}
	}
	t.Fatalf("no transform %s", class)
	return nil, nil
}
