package data

import (
	"math"
	"unsafe"
)

// Kind says what a Value holds. The scalar kinds have the names of Connect's
// schema types; KindNull is Java's null.
type Kind uint8

// The kinds of a Value.
const (
	KindNull Kind = iota
	KindBoolean
	KindInt8
	KindInt16
	KindInt32
	KindInt64
	KindFloat32
	KindFloat64
	KindString
	KindBytes
	KindArray
	KindMap
	KindStruct
)

// Value is one Connect value. The zero Value is null.
//
// Strings, bytes and arrays are references: the memory they point at must not
// change while the Value is in use.
type Value struct {
	num  uint64         // scalar bits, or the length of what ptr points at
	ptr  unsafe.Pointer // first byte, first element, *Map or *Struct
	kind Kind
}

// Map is an ordered list of entries: Connect keeps the order in which a map was
// filled, and converters write that order.
type Map struct {
	Entries []MapEntry
}

// MapEntry is one key with its value.
type MapEntry struct{ Key, Value Value }

// Null is Java's null.
func Null() Value { return Value{} }

// Boolean makes a boolean value.
func Boolean(b bool) Value {
	v := Value{kind: KindBoolean}
	if b {
		v.num = 1
	}
	return v
}

// Int8 makes an 8-bit integer.
func Int8(i int8) Value { return Value{kind: KindInt8, num: uint64(i)} }

// Int16 makes a 16-bit integer.
func Int16(i int16) Value { return Value{kind: KindInt16, num: uint64(i)} }

// Int32 makes a 32-bit integer.
func Int32(i int32) Value { return Value{kind: KindInt32, num: uint64(i)} }

// Int64 makes a 64-bit integer.
func Int64(i int64) Value { return Value{kind: KindInt64, num: uint64(i)} }

// Integer is a value of an integer type, from INT8 to INT64, with the lower bits of i.
func Integer(t Type, i int64) Value {
	switch t {
	case TypeInt8:
		return Int8(int8(i))
	case TypeInt16:
		return Int16(int16(i))
	case TypeInt32:
		return Int32(int32(i))
	}
	return Int64(i)
}

// Float32 makes a single-precision number.
func Float32(f float32) Value { return Value{kind: KindFloat32, num: uint64(math.Float32bits(f))} }

// Float64 makes a double-precision number.
func Float64(f float64) Value { return Value{kind: KindFloat64, num: math.Float64bits(f)} }

// String makes a text value that shares s's bytes.
func String(s string) Value {
	return Value{kind: KindString, num: uint64(len(s)), ptr: unsafe.Pointer(unsafe.StringData(s))}
}

// StringBytes makes a text value that shares b; b must be UTF-8 and stay unchanged.
func StringBytes(b []byte) Value {
	return Value{kind: KindString, num: uint64(len(b)), ptr: unsafe.Pointer(unsafe.SliceData(b))}
}

// Bytes makes a bytes value that shares b. A nil slice is an empty value, not null.
func Bytes(b []byte) Value {
	return Value{kind: KindBytes, num: uint64(len(b)), ptr: unsafe.Pointer(unsafe.SliceData(b))}
}

// Array makes an array that shares elems.
func Array(elems []Value) Value {
	return Value{kind: KindArray, num: uint64(len(elems)), ptr: unsafe.Pointer(unsafe.SliceData(elems))}
}

// MapOf makes a map value; nil gives null.
func MapOf(m *Map) Value {
	if m == nil {
		return Value{}
	}
	return Value{kind: KindMap, ptr: unsafe.Pointer(m)}
}

// StructOf makes a struct value; nil gives null.
func StructOf(s *Struct) Value {
	if s == nil {
		return Value{}
	}
	return Value{kind: KindStruct, ptr: unsafe.Pointer(s)}
}

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Bool returns a boolean value; false for any other kind.
func (v Value) Bool() bool { return v.kind == KindBoolean && v.num != 0 }

// Int returns the value of any integer kind, sign-extended; 0 for other kinds.
func (v Value) Int() int64 {
	switch v.kind {
	case KindInt8, KindInt16, KindInt32, KindInt64:
		return int64(v.num)
	}
	return 0
}

// Float returns the value of a float kind; 0 for other kinds.
func (v Value) Float() float64 {
	switch v.kind {
	case KindFloat32:
		return float64(math.Float32frombits(uint32(v.num)))
	case KindFloat64:
		return math.Float64frombits(v.num)
	}
	return 0
}

// Str returns the text of a string value without copying; "" for other kinds.
func (v Value) Str() string {
	if v.kind != KindString {
		return ""
	}
	return unsafe.String((*byte)(v.ptr), int(v.num))
}

// Raw returns the bytes of a string or bytes value without copying.
// The caller must not change them. Other kinds give nil.
func (v Value) Raw() []byte {
	if v.kind != KindString && v.kind != KindBytes {
		return nil
	}
	return unsafe.Slice((*byte)(v.ptr), int(v.num))
}

// Elems returns the elements of an array without copying; nil for other kinds.
func (v Value) Elems() []Value {
	if v.kind != KindArray {
		return nil
	}
	return unsafe.Slice((*Value)(v.ptr), int(v.num))
}

// Map returns the map of a map value; nil for other kinds.
func (v Value) Map() *Map {
	if v.kind != KindMap {
		return nil
	}
	return (*Map)(v.ptr)
}

// Struct returns the struct of a struct value; nil for other kinds.
func (v Value) Struct() *Struct {
	if v.kind != KindStruct {
		return nil
	}
	return (*Struct)(v.ptr)
}
