package protobuf

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/millrace/millrace/plugins/data"
)

// reader reads one message of a schema.
type reader struct {
	Options
	message protoreflect.MessageDescriptor
	schema  *data.Schema
}

func (r *reader) read(a *data.Arena, b []byte) (data.Value, error) {
	m := dynamicpb.NewMessage(r.message)
	if err := proto.Unmarshal(b, m); err != nil {
		return data.Value{}, dataError("Error deserializing Protobuf message: %w", err)
	}
	if r.schema.Type() != data.TypeStruct {
		return r.wrapped(r.schema, m)
	}
	return r.structOf(a, r.schema, m)
}

// wrapped is the value of one of google.protobuf's wrappers.
func (r *reader) wrapped(s *data.Schema, m protoreflect.Message) (data.Value, error) {
	f := m.Descriptor().Fields().ByNumber(1)
	return scalar(s, f, m.Get(f))
}

func (r *reader) structOf(a *data.Arena, s *data.Schema, m protoreflect.Message) (data.Value, error) {
	st := a.Struct(s)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		at, in, target := s.FieldIndex(string(f.Name())), st, s
		if o := realOneof(f); o != nil {
			if !m.Has(f) {
				continue
			}
			if !r.FlattenUnions {
				union := s.FieldIndex(r.unionField(o))
				target = s.Fields()[union].Schema
				in = a.Struct(target)
				st.Set(union, data.StructOf(in))
				at = target.FieldIndex(string(f.Name()))
			}
		} else if !r.counts(f, m) {
			continue
		}
		v, err := r.field(a, target.Fields()[at].Schema, f, m.Get(f))
		if err != nil {
			return v, within(string(f.Name()), err)
		}
		in.Set(at, v)
	}
	return data.StructOf(st), nil
}

// counts reports whether a field has a value: a scalar without presence always has.
func (r *reader) counts(f protoreflect.FieldDescriptor, m protoreflect.Message) bool {
	plain := f.Kind() != protoreflect.MessageKind || f.Cardinality() == protoreflect.Repeated
	optional := f.HasOptionalKeyword() && (f.ParentFile().Syntax() == protoreflect.Proto3 || r.OptionalProto2)
	return plain && !optional || r.StructForNull || m.Has(f)
}

func (r *reader) field(a *data.Arena, s *data.Schema, f protoreflect.FieldDescriptor, v protoreflect.Value) (data.Value, error) {
	switch {
	case f.IsMap():
		out := &data.Map{}
		var failed error
		v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
			key, err := r.single(a, s.KeySchema(), f.MapKey(), k.Value())
			val, err2 := r.single(a, s.ValueSchema(), f.MapValue(), e)
			if failed = err; failed == nil {
				failed = err2
			}
			out.Put(key, val)
			return failed == nil
		})
		return data.MapOf(out), failed
	case isMap(f):
		return r.entries(a, s, v.List())
	case f.IsList():
		list := v.List()
		out := a.Values(list.Len())
		for i := range out {
			var err error
			if out[i], err = r.single(a, s.ValueSchema(), f, list.Get(i)); err != nil {
				return out[i], err
			}
		}
		return data.Array(out), nil
	}
	return r.single(a, s, f, v)
}

func (r *reader) entries(a *data.Arena, s *data.Schema, list protoreflect.List) (data.Value, error) {
	out := &data.Map{}
	for i := range list.Len() {
		m := list.Get(i).Message()
		fields := m.Descriptor().Fields()
		k, err := r.single(a, s.KeySchema(), fields.Get(0), m.Get(fields.Get(0)))
		if err != nil {
			return k, err
		}
		v, err := r.single(a, s.ValueSchema(), fields.Get(1), m.Get(fields.Get(1)))
		if err != nil {
			return v, err
		}
		out.Put(k, v)
	}
	return data.MapOf(out), nil
}

func (r *reader) single(a *data.Arena, s *data.Schema, f protoreflect.FieldDescriptor, v protoreflect.Value) (data.Value, error) {
	if f.Kind() != protoreflect.MessageKind {
		return scalar(s, f, v)
	}
	m := v.Message()
	switch {
	case s.Logical() != data.LogicalNone:
		return logical(s, m)
	case s.Type() != data.TypeStruct:
		return r.wrapped(s, m)
	}
	return r.structOf(a, s, m)
}

func scalar(s *data.Schema, f protoreflect.FieldDescriptor, v protoreflect.Value) (data.Value, error) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return data.Boolean(v.Bool()), nil
	case protoreflect.StringKind:
		return data.String(v.String()), nil
	case protoreflect.BytesKind:
		return data.Bytes(v.Bytes()), nil
	case protoreflect.FloatKind:
		return data.Float32(float32(v.Float())), nil
	case protoreflect.DoubleKind:
		return data.Float64(v.Float()), nil
	case protoreflect.EnumKind:
		return enumValue(s, f.Enum(), v.Enum()), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return data.Int64(int64(v.Uint())), nil
	}
	return data.Integer(s.Type(), v.Int()), nil
}

func enumValue(s *data.Schema, e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) data.Value {
	if s.Type() == data.TypeInt32 {
		return data.Int32(int32(n))
	}
	if v := e.Values().ByNumber(n); v != nil {
		return data.String(string(v.Name()))
	}
	return data.String("UNRECOGNIZED")
}

// logical reads the messages of Connect's logical types.
func logical(s *data.Schema, m protoreflect.Message) (data.Value, error) {
	get := func(name protoreflect.Name) int64 {
		if f := m.Descriptor().Fields().ByName(name); f != nil {
			return m.Get(f).Int()
		}
		return 0
	}
	switch s.Logical() {
	case data.LogicalDecimal:
		return decimal(s, m)
	case data.LogicalDate:
		t := time.Date(int(get("year")), time.Month(get("month")), int(get("day")), 0, 0, 0, 0, time.UTC)
		if int64(t.Month()) != get("month") || int64(t.Day()) != get("day") {
			return data.Value{}, dataError("%d-%d-%d is no date", get("year"), get("month"), get("day"))
		}
		return data.Int32(int32(t.Unix() / (24 * 60 * 60))), nil
	case data.LogicalTime:
		return data.Int32(int32(((get("hours")*60+get("minutes"))*60+get("seconds"))*1000 + get("nanos")/1_000_000)), nil
	}
	return data.Int64(get("seconds")*1000 + get("nanos")/1_000_000), nil
}

func decimal(s *data.Schema, m protoreflect.Message) (data.Value, error) {
	fields := m.Descriptor().Fields()
	unscaled := m.Get(fields.ByName("value")).Bytes()
	if len(unscaled) == 0 {
		unscaled = []byte{0}
	}
	scale, err := s.Scale()
	if err != nil {
		return data.Value{}, dataError("%w", err)
	}
	from := int(m.Get(fields.ByName("scale")).Int())
	out, ok := data.Rescale(unscaled, from, scale)
	if !ok {
		return data.Value{}, dataError("a decimal of scale %d does not fit the scale %d of its field", from, scale)
	}
	return data.Bytes(out), nil
}
