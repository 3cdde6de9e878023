package protobuf

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// toConnect makes a Connect schema of a message (ProtobufData.toConnectSchema).
type toConnect struct {
	Options
	parts registry.Parts
	open  map[protoreflect.FullName]bool   // messages that are being converted
	tags  map[protoreflect.FullName]string // the numbers of the fields that first held a message
}

func (o Options) toConnect(m protoreflect.MessageDescriptor, version int) (*data.Schema, error) {
	x := &toConnect{Options: o, open: map[protoreflect.FullName]bool{}, tags: map[protoreflect.FullName]string{}}
	var b *data.Builder
	if o.RawWrapper {
		b = unwrapped(m)
	}
	if b == nil {
		var err error
		if b, err = x.message(m); err != nil {
			return nil, err
		}
	}
	if version != 0 {
		b.Version(version)
	}
	return b.TryBuild()
}

// unwrapped is the schema of one of google.protobuf's wrappers; nil for other messages.
func unwrapped(m protoreflect.MessageDescriptor) *data.Builder {
	switch m.FullName() {
	case "google.protobuf.DoubleValue":
		return data.New(data.TypeFloat64)
	case "google.protobuf.FloatValue":
		return data.New(data.TypeFloat32)
	case "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.UInt32Value":
		return data.New(data.TypeInt64)
	case "google.protobuf.Int32Value":
		return data.New(data.TypeInt32)
	case "google.protobuf.BoolValue":
		return data.New(data.TypeBoolean)
	case "google.protobuf.StringValue":
		return data.New(data.TypeString)
	case "google.protobuf.BytesValue":
		return data.New(data.TypeBytes)
	}
	return nil
}

func (o Options) name(d protoreflect.Descriptor) string {
	if o.Enhanced {
		return string(d.FullName())
	}
	return string(d.Name())
}

// realOneof is the oneof that a field belongs to; nil for that of an optional field.
func realOneof(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

func (o Options) unionField(d protoreflect.OneofDescriptor) string {
	if o.UnionIndex {
		return string(d.Name()) + "_" + strconv.Itoa(d.Index())
	}
	return string(d.Name())
}

func (x *toConnect) message(m protoreflect.MessageDescriptor) (*data.Builder, error) {
	if x.open[m.FullName()] {
		return nil, dataError("the message %s contains itself: a Connect schema cannot here", m.FullName())
	}
	x.open[m.FullName()] = true
	defer delete(x.open, m.FullName())
	b := data.NewStruct().Name(x.name(m))
	for i := range m.Oneofs().Len() {
		o := m.Oneofs().Get(i)
		if o.IsSynthetic() {
			continue
		}
		if err := x.oneof(b, o); err != nil {
			return nil, err
		}
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if realOneof(f) != nil {
			continue
		}
		s, err := x.field(f, false)
		if err != nil {
			return nil, within(string(f.Name()), err)
		}
		b.Field(string(f.Name()), s)
	}
	return b, nil
}

func (x *toConnect) oneof(b *data.Builder, o protoreflect.OneofDescriptor) error {
	union := b
	if !x.FlattenUnions {
		union = data.NewStruct().Optional()
		if x.SumTypes {
			union.Name(string(o.Name())).Param(sumUnion, string(o.Name()))
		} else {
			union.Name(unionName + "." + x.name(o))
		}
	}
	for i := range o.Fields().Len() {
		f := o.Fields().Get(i)
		s, err := x.field(f, true)
		if err != nil {
			return within(string(f.Name()), err)
		}
		union.Field(string(f.Name()), s)
	}
	if !x.FlattenUnions {
		b.Field(x.unionField(o), union.Build())
	}
	return nil
}

func (x *toConnect) field(f protoreflect.FieldDescriptor, member bool) (*data.Schema, error) {
	b, err := x.single(f)
	if err != nil {
		return nil, err
	}
	tag := strconv.Itoa(int(f.Number()))
	isStruct := b.Peek().Type() == data.TypeStruct
	if f.Cardinality() == protoreflect.Repeated && b.Peek().Type() != data.TypeMap {
		if first := x.tags[fullName(f)]; isStruct && first != "" { // in Java the message that is used again is the first one
			b.Param(tagParam, first)
		}
		isStruct = false
		b = data.NewArray(b.Optional().Build()).Optional()
	}
	switch {
	case member:
		b.Optional()
		if x.Wrapper && f.Message() != nil && unwrapped(f.Message()) != nil {
			b.Param(wrapperParam, "true")
		}
	case x.Optional:
		if hasOptional(f) {
			b.Optional()
		}
	case !x.Wrapper:
		b.Optional()
	}
	if isStruct && x.tags[fullName(f)] == "" {
		x.tags[fullName(f)] = tag
	}
	return b.Param(tagParam, tag).TryBuild()
}

// fullName is the name of a field's message; "" when it is none.
func fullName(f protoreflect.FieldDescriptor) protoreflect.FullName {
	if f.Message() == nil {
		return ""
	}
	return f.Message().FullName()
}

// hasOptional reports whether the field has the word optional, in proto2 or proto3.
func hasOptional(f protoreflect.FieldDescriptor) bool {
	return f.HasOptionalKeyword() && realOneof(f) == nil
}

// single is the schema of a field, or of its elements.
func (x *toConnect) single(f protoreflect.FieldDescriptor) (*data.Builder, error) {
	if err := x.parts.Add(); err != nil {
		return nil, err
	}
	kind := f.Kind().String()
	switch f.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		switch meta(f)[typeKey] {
		case "int8":
			return data.New(data.TypeInt8), nil
		case "int16":
			return data.New(data.TypeInt16), nil
		}
		b := data.New(data.TypeInt32)
		if f.Kind() != protoreflect.Int32Kind {
			b.Param(typeParam, kind)
		}
		return b, nil
	case protoreflect.Int64Kind:
		return data.New(data.TypeInt64), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind,
		protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return data.New(data.TypeInt64).Param(typeParam, kind), nil
	case protoreflect.FloatKind:
		return data.New(data.TypeFloat32), nil
	case protoreflect.DoubleKind:
		return data.New(data.TypeFloat64), nil
	case protoreflect.BoolKind:
		return data.New(data.TypeBoolean), nil
	case protoreflect.StringKind:
		return data.New(data.TypeString), nil
	case protoreflect.BytesKind:
		return data.New(data.TypeBytes), nil
	case protoreflect.EnumKind:
		return x.enum(f.Enum()), nil
	case protoreflect.MessageKind:
		b, err := x.inner(f)
		if err == nil {
			b.Optional()
		}
		return b, err
	}
	return nil, dataError("Unknown Connect schema type: %s", f.Kind())
}

