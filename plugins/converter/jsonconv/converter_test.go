package jsonconv

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// envelope is a change event of about 700 bytes of JSON without schema.
func envelope() (*data.Schema, data.Value) {
	row := data.NewStruct().
		Field("id", data.New(data.TypeInt64).Build()).
		Field("k", data.New(data.TypeInt32).Build()).
		Field("c", data.New(data.TypeString).Optional().Build()).
		Field("pad", data.New(data.TypeString).Optional().Build()).
		Optional().Name("p.db.t.Value").Build()
	source := data.NewStruct()
	for _, name := range []string{"version", "connector", "name"} {
		source.Field(name, data.New(data.TypeString).Build())
	}
	source.Field("ts_ms", data.New(data.TypeInt64).Build()).
		Field("snapshot", data.New(data.TypeString).Optional().Name("io.debezium.data.Enum").Default(data.String("false")).Build())
	for _, name := range []string{"db", "sequence", "table", "gtid", "file", "query"} {
		source.Field(name, data.New(data.TypeString).Optional().Build())
	}
	for _, name := range []string{"ts_us", "ts_ns", "server_id", "pos", "thread"} {
		source.Field(name, data.New(data.TypeInt64).Optional().Build())
	}
	source.Field("row", data.New(data.TypeInt32).Build())
	src := source.Name("io.debezium.connector.mysql.Source").Build()
	env := data.NewStruct().Field("before", row).Field("after", row).Field("source", src).
		Field("op", data.New(data.TypeString).Build()).
		Field("ts_ms", data.New(data.TypeInt64).Optional().Build()).
		Field("ts_us", data.New(data.TypeInt64).Optional().Build()).
		Field("ts_ns", data.New(data.TypeInt64).Optional().Build()).
		Name("p.db.t.Envelope").Build()

	after := data.NewStructValue(row)
	for i, v := range []data.Value{data.Int64(123456), data.Int32(49929),
		data.String(strings.Repeat("68487932199-", 10)), data.String(strings.Repeat("13241531885-", 5))} {
		after.Set(i, v)
	}
	s := data.NewStructValue(src)
	for name, v := range map[string]data.Value{
		"version": data.String("3.6.1.Final"), "connector": data.String("mysql"), "name": data.String("p"),
		"ts_ms": data.Int64(1700000000000), "db": data.String("sbtest"), "table": data.String("sbtest1"),
		"file": data.String("binlog.000123"), "ts_us": data.Int64(1700000000000000), "ts_ns": data.Int64(1700000000000000000),
		"server_id": data.Int64(223344), "pos": data.Int64(987654321), "row": data.Int32(17), "thread": data.Int64(12),
	} {
		if err := s.Put(name, v); err != nil {
			panic(err)
		}
	}
	v := data.NewStructValue(env)
	for i, x := range []data.Value{data.Null(), data.StructOf(after), data.StructOf(s), data.String("c"),
		data.Int64(1700000000123), data.Int64(1700000000123456), data.Int64(1700000000123456789)} {
		v.Set(i, x)
	}
	return env, data.StructOf(v)
}

