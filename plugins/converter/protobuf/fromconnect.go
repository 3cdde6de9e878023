package protobuf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/data"
)

// file is a file of proto3 that is made of a Connect schema.
type file struct {
	pkg     string
	imports []string
	root    *message
}

type message struct {
	name     string
	fields   []protoField
	oneofs   []oneof
	messages []*message
	enums    []enum
}

type oneof struct {
	name   string
	fields []protoField
}

type protoField struct {
	label, typ, name string
	tag              int
	params           [][2]string
}

type enum struct {
	name   string
	values [][2]string // name and number
}

// builder makes one file (ProtobufData.FromConnectContext).
type builder struct {
	Options
	file  *file
	names int
}

// fromConnect is the text of the schema, with the name of its message.
func (o Options) fromConnect(s *data.Schema) (text, root string, err error) {
	if w, ok := rootWrapper(s.Type()); ok {
		return wrappersText, "google.protobuf." + w, nil
	}
	if s.Type() != data.TypeStruct {
		return "", "", dataError("Unsupported root schema of type %s", s.Type().EnumName())
	}
	b := &builder{Options: o, file: &file{}}
	var name string
	b.file.pkg, name = o.split(b.nameOf(s.Name()))
	if b.file.root, err = b.message(name, s); err != nil {
		return "", "", err
	}
	root = name
	if b.file.pkg != "" {
		root = b.file.pkg + "." + name
	}
	return b.file.String(), root, nil
}

func rootWrapper(t data.Type) (string, bool) {
	switch t {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32:
		return "Int32Value", true
	case data.TypeInt64:
		return "Int64Value", true
	case data.TypeFloat32:
		return "FloatValue", true
	case data.TypeFloat64:
		return "DoubleValue", true
	case data.TypeBoolean:
		return "BoolValue", true
	case data.TypeString:
		return "StringValue", true
	case data.TypeBytes:
		return "BytesValue", true
	}
	return "", false
}

func (b *builder) nameOf(name string) string {
	if name != "" {
		return name
	}
	b.names++
	return defaultName + strconv.Itoa(b.names)
}

// unqualified is the last part of a name.
func (b *builder) unqualified(name string) string {
	name = b.nameOf(name)
	return b.scrub(name[strings.LastIndexByte(name, '.')+1:])
}

func (b *builder) message(name string, s *data.Schema) (*message, error) {
	m := &message{name: name}
	next := 1
	for _, f := range s.Fields() {
		tag, given, err := tagOf(f.Schema)
		if err != nil {
			return nil, within(f.Name, err)
		}
		if !given {
			tag = next
			next++
		}
		pf, ok, err := b.field(m, f.Schema, b.scrub(f.Name), tag, false)
		if err != nil {
			return nil, within(f.Name, err)
		}
		if ok {
			m.fields = append(m.fields, pf)
		}
	}
	return m, nil
}

func tagOf(s *data.Schema) (tag int, given bool, err error) {
	text, given := s.Param(tagParam)
	if !given {
		return 0, false, nil
	}
	tag, err = strconv.Atoi(text)
	if err != nil {
		err = dataError("parameter %s is not a number: %q", tagParam, text)
	}
	return tag, true, err
}

func (b *builder) label(s *data.Schema) string {
	switch {
	case s.Type() == data.TypeArray, s.Type() == data.TypeMap:
		return "repeated"
	case b.Optional && s.Optional():
		return "optional"
	}
	return ""
}