func (x *toConnect) enum(e protoreflect.EnumDescriptor) *data.Builder {
	b := data.New(data.TypeString)
	if x.IntEnums {
		b = data.New(data.TypeInt32)
	}
	b.Name(x.name(e)).Param(x.enumParam(), string(e.Name())).Optional()
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		b.Param(x.enumParam()+"."+string(v.Name()), strconv.Itoa(int(v.Number())))
	}
	return b
}

func (x *toConnect) inner(f protoreflect.FieldDescriptor) (*data.Builder, error) {
	switch string(f.Message().FullName()) {
	case decimalType:
		params := meta(f)
		scale, _ := strconv.Atoi(params["scale"]) // what is no number is 0, as in Java
		b := data.DecimalOf(scale)
		if precision, err := strconv.Atoi(params["precision"]); err == nil {
			b.Param(precisionKey, strconv.Itoa(precision))
		}
		return b, nil
	case dateType:
		return data.NewDate(), nil
	case timeType:
		return data.NewTime(), nil
	case timestampType:
		return data.NewTimestamp(), nil
	}
	if x.Wrapper || x.RawWrapper {
		if b := unwrapped(f.Message()); b != nil {
			return b, nil
		}
	}
	if !isMap(f) {
		return x.message(f.Message())
	}
	key, err := x.field(f.Message().Fields().Get(0), false)
	if err != nil {
		return nil, err
	}
	value, err := x.field(f.Message().Fields().Get(1), false)
	if err != nil {
		return nil, err
	}
	return data.NewMap(key, value).Name(mapName(x.name(f.Message()))), nil
}

// isMap reports whether a field is a map, or repeats a message that looks like the entry of one.
func isMap(f protoreflect.FieldDescriptor) bool {
	if f.Cardinality() != protoreflect.Repeated || f.Message() == nil {
		return false
	}
	fields := f.Message().Fields()
	name := string(f.Message().Name())
	return len(name) >= len(entrySuffix) && name[len(name)-len(entrySuffix):] == entrySuffix && fields.Len() == 2 &&
		fields.Get(0).Name() == keyField && fields.Get(1).Name() == valueField &&
		fields.Get(0).Cardinality() != protoreflect.Repeated && fields.Get(1).Cardinality() != protoreflect.Repeated
}

// meta are the parameters of the option confluent.field_meta.
func meta(f protoreflect.FieldDescriptor) map[string]string {
	out := map[string]string{}
	options, ok := f.Options().(*descriptorpb.FieldOptions)
	if !ok || options == nil {
		return out
	}
	options.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.FullName() != "confluent.field_meta" {
			return true
		}
		m := v.Message()
		if params := m.Descriptor().Fields().ByName("params"); params != nil {
			m.Get(params).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				out[k.String()] = v.String()
				return true
			})
		}
		return false
	})
	return out
}
