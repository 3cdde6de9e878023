package data

import "testing"

func TestText(t *testing.T) {
	price := DecimalOf(2).Optional().Build()
	in := NewStruct().Field("x", New(TypeInt32).Optional().Build()).Field("s", New(TypeString).Optional().Build()).Build()
	list := NewArray(New(TypeString).Optional().Build()).Build()
	dict := NewMap(New(TypeString).Build(), New(TypeFloat64).Build()).Build()
	schema := NewStruct().Field("in", in).Field("price", price).Field("list", list).Field("map", dict).
		Field("day", NewDate().Build()).Field("bytes", New(TypeBytes).Build()).Build()
	is := NewStructValue(in)
	is.Set(1, String(`a "b"\`))
	st := NewStructValue(schema)
	m := &Map{}
	m.Put(String("a"), Float64(1))
	m.Put(String("b"), Float64(1e10))
	for i, v := range []Value{StructOf(is), Bytes([]byte{0x30, 0x39}), Array([]Value{String("p"), Null()}), MapOf(m), Int32(19000), Bytes([]byte{1, 2, 3})} {
		st.Set(i, v)
	}
	tests := []struct {
		s             *Schema
		v             Value
		text, literal string
	}{
		{schema, StructOf(st),
			`Struct{in=Struct{s=a "b"\},price=123.45,list=[p, null],map={a=1.0, b=1.0E10},day=Sat Jan 08 00:00:00 UTC 2022,bytes=java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]}`,
			`{"in":{"x":null,"s":"a \"b\"\\"},"price":123.45,"list":["p",null],"map":{"a":1.0,"b":1.0E10},"day":2022-01-08,"bytes":"AQID"}`},
		{New(TypeString).Build(), String(`a "b"`), `a "b"`, `a "b"`},
		{nil, Int64(-5), "-5", "-5"},
		{nil, Boolean(true), "true", "true"},
		{nil, Null(), "null", "null"},
		{nil, Bytes([]byte("ab")), "java.nio.HeapByteBuffer[pos=0 lim=2 cap=2]", "YWI="},
		{NewTime().Build(), Int32(3661001), "Thu Jan 01 01:01:01 UTC 1970", "01:01:01.001Z"},
		{NewTimestamp().Build(), Int64(1700000000123), "Tue Nov 14 22:13:20 UTC 2023", "2023-11-14T22:13:20.123Z"},
		{New(TypeFloat32).Build(), Float32(0.1), "0.1", "0.1"},
	}
	for _, tt := range tests {
		if got := string(AppendText(nil, tt.s, tt.v)); got != tt.text {
			t.Errorf("text\n got %s\nwant %s", got, tt.text)
		}
		if got := string(AppendLiteral(nil, tt.s, tt.v)); got != tt.literal {
			t.Errorf("literal\n got %s\nwant %s", got, tt.literal)
		}
	}
	if st.String() != tests[0].text {
		t.Error("Struct.String differs from AppendText")
	}
}

func TestValidate(t *testing.T) {
	in := NewStruct().Field("x", New(TypeInt32).Build()).Field("d", New(TypeInt8).Default(Int8(1)).Build()).Build()
	arr := NewArray(New(TypeString).Build()).Build()
	dict := NewMap(New(TypeString).Build(), New(TypeInt64).Build()).Build()
	filled := NewStructValue(in)
	filled.Set(0, Int32(1))
	tests := []struct {
		s    *Schema
		v    Value
		want string
	}{
		{in, StructOf(filled), ""},
		{in, StructOf(NewStructValue(in)), `Invalid value: null used for required field: "x", schema type: INT32`},
		{in, StructOf(NewStructValue(NewStruct().Build())), "Struct schemas do not match."},
		{New(TypeString).Optional().Build(), Null(), ""},
		{New(TypeString).Build(), Null(), "Invalid value: null used for required value, schema type: STRING"},
		{New(TypeInt64).Name("n").Build(), Int32(1), `Invalid Java object for schema "n" with type INT64: class java.lang.Integer for value`},
		{arr, Array([]Value{String("a"), Int32(1)}), "Invalid Java object for schema with type STRING: class java.lang.Integer for element of array value"},
		{dict, MapOf(&Map{[]MapEntry{{String("a"), Null()}}}), "Invalid value: null used for required value of map value, schema type: INT64"},
		{dict, MapOf(&Map{[]MapEntry{{Int8(1), Int64(1)}}}), "Invalid Java object for schema with type STRING: class java.lang.Byte for key of map value"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.s.Validate(tt.v); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
