package avro

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// fromConnect makes the Avro schema of a Connect schema; nil is data without schema.
func (o Options) fromConnect(s *data.Schema) (*schema, error) {
	if s == nil {
		return anythingSchema(), nil
	}
	b := &builder{Options: o, seen: map[string]bool{}}
	return b.schema(s, false)
}

// builder makes one Avro schema (AvroData.FromConnectContext).
type builder struct {
	Options
	defaults int // how many ConnectDefault names are taken
	seen     map[string]bool
	made     []made // required schemas that became or hold named types
}

// made is a Connect schema with what was made of it: an equal one becomes the
// same, so that a record without a name gets one name (FromConnectContext.schemaMap).
type made struct {
	connect *data.Schema
	avro    *schema
}

// schema converts s; bare leaves out that it is optional, as a branch of a union must.
func (b *builder) schema(s *data.Schema, bare bool) (*schema, error) {
	if s.Type() == data.TypeStruct && isUnion(s) {
		return b.union(s)
	}
	if !s.Optional() {
		for _, m := range b.made {
			if m.connect.Equal(s) {
				return m.avro, nil
			}
		}
	}
	if s.Type() == data.TypeStruct && s.Optional() {
		inner, err := b.schema(required(s), false)
		if err != nil || bare {
			return inner, err
		}
		return &schema{kind: kUnion, branches: []*schema{{kind: kNull}, inner}}, nil
	}
	base, err := b.base(s)
	if err != nil {
		return nil, err
	}
	if err := b.describe(base, s); err != nil {
		return nil, err
	}
	if !s.Optional() && s.Type() >= data.TypeString {
		b.made = append(b.made, made{s, base})
	}
	if bare || !s.Optional() {
		return base, nil
	}
	if def, ok := s.Default(); ok && !def.IsNull() {
		return &schema{kind: kUnion, branches: []*schema{base, {kind: kNull}}}, nil
	}
	return &schema{kind: kUnion, branches: []*schema{{kind: kNull}, base}}, nil
}

func required(s *data.Schema) *data.Schema { return data.From(s).Required().Build() }

func (b *builder) union(s *data.Schema) (*schema, error) {
	u := &schema{kind: kUnion}
	if s.Optional() {
		u.branches = append(u.branches, &schema{kind: kNull})
	}
	for _, f := range s.Fields() {
		branch, err := b.schema(required(f.Schema), true)
		if err != nil {
			return nil, err
		}
		u.branches = append(u.branches, branch)
	}
	return u, nil
}

// base is the schema without properties.
func (b *builder) base(s *data.Schema) (*schema, error) {
	switch s.Type() {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32:
		return &schema{kind: kInt}, nil
	case data.TypeInt64:
		return &schema{kind: kLong}, nil
	case data.TypeFloat32:
		return &schema{kind: kFloat}, nil
	case data.TypeFloat64:
		return &schema{kind: kDouble}, nil
	case data.TypeBoolean:
		return &schema{kind: kBoolean}, nil
	case data.TypeString:
		return b.text(s)
	case data.TypeBytes:
		return b.bytes(s)
	case data.TypeArray:
		items, err := b.schema(s.ValueSchema(), false)
		return &schema{kind: kArray, items: items}, err
	case data.TypeMap:
		return b.mapOf(s)
	}
	return b.record(s)
}

func (b *builder) text(s *data.Schema) (*schema, error) {
	if !(b.SumTypes || b.Enhanced) || !isEnum(s) {
		return &schema{kind: kString}, nil
	}
	param := b.enumParam()
	e := &schema{kind: kEnum}
	full, ok := s.Param(param)
	if !ok {
		return nil, dataError("the enum %s has no parameter %s", s.Name(), param)
	}
	for _, p := range s.Params() {
		if symbol, ok := strings.CutPrefix(p.Key, param+"."); ok {
			e.symbols = append(e.symbols, symbol)
		}
	}
	_, short := b.nameOf(s.Name())
	if b.DiscardTypeDoc {
		e.doc = param2(s, enumDocProp)
	} else {
		e.doc, e.enumDefault = param2(s, avroEnumDoc+short), param2(s, avroEnumDefault+short)
	}
	e.namespace, e.name = splitName(full)
	return e, checkNames(e)
}

// param2 is a parameter, nil when it is not there.
func param2(s *data.Schema, key string) *string {
	if v, ok := s.Param(key); ok {
		return &v
	}
	return nil
}

