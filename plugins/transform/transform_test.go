package transform

import (
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func TestInsertOffsetOfSinkRecord(t *testing.T) {
	tr, err := newTransform(t, "InsertField$Value", map[string]string{"offset.field": "o!"})
	if err != nil {
		t.Fatal(err)
	}
	s := data.NewStruct().Field("a", data.New(data.TypeInt32).Build()).Build()
	r := connect.SinkRecord{Record: connect.Record{ValueSchema: s, Value: data.StructOf(data.NewStructValue(s))}, KafkaOffset: 77}
	if keep, err := tr.(connect.SinkTransform).ApplySink(&data.Arena{}, &r); !keep || err != nil {
		t.Fatalf("%v, %v", keep, err)
	}
	if v, err := r.Value.Struct().Get("o"); err != nil || v.Int() != 77 || r.ValueSchema.Field("o").Schema.Optional() {
		t.Errorf("%v, %v", v.Int(), err)
	}
}

func TestPath(t *testing.T) {
	tests := []struct {
		text string
		want []string
		err  bool
	}{
		{"a", []string{"a"}, false},
		{"a.b.c", []string{"a", "b", "c"}, false},
		{"`a.b`.c", []string{"a.b", "c"}, false},
		{"a.`b.c`", []string{"a", "b.c"}, false},
		{"a`b.c", []string{"a`b", "c"}, false},
		{"`a`b`.c", []string{"a`b", "c"}, false},
		{"`a\\`.b`.c", []string{"a`.b", "c"}, false},
		{"a.", []string{"a", ""}, false},
		{"`a", nil, true},
		{"a.`b\\`", nil, true},
	}
	for _, tt := range tests {
		got, err := newPath(tt.text, "V2")
		if (err != nil) != tt.err {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if err == nil && asJSON(t, got) != asJSON(t, tt.want) {
			t.Errorf("%s: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestCastOfWholeLogicalValue(t *testing.T) {
	for _, tt := range []struct {
		s    *data.Schema
		v    data.Value
		to   string
		want data.Value
	}{
		{data.DecimalOf(2).Build(), data.Bytes([]byte{0x30, 0x39}), "int32", data.Int32(123)},
		{data.DecimalOf(2).Build(), data.Bytes([]byte{0x30, 0x39}), "float64", data.Float64(123.45)},
		{data.DecimalOf(2).Build(), data.Bytes([]byte{0x30, 0x39}), "string", data.String("123.45")},
		{data.DecimalOf(0).Build(), data.Bytes([]byte{0}), "boolean", data.Boolean(false)},
		{data.NewTimestamp().Build(), data.Int64(1700000000123), "string", data.String("2023-11-14T22:13:20.123Z")},
		{data.NewTimestamp().Build(), data.Int64(1700000000123), "int64", data.Int64(1700000000123)},
		{data.NewDate().Build(), data.Int32(19000), "int64", data.Int64(19000)},
	} {
		tr, err := newTransform(t, "Cast$Value", map[string]string{"spec": tt.to})
		if err != nil {
			t.Fatal(err)
		}
		r := connect.Record{ValueSchema: tt.s, Value: tt.v}
		if _, err := tr.Apply(&data.Arena{}, &r); err != nil {
			t.Errorf("%s to %s: %v", tt.s.Name(), tt.to, err)
			continue
		}
		if !r.Value.Equal(tt.want) || r.ValueSchema.Name() != "" || r.ValueSchema.Validate(r.Value) != nil {
			t.Errorf("%s to %s: %s of type %s", tt.s.Name(), tt.to, data.AppendText(nil, nil, r.Value), r.ValueSchema.Type())
		}
	}
}

func TestPlansStartAnew(t *testing.T) {
	var p plans[int]
	worked := 0
	work := func(*data.Schema) (int, error) { worked++; return worked, nil }
	first := data.New(data.TypeInt8).Build()
	for range 2 {
		if v, err := p.get(first, work); v != 1 || err != nil {
			t.Fatalf("%d, %v", v, err)
		}
	}
	for range maxPlans {
		if _, err := p.get(data.New(data.TypeInt8).Build(), work); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.m) > maxPlans {
		t.Errorf("%d plans are kept", len(p.m))
	}
	if v, _ := p.get(first, work); v == 1 {
		t.Error("nothing was forgotten")
	}
}

func TestDateFormatRoundTrip(t *testing.T) {
	at := time.Date(2021, 3, 5, 23, 7, 9, 45e6, time.UTC)
	for _, pattern := range []string{"yyyy-MM-dd'T'HH:mm:ss.SSS", "yyyyMMddHHmmssSSS", "EEE, d MMM yyyy hh:mm:ss.SSS a", "yyyy-MM-dd HH:mm:ss.SSSXXX",
		"yyyy D kk:mm:ss.S Z", "d MMMM yyyy K:m:s.SSS a z"} {
		f, err := parseDateFormat(pattern)
		if err != nil {
			t.Fatal(err)
		}
		text := f.format(at)
		if back, err := f.parse(text); err != nil || !back.Equal(at) {
			t.Errorf("%s: %q gives %v, %v", pattern, text, back, err)
		}
	}
	for _, bad := range []string{"'open", "yyyy b"} {
		if _, err := parseDateFormat(bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func FuzzDateFormat(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2021-03-05T23:07:09.045+01:00")
	f.Add("EEE MMM d z", "Fri Mar 5 GMT+0100")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		df, err := parseDateFormat(pattern)
		if err != nil {
			return
		}
		if at, err := df.parse(text); err == nil {
			df.format(at)
		}
	})
}

func BenchmarkReplaceField(b *testing.B) {
	s := data.NewStruct()
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		s.Field(n, data.New(data.TypeInt64).Build())
	}
	schema := s.Build()
	v := data.StructOf(data.NewStructValue(schema))
	tr := &replaceField{side: valueSide, exclude: []string{"c"}}
	var a data.Arena
	b.ReportAllocs()
	for b.Loop() {
		a.Reset()
		r := connect.Record{ValueSchema: schema, Value: v}
		if _, err := tr.Apply(&a, &r); err != nil {
			b.Fatal(err)
		}
	}
}
