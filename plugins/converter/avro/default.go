package avro

import (
	"math"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// defaultOf is a default value in the JSON form of an Avro default
// (AvroData.defaultValueFromConnect).
func (o Options) defaultOf(s *data.Schema, v data.Value) (jsontree.Node, error) {
	if v.IsNull() {
		return jsontree.Node{}, nil
	}
	if v.Kind() != s.Type().Kind() {
		return jsontree.Node{}, dataError("Invalid type used for default value of %s field: class %s", s.Type().EnumName(), v.Kind().JavaClass())
	}
	switch v.Kind() {
	case data.KindBoolean:
		return jsontree.Truth(v.Bool()), nil
	case data.KindFloat32:
		return number(v, data.AppendFloat32(nil, float32(v.Float()))), nil
	case data.KindFloat64:
		return number(v, data.AppendFloat64(nil, v.Float())), nil
	case data.KindString:
		return jsontree.Str(v.Str()), nil
	case data.KindBytes:
		return jsontree.Str(latin1(v.Raw())), nil
	case data.KindArray:
		return o.arrayDefault(s, v.Elems())
	case data.KindMap:
		return o.mapDefault(s, v.Map())
	case data.KindStruct:
		return o.structDefault(s, v.Struct())
	}
	return jsontree.Int(v.Int()), nil
}

// number is a float: JSON has no number for what is not finite, so that is a text, as in Jackson.
func number(v data.Value, text []byte) jsontree.Node {
	if f := v.Float(); f-f != 0 {
		return jsontree.Str(string(text))
	}
	return jsontree.Num(string(text))
}

// latin1 is the text with one character for each byte.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// fromLatin1 reverses latin1; ok is false for other characters.
func fromLatin1(s string) (b []byte, ok bool) {
	b = make([]byte, 0, utf8.RuneCountInString(s))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

func (o Options) arrayDefault(s *data.Schema, elems []data.Value) (jsontree.Node, error) {
	n := jsontree.Node{Kind: jsontree.Array}
	for _, e := range elems {
		d, err := o.defaultOf(s.ValueSchema(), e)
		if err != nil {
			return n, err
		}
		n.Elems = append(n.Elems, d)
	}
	return n, nil
}

func (o Options) mapDefault(s *data.Schema, m *data.Map) (jsontree.Node, error) {
	object := o.stringKeys(s)
	n := jsontree.Node{Kind: jsontree.Array}
	if object {
		n.Kind = jsontree.Object
	}
	for _, e := range m.Entries {
		v, err := o.defaultOf(s.ValueSchema(), e.Value)
		if err != nil {
			return n, err
		}
		if object {
			n.Set(e.Key.Str(), v)
			continue
		}
		k, err := o.defaultOf(s.KeySchema(), e.Key)
		if err != nil {
			return n, err
		}
		n.Elems = append(n.Elems, jsontree.Node{Kind: jsontree.Array, Elems: []jsontree.Node{k, v}})
	}
	return n, nil
}

func (o Options) structDefault(s *data.Schema, st *data.Struct) (jsontree.Node, error) {
	n := jsontree.Node{Kind: jsontree.Object}
	for i, f := range s.Fields() {
		v := st.At(i)
		if def, ok := f.Schema.Default(); ok && v.IsNull() {
			v = def
		}
		d, err := o.defaultOf(f.Schema, v)
		if err != nil || isUnion(s) {
			return d, err
		}
		n.Set(o.name(f.Name), d)
	}
	return n, nil
}

// suits reports whether a default is valid for a schema (Schema.isValidDefault).
func suits(s *schema, n jsontree.Node) bool {
	switch s.kind {
	case kString, kBytes, kEnum, kFixed:
		return n.Kind == jsontree.String
	case kInt:
		i, ok := n.Int64()
		return ok && math.MinInt32 <= i && i <= math.MaxInt32
	case kLong:
		_, ok := n.Int64()
		return ok
	case kFloat, kDouble:
		return n.Kind == jsontree.Number
	case kBoolean:
		return n.Kind == jsontree.Bool
	case kNull:
		return n.IsNull()
	case kArray:
		return n.Kind == jsontree.Array && all(n.Elems, func(e jsontree.Node) bool { return suits(s.items, e) })
	case kMap:
		return n.Kind == jsontree.Object && all(n.Members, func(m jsontree.Member) bool { return suits(s.items, m.Value) })
	case kUnion:
		for _, b := range s.branches {
			if suits(b, n) {
				return true
			}
		}
		return false
	}
	return n.Kind == jsontree.Object && all(s.fields, func(f *field) bool {
		v, ok := n.Get(f.name)
		if !ok && f.def != nil {
			v, ok = *f.def, true
		}
		return ok && suits(f.schema, v)
	})
}

func all[T any](list []T, ok func(T) bool) bool {
	for _, e := range list {
		if !ok(e) {
			return false
		}
	}
	return true
}