// field adds what a field needs to the message; ok is false for a union, which became a oneof.
func (b *builder) field(m *message, s *data.Schema, name string, tag int, member bool) (f protoField, ok bool, err error) {
	f = protoField{label: b.label(s), name: name, tag: tag}
	if s.Type() == data.TypeArray {
		s = s.ValueSchema()
	}
	if s.Type() == data.TypeStruct && isUnion(s) {
		return f, false, b.union(m, s)
	}
	if f.typ, f.params, err = b.typeOf(s, name, member); err != nil {
		return f, false, err
	}
	logical, isLogical := logicalTypes[s.Name()]
	switch {
	case isLogical:
		b.use(logical[1])
	case s.Type() == data.TypeStruct:
		if !slices.ContainsFunc(m.messages, func(o *message) bool { return o.name == f.typ }) {
			inner, err := b.message(f.typ, s)
			if err != nil {
				return f, false, err
			}
			m.messages = append(m.messages, inner)
		}
	case s.Type() == data.TypeMap:
		err = b.entry(m, f.typ, s)
	case isEnum(s):
		err = b.enum(m, s)
	case strings.HasPrefix(f.typ, "google.protobuf."):
		b.use(wrappersFile)
	}
	return f, true, err
}

func (b *builder) use(path string) {
	if !slices.Contains(b.file.imports, path) {
		b.file.imports = append(b.file.imports, path)
	}
}

func (b *builder) union(m *message, s *data.Schema) error {
	name, ok := s.Param(sumUnion)
	if !b.SumTypes || !ok {
		name = b.unqualified(strings.TrimPrefix(strings.TrimPrefix(s.Name(), unionName), "."))
	}
	o := oneof{name: name}
	for _, f := range s.Fields() {
		tag, _, err := tagOf(f.Schema)
		if err != nil {
			return within(f.Name, err)
		}
		pf, ok, err := b.field(m, f.Schema, b.scrub(f.Name), tag, true)
		if err != nil {
			return within(f.Name, err)
		}
		if pf.label = ""; ok {
			o.fields = append(o.fields, pf)
		}
	}
	m.oneofs = append(m.oneofs, o)
	return nil
}

func (b *builder) entry(m *message, name string, s *data.Schema) error {
	e := &message{name: name}
	for i, f := range []data.Field{{Name: keyField, Schema: s.KeySchema()}, {Name: valueField, Schema: s.ValueSchema()}} {
		pf, ok, err := b.field(e, f.Schema, f.Name, i+1, false)
		if err != nil {
			return within(f.Name, err)
		}
		if ok {
			e.fields = append(e.fields, pf)
		}
	}
	m.messages = append(m.messages, e)
	return nil
}

func (b *builder) enum(m *message, s *data.Schema) error {
	e := enum{name: b.unqualified(s.Name())}
	if slices.ContainsFunc(m.enums, func(o enum) bool { return o.name == e.name }) {
		return nil
	}
	for _, p := range s.Params() {
		if name, ok := strings.CutPrefix(p.Key, b.enumParam()+"."); ok {
			e.values = append(e.values, [2]string{name, p.Value})
		}
	}
	m.enums = append(m.enums, e)
	return nil
}

// typeOf is the type of a field, with the parameters of its option.
func (b *builder) typeOf(s *data.Schema, field string, member bool) (typ string, params [][2]string, err error) {
	if s.Name() == data.DecimalName {
		for _, p := range [][2]string{{precisionKey, "precision"}, {data.ScaleParam, "scale"}} {
			if v, ok := s.Param(p[0]); ok {
				params = append(params, [2]string{p[1], v})
			}
		}
	}
	if l, ok := logicalTypes[s.Name()]; ok {
		return l[0], params, nil
	}
	_, marked := s.Param(wrapperParam)
	wrap := b.Wrapper && s.Optional() && (!member || marked)
	plain := func(typ, wrapper string) (string, [][2]string, error) {
		if wrap {
			return "google.protobuf." + wrapper, params, nil
		}
		return typ, params, nil
	}
	switch t := s.Type(); t {
	case data.TypeInt8, data.TypeInt16:
		params = append(params, [2]string{typeKey, t.String()})
		return plain("int32", "Int32Value")
	case data.TypeInt32, data.TypeInt64:
		return b.integer(s, plain)
	case data.TypeFloat32:
		return plain("float", "FloatValue")
	case data.TypeFloat64:
		return plain("double", "DoubleValue")
	case data.TypeBoolean:
		return plain("bool", "BoolValue")
	case data.TypeString:
		for _, p := range []string{sumEnum, enumParam} {
			if name, ok := s.Param(p); ok {
				return name, params, nil
			}
		}
		return plain("string", "StringValue")
	case data.TypeBytes:
		return plain("bytes", "BytesValue")
	case data.TypeArray:
		return "", nil, dataError("Array cannot be nested")
	case data.TypeMap:
		return entryName(b.unqualified(s.Name())), params, nil
	}
	name := b.unqualified(s.Name())
	if name == field { // a message and a field cannot have the same name
		name += "Message"
	}
	return name, params, nil
}

