package data

import "testing"

func TestProject(t *testing.T) {
	i8, i32, i64, f32, f64 := New(TypeInt8).Build(), New(TypeInt32).Build(), New(TypeInt64).Build(), New(TypeFloat32).Build(), New(TypeFloat64).Build()
	text, optional := New(TypeString).Build(), New(TypeString).Optional().Build()
	withDefault := New(TypeString).Default(String("d")).Build()
	older := NewStruct().Name("s").Field("a", i8).Field("gone", text).Field("o", New(TypeInt16).Optional().Default(Int16(3)).Build()).Build()
	newer := NewStruct().Name("s").Field("new", withDefault).Field("a", i64).Field("maybe", optional).Field("o", New(TypeInt32).Default(Int32(5)).Build()).Build()
	st := NewStructValue(older)
	st.Set(0, Int8(-7))
	st.Set(1, String("x"))
	pairs := &Map{Entries: []MapEntry{{Int8(1), Int32(2)}}}
	for _, c := range []struct {
		from *Schema
		v    Value
		to   *Schema
		want string // text, or the error
	}{
		{i8, Int8(-3), i8, "-3"},
		{i8, Int8(-3), i64, "-3"},
		{i64, Int64(1<<62 + 1), f64, "4.611686018427388E18"},
		{i32, Int32(16777217), f32, "1.6777216E7"},
		{f32, Float32(0.1), f64, "0.10000000149011612"},
		{i64, Int64(1), i32, "Schema type mismatch. source type: INT64 and target type: INT32"},
		{f32, Float32(1), i64, "Schema type mismatch. source type: FLOAT32 and target type: INT64"},
		{f64, Float64(1), New(TypeBoolean).Build(), "Schema type mismatch. source type: FLOAT64 and target type: BOOLEAN"},
		{optional, Null(), withDefault, "d"},
		{optional, String("x"), withDefault, "x"},
		{withDefault, Null(), optional, "null"},
		{optional, String("x"), text, "Writer schema is optional, however, target schema does not provide a default value."},
		{NewDate().Build(), Int32(1), i32, "Schema name mismatch. source name: org.apache.kafka.connect.data.Date and target name: null"},
		{DecimalOf(1).Build(), Bytes([]byte{1}), DecimalOf(2).Build(), "Schema parameters not equal. source parameters: {scale=1} and target parameters: {scale=2}"},
		{older, StructOf(st), newer, "Struct{new=d,a=-7,o=3}"},
		{newer, StructOf(NewStructValue(newer)), older, "Error projecting a: Schema type mismatch. source type: INT64 and target type: INT8"},
		{NewStruct().Build(), StructOf(NewStructValue(NewStruct().Build())), NewStruct().Field("f", text).Build(), "Required field `f` is missing from source schema null"},
		{NewArray(i8).Build(), Array([]Value{Int8(1), Int8(2)}), NewArray(f32).Build(), "[1.0, 2.0]"},
		{NewArray(i8).Build(), Array([]Value{Int8(1)}), NewArray(text).Build(), "Schema type mismatch. source type: INT8 and target type: STRING"},
		{NewMap(i8, i32).Build(), MapOf(pairs), NewMap(i32, i64).Build(), "{1=2}"},
		{NewMap(i8, i32).Build(), MapOf(pairs), NewMap(text, i64).Build(), "Schema type mismatch. source type: INT8 and target type: STRING"},
	} {
		v, err := Project(c.from, c.v, c.to)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = string(AppendText(nil, c.to, v))
			if err := c.to.Validate(v); err != nil && !c.to.Optional() {
				t.Errorf("%s: %v", c.want, err)
			}
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
