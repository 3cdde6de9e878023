package transform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
)

// javaCase is a record that a transform of Kafka Connect got, as JSON, and what
// came of it. testdata/java.jsonl holds them, after a line of the schemas and
// values that they refer to as "$0", "$1"...
type javaCase struct {
	Cls        string
	Cfg        map[string]string
	Schemas    bool
	Key, Value json.RawMessage
	Topic      string
	Partition  int32
	TS         *int64
	Out        json.RawMessage
}

// outcome is what came of a record, with key, value and headers as JSON text.
type outcome struct {
	ConfigError string   `json:"configError,omitempty"`
	Error       string   `json:"error,omitempty"`
	Dropped     bool     `json:"dropped,omitempty"`
	Topic       string   `json:"topic,omitempty"`
	Key         *string  `json:"key,omitempty"`
	Value       *string  `json:"value,omitempty"`
	Headers     []string `json:"headers,omitempty"`
}

func TestTransformsAreJavas(t *testing.T) {
	f, err := os.Open("testdata/java.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	defs := map[string]json.RawMessage{}
	seen := map[string]bool{}
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			if err := json.Unmarshal(lines.Bytes(), &defs); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var c javaCase
		var want outcome
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(c.Out, &want); err != nil {
			t.Fatal(err)
		}
		seen[strings.TrimSuffix(strings.TrimSuffix(c.Cls, "$Key"), "$Value")] = true
		if got := play(t, c, defs); !sameOutcome(t, got, want) {
			t.Errorf("line %d: %s %v on %s\n got %s\nwant %s", n+1, c.Cls, c.Cfg, c.Value, asJSON(t, got), asJSON(t, want))
		}
	}
	for _, p := range Plugins() {
		name := strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(p.Class, "$Key"), "$Value"), prefix)
		if !seen[name] {
			t.Errorf("no case for %s", name)
		}
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

// sameOutcome lets our errors say more than Java's, and maps have any order.
func sameOutcome(t *testing.T, got, want outcome) bool {
	if want.Error != "" || want.ConfigError != "" {
		return want.Error == "" == (got.Error == "") && strings.Contains(got.Error, want.Error) && strings.Contains(got.ConfigError, want.ConfigError)
	}
	for _, o := range []*outcome{&got, &want} {
		o.Key, o.Value = canonical(t, o.Key), canonical(t, o.Value)
		for i, h := range o.Headers {
			name, value, _ := strings.Cut(h, "=")
			o.Headers[i] = name + "=" + *canonical(t, &value)
		}
	}
	return asJSON(t, got) == asJSON(t, want)
}

// canonical sorts the members of data without schema, which Java keeps in a
// HashMap. Data with a schema has to be the same byte for byte.
func canonical(t *testing.T, s *string) *string {
	if s == nil || strings.HasPrefix(*s, `{"schema":{`) {
		return s
	}
	var v any
	d := json.NewDecoder(strings.NewReader(*s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", *s, err)
	}
	text := asJSON(t, v)
	return &text
}

func play(t *testing.T, c javaCase, defs map[string]json.RawMessage) outcome {
	conv := converter(t, c.Schemas)
	r := connect.Record{Topic: c.Topic, Partition: c.Partition, Timestamp: connect.NoTimestamp,
		Headers: []connect.Header{
			{Key: "h0", Schema: data.New(data.TypeInt32).Build(), Value: data.Int32(1)},
			{Key: "h9", Schema: data.New(data.TypeString).Build(), Value: data.String("z")},
		}}
	if c.TS != nil {
		r.Timestamp = *c.TS
	}
	var a data.Arena
	for s, raw := range map[side]json.RawMessage{keySide: c.Key, valueSide: c.Value} {
		schema, v, err := conv.Parse(&a, "t", nil, resolve(t, raw, defs, c.Schemas))
		if err != nil {
			t.Fatal(err)
		}
		s.set(&r, schema, v)
	}
	tr, err := newTransform(t, c.Cls, c.Cfg)
	if err != nil {
		return outcome{ConfigError: err.Error()}
	}
	before := write(t, conv, r)
	again := r
	keep, err := tr.Apply(&a, &r)
	switch {
	case err != nil:
		return outcome{Error: err.Error()}
	case !keep:
		return outcome{Dropped: true}
	}
	if after := write(t, conv, again); asJSON(t, after) != asJSON(t, before) {
		t.Errorf("%s %v changed the values of its input", c.Cls, c.Cfg)
	}
	if _, err := tr.Apply(&a, &again); err != nil || again.ValueSchema != r.ValueSchema || again.KeySchema != r.KeySchema {
		t.Errorf("%s %v gave another schema for the same one (%v)", c.Cls, c.Cfg, err)
	}
	return write(t, conv, r)
}

func write(t *testing.T, conv *jsonconv.Converter, r connect.Record) outcome {
	o := outcome{Topic: r.Topic}
	var err error
	if o.Key, err = text(conv, r.KeySchema, r.Key); err != nil {
		return outcome{Error: err.Error()}
	}
	if o.Value, err = text(conv, r.ValueSchema, r.Value); err != nil {
		return outcome{Error: err.Error()}
	}
	headers := converter(t, true)
	for _, h := range r.Headers {
		s, err := text(headers, h.Schema, h.Value)
		switch {
		case err != nil:
			return outcome{Error: err.Error()}
		case s == nil:
			o.Headers = append(o.Headers, h.Key+"=null")
		default:
			o.Headers = append(o.Headers, h.Key+"="+*s)
		}
	}
	return o
}

func text(conv *jsonconv.Converter, s *data.Schema, v data.Value) (*string, error) {
	b, null, err := conv.Append(nil, "t", nil, s, v)
	if err != nil || null {
		return nil, err
	}
	out := string(b)
	return &out, nil
}

func converter(t *testing.T, schemas bool) *jsonconv.Converter {
	t.Helper()
	c, err := jsonconv.New(jsonconv.Config{Schemas: schemas, CacheSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// resolve puts in what a case refers to.
func resolve(t *testing.T, raw json.RawMessage, defs map[string]json.RawMessage, schemas bool) []byte {
	t.Helper()
	deref := func(b json.RawMessage) json.RawMessage {
		if d, ok := defs[strings.Trim(string(b), `"`)]; ok {
			return d
		}
		return b
	}
	if !schemas {
		return deref(raw)
	}
	var env struct {
		Schema  json.RawMessage `json:"schema"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(raw, &env); err != nil {
		t.Fatal(err)
	}
	env.Schema, env.Payload = deref(env.Schema), deref(env.Payload)
	return bytes.TrimSpace([]byte(asJSON(t, env)))
}

func newTransform(t *testing.T, name string, config map[string]string) (connect.Transform, error) {
	t.Helper()
	for _, p := range Plugins() {
		if p.Class == prefix+name {
			return p.NewTransform(config, connect.PluginContext{})
		}
	}
	t.Fatalf("no transform %s", name)
	return nil, nil
}
