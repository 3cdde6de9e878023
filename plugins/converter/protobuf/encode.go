package protobuf

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millrace/millrace/plugins/data"
)

// encoder writes the structs of one schema as one message, in the order of the fields' numbers.
type encoder struct {
	schema *data.Schema
	fields []fieldEncoder
}

type fieldEncoder struct {
	at, member int // indexes of the struct's field and, of a union, of its field; member is -1 otherwise
	name       string
	schema     *data.Schema // of the elements, where it is a list
	def        data.Value   // what stands for null; null for none
	tag        []byte
	kind       protoreflect.Kind
	form       form
	list       bool
	packed     bool
	presence   bool // also zero is written
	inner      *encoder
	scale      int
	enum       map[string]int32
}

// form says what a message is made of.
type form uint8

const (
	formScalar form = iota
	formStruct
	formMap
	formWrapper
	formDecimal
	formDate
	formTime
	formTimestamp
)

// compile makes the encoder of s for a message, of its own schema or of another
// one of the registry. Fields are found by name; with strict each must be there.
func (o Options) compile(s *data.Schema, m protoreflect.MessageDescriptor, strict bool) (*encoder, error) {
	e := &encoder{schema: s}
	for i, f := range s.Fields() {
		if f.Schema.Type() == data.TypeStruct && isUnion(f.Schema) {
			for j, u := range f.Schema.Fields() {
				if err := o.addField(e, m, u, i, j, strict); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := o.addField(e, m, f, i, -1, strict); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(e.fields, func(a, b fieldEncoder) int {
		x, _, _ := protowire.ConsumeTag(a.tag)
		y, _, _ := protowire.ConsumeTag(b.tag)
		return int(x) - int(y)
	})
	return e, nil
}

func (o Options) addField(e *encoder, m protoreflect.MessageDescriptor, f data.Field, at, member int, strict bool) error {
	d := m.Fields().ByName(protoreflect.Name(o.scrub(f.Name)))
	switch {
	case d == nil && strict:
		return dataError("Cannot find field with name %s", f.Name)
	case d == nil:
		return nil
	}
	fe := fieldEncoder{at: at, member: member, name: f.Name, schema: f.Schema, kind: d.Kind(), presence: d.HasPresence()}
	if def, ok := f.Schema.Default(); ok && !o.IgnoreDefaults {
		fe.def = def
	}
	if f.Schema.Type() == data.TypeArray {
		fe.list, fe.schema = true, f.Schema.ValueSchema()
	}
	fe.packed = fe.list && d.IsPacked()
	fe.tag = protowire.AppendTag(nil, d.Number(), wireType(d.Kind()))
	if fe.packed {
		fe.tag = protowire.AppendTag(nil, d.Number(), protowire.BytesType)
	}
	if err := o.chooseForm(&fe, d, strict); err != nil {
		return within(f.Name, err)
	}
	e.fields = append(e.fields, fe)
	return nil
}

func (o Options) chooseForm(fe *fieldEncoder, d protoreflect.FieldDescriptor, strict bool) (err error) {
	t := fe.schema.Type()
	if repeated := fe.list || t == data.TypeMap; repeated != d.IsList() && !d.IsMap() {
		return mismatch(fe.schema, d)
	}
	if d.Enum() != nil {
		fe.enum = map[string]int32{}
		for _, p := range fe.schema.Params() {
			if symbol, ok := strings.CutPrefix(p.Key, o.enumParam()+"."); ok {
				n, err := strconv.ParseInt(p.Value, 10, 32)
				if err != nil {
					return dataError("the number of the enum's %s is %q", symbol, p.Value)
				}
				fe.enum[symbol] = int32(n)
			}
		}
	}
	md := d.Message()
	if md == nil {
		if !scalarFits(t, d.Kind()) {
			return mismatch(fe.schema, d)
		}
		return nil
	}
	switch name := string(md.FullName()); {
	case name == decimalType && fe.schema.Logical() == data.LogicalDecimal:
		fe.form = formDecimal
		fe.scale, err = fe.schema.Scale()
	case name == dateType && fe.schema.Logical() == data.LogicalDate:
		fe.form = formDate
	case name == timeType && fe.schema.Logical() == data.LogicalTime:
		fe.form = formTime
	case name == timestampType && fe.schema.Logical() == data.LogicalTimestamp:
		fe.form = formTimestamp
	case t == data.TypeStruct:
		fe.form = formStruct
		fe.inner, err = o.compile(fe.schema, md, strict)
	case t == data.TypeMap:
		fe.form = formMap
		entry := data.NewStruct().Field(keyField, fe.schema.KeySchema()).Field(valueField, fe.schema.ValueSchema()).Build()
		fe.inner, err = o.compile(entry, md, strict)
		for i := range fe.inner.fieldsOrNone() {
			fe.inner.fields[i].def = data.Null()
		}
	case strings.HasPrefix(name, "google.protobuf.") && strings.HasSuffix(name, "Value") && t <= data.TypeBytes:
		fe.form, fe.kind = formWrapper, md.Fields().ByNumber(1).Kind()
	default:
		err = mismatch(fe.schema, d)
	}
	return err
}

func (e *encoder) fieldsOrNone() []fieldEncoder {
	if e == nil {
		return nil
	}
	return e.fields
}

func mismatch(s *data.Schema, d protoreflect.FieldDescriptor) error {
	return dataError("a field of type %s cannot hold values of type %s", d.Kind(), s.Type().EnumName())
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

func scalarFits(t data.Type, k protoreflect.Kind) bool {
	switch k {
	case protoreflect.BoolKind:
		return t == data.TypeBoolean
	case protoreflect.FloatKind:
		return t == data.TypeFloat32
	case protoreflect.DoubleKind:
		return t == data.TypeFloat32 || t == data.TypeFloat64
	case protoreflect.StringKind:
		return t == data.TypeString
	case protoreflect.BytesKind:
		return t == data.TypeBytes
	case protoreflect.EnumKind:
		return t == data.TypeString || t == data.TypeInt32
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return t <= data.TypeInt32
	}
	return t <= data.TypeInt64 && k != protoreflect.GroupKind
}

func (e *encoder) append(dst []byte, s *data.Struct) ([]byte, error) {
	if s.Schema() != e.schema && !s.Schema().Equal(e.schema) {
		return dst, dataError("Mismatching struct schema")
	}
	return e.appendFields(dst, s.Fields())
}

func (e *encoder) appendFields(dst []byte, values []data.Value) ([]byte, error) {
	for i := range e.fields {
		f := &e.fields[i]
		v := values[f.at]
		if f.member >= 0 {
			if v.IsNull() {
				continue
			}
			v = v.Struct().At(f.member)
		}
		if v.IsNull() {
			if v = f.def; v.IsNull() {
				continue
			}
		}
		var err error
		if dst, err = f.append(dst, v); err != nil {
			return dst, within(f.name, err)
		}
	}
	return dst, nil
}

func (f *fieldEncoder) append(dst []byte, v data.Value) ([]byte, error) {
	switch {
	case f.list && v.Kind() != data.KindArray:
		return dst, dataError("Invalid type for ARRAY: class %s", v.Kind().JavaClass())
	case f.list:
		return f.appendList(dst, v.Elems())
	case f.form == formMap && v.Kind() == data.KindMap:
		return f.appendMap(dst, v.Map())
	}
	return f.appendOne(dst, v, f.presence || f.form != formScalar)
}

// appendOne writes a single value; zero is left out unless presence says that it counts.
func (f *fieldEncoder) appendOne(dst []byte, v data.Value, presence bool) ([]byte, error) {
	if v.Kind() != f.schema.Type().Kind() {
		return dst, dataError("Invalid type for %s: class %s", f.schema.Type().EnumName(), v.Kind().JavaClass())
	}
	if f.form == formScalar {
		if f.enum != nil && v.Kind() == data.KindString {
			n, ok := f.enum[v.Str()]
			if !ok {
				return dst, dataError("%q is not a value of the enum %s", v.Str(), f.schema.Name())
			}
			v = data.Int32(n)
		}
		if !presence && isZero(v) {
			return dst, nil
		}
		return appendScalar(append(dst, f.tag...), f.kind, v), nil
	}
	dst = append(dst, f.tag...)
	start := len(dst)
	dst, err := f.appendMessage(dst, v)
	return insertLength(dst, start), err
}

// insertLength puts the length of what stands from start on before it.
func insertLength(dst []byte, start int) []byte {
	n := len(dst) - start
	size := protowire.SizeVarint(uint64(n))
	for range size {
		dst = append(dst, 0)
	}
	copy(dst[start+size:], dst[start:start+n])
	binary.PutUvarint(dst[start:start+size], uint64(n))
	return dst
}

func (f *fieldEncoder) appendMessage(dst []byte, v data.Value) ([]byte, error) {
	number := func(dst []byte, field protowire.Number, i int64) []byte {
		if i == 0 {
			return dst
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), uint64(i))
	}
	switch f.form {
	case formStruct:
		return f.inner.append(dst, v.Struct())
	case formWrapper:
		if isZero(v) {
			return dst, nil
		}
		return appendScalar(protowire.AppendTag(dst, 1, wireType(f.kind)), f.kind, v), nil
	case formDecimal:
		digits := strings.TrimPrefix(string(data.AppendDecimal(nil, v.Raw(), 0)), "-")
		dst = protowire.AppendBytes(protowire.AppendTag(dst, 1, protowire.BytesType), v.Raw())
		return number(number(dst, 2, int64(len(digits))), 3, int64(f.scale)), nil
	case formDate:
		t := time.UnixMilli(v.Int() * 24 * 60 * 60 * 1000).UTC()
		return number(number(number(dst, 1, int64(t.Year())), 2, int64(t.Month())), 3, int64(t.Day())), nil
	case formTime:
		ms := v.Int()
		if ms < 0 || ms > 24*60*60*1000 {
			return dst, dataError("Time values must use number of millis greater than 0 and less than 86400000")
		}
		return number(number(number(number(dst, 1, ms/3_600_000%24), 2, ms/60_000%60), 3, ms/1000%60), 4, ms%1000*1_000_000), nil
	}
	ms := v.Int()
	seconds, rest := ms/1000, ms%1000
	if rest < 0 {
		seconds, rest = seconds-1, rest+1000
	}
	if seconds < minSeconds || seconds > maxSeconds {
		return dst, dataError("Timestamp is not valid: %d seconds since 1970 are not in the years 1 to 9999", seconds)
	}
	return number(number(dst, 1, seconds), 2, rest*1_000_000), nil
}

// The range of google.protobuf.Timestamp.
const minSeconds, maxSeconds = -62_135_596_800, 253_402_300_799

func (f *fieldEncoder) appendList(dst []byte, elems []data.Value) ([]byte, error) {
	if len(elems) == 0 {
		return dst, nil
	}
	start := 0
	if f.packed {
		dst = append(dst, f.tag...)
		start = len(dst)
	}
	for _, e := range elems {
		var err error
		switch {
		case e.IsNull():
			return dst, dataError("an array has a null element, which Protobuf cannot hold")
		case f.packed && e.Kind() != f.schema.Type().Kind():
			return dst, dataError("Invalid type for %s: class %s", f.schema.Type().EnumName(), e.Kind().JavaClass())
		case f.packed && f.enum == nil:
			dst = appendScalar(dst, f.kind, e)
		case f.packed:
			n, ok := f.enum[e.Str()]
			if !ok {
				n = int32(e.Int())
			}
			dst = appendScalar(dst, f.kind, data.Int32(n))
		default:
			dst, err = f.appendOne(dst, e, true)
		}
		if err != nil {
			return dst, err
		}
	}
	if f.packed {
		dst = insertLength(dst, start)
	}
	return dst, nil
}

func (f *fieldEncoder) appendMap(dst []byte, m *data.Map) ([]byte, error) {
	for _, e := range m.Entries {
		dst = append(dst, f.tag...)
		start := len(dst)
		var err error
		if dst, err = f.inner.appendFields(dst, []data.Value{e.Key, e.Value}); err != nil {
			return dst, err
		}
		dst = insertLength(dst, start)
	}
	return dst, nil
}

func isZero(v data.Value) bool {
	switch v.Kind() {
	case data.KindBoolean:
		return !v.Bool()
	case data.KindFloat32, data.KindFloat64:
		return math.Float64bits(v.Float()) == 0
	case data.KindString, data.KindBytes:
		return len(v.Raw()) == 0
	}
	return v.Int() == 0
}

func appendScalar(dst []byte, k protoreflect.Kind, v data.Value) []byte {
	switch k {
	case protoreflect.BoolKind:
		return protowire.AppendVarint(dst, protowire.EncodeBool(v.Bool()))
	case protoreflect.FloatKind:
		return protowire.AppendFixed32(dst, math.Float32bits(float32(v.Float())))
	case protoreflect.DoubleKind:
		return protowire.AppendFixed64(dst, math.Float64bits(v.Float()))
	case protoreflect.StringKind, protoreflect.BytesKind:
		return protowire.AppendBytes(dst, v.Raw())
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.AppendVarint(dst, protowire.EncodeZigZag(v.Int()))
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.AppendFixed32(dst, uint32(v.Int()))
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.AppendFixed64(dst, uint64(v.Int()))
	case protoreflect.Uint32Kind:
		return protowire.AppendVarint(dst, uint64(uint32(v.Int())))
	}
	return protowire.AppendVarint(dst, uint64(v.Int()))
}