func (b *builder) integer(s *data.Schema, plain func(typ, wrapper string) (string, [][2]string, error)) (string, [][2]string, error) {
	if name, ok := s.Param(enumParam); ok && s.Type() == data.TypeInt32 {
		return name, nil, nil
	}
	typ, wrapper := "int32", "Int32Value"
	if s.Type() == data.TypeInt64 {
		typ, wrapper = "int64", "Int64Value"
	}
	if given, ok := s.Param(typeParam); ok {
		typ = given
	}
	switch typ {
	case "uint32", "fixed32":
		wrapper = "UInt32Value"
	case "uint64", "fixed64":
		wrapper = "UInt64Value"
	}
	return plain(typ, wrapper)
}

// String writes the file as Confluent's classes do.
func (f *file) String() string {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\n")
	if f.pkg != "" {
		b.WriteString("package " + f.pkg + ";\n")
	}
	b.WriteByte('\n')
	for _, path := range f.imports {
		fmt.Fprintf(&b, "import %q;\n", path)
	}
	if len(f.imports) > 0 {
		b.WriteByte('\n')
	}
	f.root.write(&b, "")
	return b.String()
}

func (m *message) write(b *strings.Builder, indent string) {
	b.WriteString(indent + "message " + m.name + " {")
	inner := indent + "  "
	if len(m.fields)+len(m.oneofs)+len(m.messages)+len(m.enums) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range m.fields {
		f.write(b, inner)
	}
	for _, o := range m.oneofs {
		b.WriteString(indent + "\n" + inner + "oneof " + o.name + " {\n")
		for _, f := range o.fields {
			f.write(b, inner+"  ")
		}
		b.WriteString(inner + "}\n")
	}
	if len(m.messages)+len(m.enums) > 0 {
		b.WriteString(indent + "\n")
	}
	for _, n := range m.messages {
		n.write(b, inner)
	}
	for _, e := range m.enums {
		b.WriteString(inner + "enum " + e.name + " {\n")
		for _, v := range e.values {
			b.WriteString(inner + "  " + v[0] + " = " + v[1] + ";\n")
		}
		b.WriteString(inner + "}\n")
	}
	if len(m.fields)+len(m.oneofs)+len(m.messages)+len(m.enums) > 0 {
		b.WriteString(indent)
	}
	b.WriteString("}\n")
}

func (f protoField) write(b *strings.Builder, indent string) {
	b.WriteString(indent)
	if f.label != "" {
		b.WriteString(f.label + " ")
	}
	fmt.Fprintf(b, "%s %s = %d", f.typ, f.name, f.tag)
	if len(f.params) > 0 {
		b.WriteString(" [(confluent.field_meta) = {\n" + indent + "  params: [\n")
		for i, p := range f.params {
			members := []string{fmt.Sprintf("key: %q", p[0]), fmt.Sprintf("value: %q", p[1])}
			if p[1] < p[0] {
				slices.Reverse(members)
			}
			end := ""
			if i < len(f.params)-1 {
				end = ","
			}
			fmt.Fprintf(b, "%[1]s    {\n%[1]s      %[2]s,\n%[1]s      %[3]s\n%[1]s    }%[4]s\n", indent, members[0], members[1], end)
		}
		b.WriteString(indent + "  ]\n" + indent + "}]")
	}
	b.WriteString(";\n")
}