// nameOf gives a name to a named type (AvroData.getNameOrDefault).
func (b *builder) nameOf(name string) (space, short string) {
	if name != "" {
		return b.split(name)
	}
	b.defaults++
	if b.defaults > 1 {
		return namespace, defaultName + strconv.Itoa(b.defaults)
	}
	return namespace, defaultName
}

func checkNames(s *schema) error {
	if err := checkName(s.name); err != nil {
		return nameError(err)
	}
	return nil
}

func nameError(err error) error {
	return dataError("%w (scrub.invalid.names=true replaces what Avro does not allow in names)", err)
}

func (b *builder) bytes(s *data.Schema) (*schema, error) {
	out := &schema{kind: kBytes}
	if isFixed(s) {
		text, _ := s.Param(fixedProp)
		size, err := strconv.ParseInt(text, 10, 32)
		if err != nil || size < 0 {
			return nil, dataError("parameter %s of schema %s is not a size: %q", fixedProp, s.Name(), text)
		}
		out.kind, out.size = kFixed, int(size)
		out.namespace, out.name = b.nameOf(s.Name())
		if err := checkNames(out); err != nil {
			return nil, err
		}
	}
	if s.Name() != data.DecimalName {
		return out, nil
	}
	scale, err := s.Scale()
	if err != nil {
		return nil, dataError("%w", err)
	}
	precision, err := precisionOf(s)
	out.set("scale", jsontree.Int(int64(scale)))
	out.set("precision", jsontree.Int(int64(precision)))
	return out, err
}

func precisionOf(s *data.Schema) (int, error) {
	text, ok := s.Param(precisionProp)
	if !ok {
		return defaultDigits, nil
	}
	p, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, dataError("parameter %s of a Decimal is not a number: %q", precisionProp, text)
	}
	return int(p), nil
}

func (b *builder) mapOf(s *data.Schema) (*schema, error) {
	if b.stringKeys(s) {
		values, err := b.schema(s.ValueSchema(), false)
		return &schema{kind: kMap, items: values}, err
	}
	entry := &schema{kind: kRecord, namespace: namespace, name: mapEntry}
	if s.Name() != "" {
		entry.namespace, entry.name = b.nameOf(s.Name())
		if err := checkNames(entry); err != nil {
			return nil, err
		}
		entry.set(internalProp, jsontree.Str(mapEntry))
	}
	for _, f := range []data.Field{{Name: keyField, Schema: s.KeySchema()}, {Name: valueField, Schema: s.ValueSchema()}} {
		if err := b.addField(entry, f.Name, f.Schema, nil); err != nil {
			return nil, err
		}
	}
	return &schema{kind: kArray, items: entry}, nil
}

func (b *builder) record(s *data.Schema) (*schema, error) {
	r := &schema{kind: kRecord}
	r.namespace, r.name = b.nameOf(s.Name())
	if err := checkNames(r); err != nil {
		return nil, err
	}
	r.doc = param2(s, avroRecordDoc)
	if b.DiscardTypeDoc {
		r.doc = param2(s, recordDocProp)
	}
	for _, f := range s.Fields() {
		var doc *string
		if !b.DiscardTypeDoc {
			doc = param2(s, avroFieldDoc+f.Name)
		}
		if err := b.addField(r, b.name(f.Name), f.Schema, doc); err != nil {
			return nil, within(f.Name, err)
		}
	}
	return r, nil
}

// addField adds a field with its default (AvroData.addAvroRecordField).
func (b *builder) addField(r *schema, name string, s *data.Schema, doc *string) error {
	if err := checkName(name); err != nil {
		return nameError(err)
	}
	if _, dup := r.field(name); dup != nil {
		return dataError("Duplicate field %s in record %s", name, r.fullName())
	}
	f := &field{name: name, doc: doc}
	if b.DiscardTypeDoc {
		f.doc = nil
		if s.Doc() != "" {
			text := s.Doc()
			f.doc = &text
		}
	}
	again := false
	if s.Name() != "" {
		full := b.full(s.Name())
		again, b.seen[full] = b.seen[full], true
	}
	var err error
	if f.schema, err = b.schema(s, false); err != nil {
		return err
	}
	if f.def, err = b.fieldDefault(s, f.schema); err != nil {
		return err
	}
	if params := b.params(s); b.MetaData && again && len(params.Members) > 0 && holdsNamed(f.schema) {
		f.props = append(f.props, jsontree.Member{Name: paramsProp, Value: params})
	}
	r.fields = append(r.fields, f)
	return nil
}