func newConverter(tb testing.TB, change func(*Config)) *Converter {
	tb.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestEncodingAllocatesNothing(t *testing.T) {
	schema, v := envelope()
	for _, schemas := range []bool{true, false} {
		c := newConverter(t, func(cfg *Config) { cfg.Schemas = schemas })
		buf := make([]byte, 0, 16<<10)
		allocs := testing.AllocsPerRun(100, func() {
			if _, _, err := c.Append(buf, "t", nil, schema, v); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("schemas %v: %v allocations per record", schemas, allocs)
		}
	}
}

// events are envelopes as they follow one another in a topic: 16 rows of each of
// four transactions, with contents of their own.
func events() (*data.Schema, []data.Value) {
	schema, first := envelope()
	var out []data.Value
	for i := range int64(64) {
		v := first.Clone()
		env := v.Struct()
		after, src := env.At(1).Struct(), env.At(2).Struct()
		after.Set(0, data.Int64(123456+i))
		after.Set(1, data.Int32(int32(i*7919%500000)))
		after.Set(2, data.String(strings.Repeat(fmt.Sprintf("%011d-", i*99991), 10)))
		after.Set(3, data.String(strings.Repeat(fmt.Sprintf("%011d-", i*77773), 5)))
		event := i / 16
		for name, x := range map[string]data.Value{
			"pos": data.Int64(987654321 + event*8192), "row": data.Int32(int32(i % 16)), "ts_ms": data.Int64(1700000000000 + event),
			"ts_us": data.Int64(1700000000000000 + event*1000), "ts_ns": data.Int64(1700000000000000000 + event*1000000),
		} {
			if err := src.Put(name, x); err != nil {
				panic(err)
			}
		}
		for j, x := range []int64{1700000000123, 1700000000123456, 1700000000123456789} {
			env.Set(4+j, data.Int64(x+event*111))
		}
		out = append(out, v)
	}
	return schema, out
}

func BenchmarkEnvelope(b *testing.B) {
	schema, all := events()
	for _, schemas := range []bool{false, true} {
		b.Run(fmt.Sprintf("schemas=%v", schemas), func(b *testing.B) {
			c := newConverter(b, func(cfg *Config) { cfg.Schemas = schemas })
			buf := make([]byte, 0, 16<<10)
			var out []byte
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				out, _, _ = c.Append(buf, "t", nil, schema, all[i%len(all)])
				i++
			}
			b.SetBytes(int64(len(out)))
		})
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	schema, v := envelope()
	c := newConverter(b, nil)
	text, _, err := c.Append(nil, "t", nil, schema, v)
	if err != nil {
		b.Fatal(err)
	}
	var a data.Arena
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		a.Reset()
		if _, _, err := c.Parse(&a, "t", nil, text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	in := data.NewStruct().Field("x", data.New(data.TypeInt32).Build()).Build()
	schema := data.NewStruct().Field("in", in).Build()
	wrong := func(x data.Value) data.Value {
		i, o := data.NewStructValue(in), data.NewStructValue(schema)
		i.Set(0, x)
		o.Set(0, data.StructOf(i))
		return data.StructOf(o)
	}
	other := data.StructOf(data.NewStructValue(data.NewStruct().Build()))
	tests := []struct {
		schema *data.Schema
		v      data.Value
		want   string
	}{
		{schema, wrong(data.Null()), "Conversion error: null value for field that is required and has no default value (field in.x)"},
		{schema, wrong(data.String("s")), "Invalid type for INT32: class java.lang.String (field in.x)"},
		{schema, other, "Mismatching schema."},
		{nil, other, "Mismatching schema."},
		{schema, data.Null(), "Conversion error: null value for field that is required and has no default value"},
	}
	for _, tt := range tests {
		out, _, err := newConverter(t, nil).Append([]byte("x"), "t", nil, tt.schema, tt.v)
		var d *connect.DataError
		if err == nil || err.Error() != tt.want || !errors.As(err, &d) {
			t.Errorf("error %v, want %s", err, tt.want)
		}
		if string(out) != "x" {
			t.Errorf("the buffer became %q", out)
		}
	}
}

func TestNullWithoutSchemaIsKafkasNull(t *testing.T) {
	c := newConverter(t, nil)
	out, null, err := c.Append([]byte("x"), "t", nil, nil, data.Null())
	if err != nil || !null || string(out) != "x" {
		t.Errorf("%q, %v, %v", out, null, err)
	}
	schema, v, err := c.Parse(&data.Arena{}, "t", nil, nil)
	if err != nil || schema != nil || !v.IsNull() {
		t.Errorf("%v, %v, %v", schema, v, err)
	}
}

// Java takes these for 0 or cuts them without a word.
func TestParseRefusesWhatJavaSpoils(t *testing.T) {
	for in, want := range map[string]string{
		`{"schema":{"type":"int32"},"payload":"5"}`:        "Invalid type for INT32: found STRING in the JSON data",
		`{"schema":{"type":"int8"},"payload":300}`:         "Number 300 is out of the range of INT8",
		`{"schema":{"type":"int32"},"payload":3000000000}`: "Number 3000000000 is out of the range of INT32",
		`{"schema":{"type":"int64"},"payload":1e30}`:       "Number 1e30 is out of the range of INT64",
		`{"schema":{"type":"string"},"payload":5}`:         "Invalid type for STRING: found NUMBER in the JSON data",
		`{"schema":{"type":"boolean"},"payload":{}}`:       "Invalid type for BOOLEAN: found OBJECT in the JSON data",
	} {
		_, _, err := newConverter(t, nil).Parse(&data.Arena{}, "t", nil, []byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestSchemaContent(t *testing.T) {
	c := newConverter(t, func(cfg *Config) {
		cfg.SchemaContent = ` {"type":"struct","fields":[{"type":"int32","field":"a"}]} `
	})
	schema, v, err := c.Parse(&data.Arena{}, "t", nil, []byte(`{"a":5}`))
	if err != nil || schema.Field("a") == nil || v.Struct().At(0).Int() != 5 {
		t.Errorf("%v, %v, %v", schema, v, err)
	}
	for _, bad := range []string{`{`, `{"type":"x"}`, `5 6`, "\xff"} {
		cfg := DefaultConfig()
		cfg.SchemaContent = bad
		var ce *connect.ConfigError
		if _, err := New(cfg); !errors.As(err, &ce) || ce.Key != "schema.content" {
			t.Errorf("schema.content %q: %v", bad, err)
		}
	}
}

func TestConfig(t *testing.T) {
	cfg, err := ParseConfig(map[string]string{"converter.type": "value", "schemas.enable": "false", "decimal.format": "numeric",
		"replace.null.with.default": "false", "schemas.cache.size": "5", "schema.content": "{}"})
	if err != nil || cfg != (Config{CacheSize: 5, NumericDecimals: true, SchemaContent: "{}"}) {
		t.Errorf("%+v, %v", cfg, err)
	}
	cfg, err = ParseConfig(map[string]string{"converter.type": "key"})
	if err != nil || cfg != DefaultConfig() {
		t.Errorf("defaults are %+v, %v", cfg, err)
	}
	for _, p := range Plugins() {
		if p.NewConverter != nil {
			if _, err := p.NewConverter(map[string]string{"decimal.format": "odd"}, true); err == nil {
				t.Error("decimal.format=odd was accepted")
			}
			continue
		}
		if _, err := p.NewHeaderConverter(nil); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	schema, v := envelope()
	c, err := New(DefaultConfig())
	if err != nil {
		f.Fatal(err)
	}
	text, _, err := c.Append(nil, "t", nil, schema, v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, true)
	f.Add([]byte(`{"schema":{"type":"map","keys":{"type":"int8"},"values":{"type":"bytes"},"default":[[1,"AA=="]]},"payload":null}`), true)
	f.Add([]byte(`[1,-0.5e-7,"\ud83d\ude00\u0000",{"a":null,"a":true}]`), false)
	f.Fuzz(func(t *testing.T, b []byte, schemas bool) {
		cfg := DefaultConfig()
		cfg.Schemas = schemas
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		schema, v, err := c.Parse(&data.Arena{}, "t", nil, b)
		if err != nil {
			return
		}
		out, null, err := c.Append(nil, "t", nil, schema, v)
		if err != nil {
			t.Fatalf("what was parsed cannot be written: %v", err)
		}
		if null {
			return
		}
		schema2, v2, err := c.Parse(&data.Arena{}, "t", nil, out)
		if err != nil || !schema2.Equal(schema) {
			t.Fatalf("%s does not parse to the same schema: %v", out, err)
		}
		again, _, err := c.Append(nil, "t", nil, schema2, v2)
		if err != nil || string(again) != string(out) {
			t.Errorf("%s came back as %s: %v", out, again, err)
		}
	})
}
