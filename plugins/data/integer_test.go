package data

import "testing"

func TestInteger(t *testing.T) {
	for typ, want := range map[Type]Value{TypeInt8: Int8(-1), TypeInt16: Int16(511), TypeInt32: Int32(511), TypeInt64: Int64(511)} {
		if got := Integer(typ, 511); got != want {
			t.Errorf("%s: %v, want %v", typ, got.Int(), want.Int())
		}
	}
}