// fieldDefault is a field's default; one that does not suit its Avro schema is left out.
func (b *builder) fieldDefault(s *data.Schema, as *schema) (*jsontree.Node, error) {
	def, ok := s.Default()
	switch {
	case ok && !def.IsNull():
		n, err := b.defaultOf(s, def)
		if err != nil || !suits(as, n) {
			return nil, err
		}
		return &n, nil
	case s.Optional():
		return &jsontree.Node{}, nil
	}
	return nil, nil
}

func holdsNamed(s *schema) bool {
	for _, b := range s.branches {
		if b.named() {
			return true
		}
	}
	return s.named()
}

func (b *builder) params(s *data.Schema) jsontree.Node {
	n := jsontree.Node{Kind: jsontree.Object}
	for _, p := range s.Params() {
		if b.DiscardTypeDoc || p.Key != avroFieldFlag {
			n.Set(p.Key, jsontree.Str(p.Value))
		}
	}
	return n
}

// describe adds the properties of a schema in Java's order.
func (b *builder) describe(base *schema, s *data.Schema) error {
	if b.MetaData {
		if err := b.metaData(base, s); err != nil {
			return err
		}
	}
	if logical, err := logicalOf(s); err != nil || logical != "" {
		base.set(logicalProp, jsontree.Str(logical))
		if err != nil {
			return err
		}
	}
	for _, p := range s.Params() {
		if strings.HasPrefix(p.Key, "avro") {
			base.set(p.Key, jsontree.Str(p.Value))
		}
	}
	return nil
}

func (b *builder) metaData(base *schema, s *data.Schema) error {
	if s.Doc() != "" {
		base.set(docProp, jsontree.Str(s.Doc()))
	}
	if v, ok := s.Version(); ok {
		base.set(versionProp, jsontree.Int(int64(v)))
	}
	if params := b.params(s); len(params.Members) > 0 {
		base.set(paramsProp, params)
	}
	if def, ok := s.Default(); ok && !def.IsNull() {
		if _, flagged := s.Param(avroFieldFlag); b.DiscardTypeDoc || !flagged {
			n, err := b.defaultOf(s, def)
			if err != nil {
				return err
			}
			base.set(defaultProp, n)
		}
	}
	if s.Name() != "" {
		base.set(nameProp, jsontree.Str(s.Name()))
	}
	switch s.Type() {
	case data.TypeInt8, data.TypeInt16:
		base.set(typeProp, jsontree.Str(s.Type().String()))
	}
	return nil
}

// logicalOf is Avro's name of a logical type.
func logicalOf(s *data.Schema) (string, error) {
	switch s.Name() {
	case data.DecimalName:
		precision, err := precisionOf(s)
		if precision <= 0 && err == nil {
			err = dataError("Invalid decimal precision: %d (must be positive)", precision)
		}
		return "decimal", err
	case data.TimeName:
		return "time-millis", nil
	case data.TimestampName:
		return "timestamp-millis", nil
	case data.DateName:
		return "date", nil
	}
	return "", nil
}

// anythingSchema is the schema of data without schema: a record that refers to itself.
func anythingSchema() *schema {
	null := &jsontree.Node{}
	any := &schema{kind: kRecord, namespace: namespace, name: "Anything"}
	for _, k := range []kind{kBoolean, kBytes, kDouble, kFloat, kInt, kLong, kString} {
		any.fields = append(any.fields, &field{name: k.String(), def: null,
			schema: &schema{kind: kUnion, branches: []*schema{{kind: kNull}, {kind: k}}}})
	}
	entry := &schema{kind: kRecord, namespace: namespace, name: mapEntry,
		fields: []*field{{name: keyField, schema: any}, {name: valueField, schema: any}}}
	for _, f := range []struct {
		name string
		elem *schema
	}{{"array", any}, {"map", entry}} {
		list := &schema{kind: kArray, items: f.elem}
		any.fields = append(any.fields, &field{name: f.name, def: null,
			schema: &schema{kind: kUnion, branches: []*schema{{kind: kNull}, list}}})
	}
	return any
}
