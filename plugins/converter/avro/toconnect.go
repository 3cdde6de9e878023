package avro

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// reader reads what was written with one schema.
type reader struct {
	schema *data.Schema // nil for data without schema
	root   *rnode
	raw    bool // bytes at the top stand as they are
}

// newReader makes the Connect schema of an Avro schema (AvroData.toConnectSchema)
// and compiles how its values are read. version is the one of the registry, 0 for none.
func (o Options) newReader(as *schema, version int) (*reader, error) {
	if as.kind == kRecord && as.fullName() == anything {
		return &reader{root: &rnode{kind: kRecord, any: true}}, nil
	}
	x := &toConnect{Options: o, open: map[*schema]bool{}}
	root, err := x.node(as, place{version: version})
	if err != nil {
		return nil, err
	}
	return &reader{schema: root.schema, root: root, raw: as.kind == kBytes}, nil
}

// rnode reads the values of one Avro schema.
type rnode struct {
	kind     kind
	schema   *data.Schema
	any      bool // a record Anything
	null     int  // of unions: the index of null, -1 for none
	pairs    bool // an array of map entries
	size     int
	symbols  []data.Value
	children []*rnode // fields, branches, or the items
	member   []int    // of unions: the struct field of each branch; nil when the branch stands for itself
}

// toConnect makes one Connect schema.
type toConnect struct {
	Options
	parts  registry.Parts
	open   map[*schema]bool // records that are being converted
	unions int
}

// place says where a schema stands.
type place struct {
	optional bool
	def      *jsontree.Node // the default of the field
	doc      *string        // the documentation of the field
	version  int
}

func (x *toConnect) node(as *schema, at place) (*rnode, error) {
	if err := x.parts.Add(); err != nil {
		return nil, err
	}
	n := &rnode{kind: as.kind, size: as.size, null: -1}
	var b *data.Builder
	var err error
	switch as.kind {
	case kNull:
		return nil, dataError("Standalone null schemas are not supported by this converter")
	case kUnion:
		if inner := x.simple(as); inner >= 0 {
			return x.flattened(as, inner, at)
		}
		b, err = x.union(n, as)
	case kArray:
		b, err = x.array(n, as)
	case kMap:
		var values *rnode
		if values, err = x.node(as.items, place{}); err == nil {
			n.children = []*rnode{values}
			b = data.NewMap(data.New(data.TypeString).Build(), values.schema)
		}
	case kRecord:
		b, err = x.record(n, as)
	case kEnum:
		b = x.enum(n, as)
	default:
		b, err = x.scalar(as)
	}
	if err == nil {
		n.schema, err = x.finish(b, as, at)
	}
	return n, err
}

// simple is the branch that a union stands for: the only one, or the one beside null.
func (x *toConnect) simple(as *schema) int {
	if len(as.branches) == 1 && x.FlattenSingleton {
		return 0
	}
	if null := as.nullBranch(); len(as.branches) == 2 && null >= 0 && as.branches[1-null].kind != kNull {
		return 1 - null
	}
	return -1
}

func (x *toConnect) flattened(as *schema, at int, p place) (*rnode, error) {
	inner, err := x.node(as.branches[at], place{optional: len(as.branches) == 2, doc: p.doc})
	if err != nil {
		return nil, err
	}
	n := &rnode{kind: kUnion, schema: inner.schema, null: as.nullBranch(), children: make([]*rnode, len(as.branches))}
	n.children[at] = inner
	return n, nil
}

func (x *toConnect) union(n *rnode, as *schema) (*data.Builder, error) {
	name := avroUnion
	if x.SumTypes {
		name = sumPrefix + strconv.Itoa(x.unions)
		x.unions++
	}
	b := data.NewStruct().Name(name)
	if x.SumTypes {
		b.Param(sumUnion, name)
	}
	n.children, n.member = make([]*rnode, len(as.branches)), make([]int, len(as.branches))
	seen, fields := map[string]bool{}, 0
	for i, branch := range as.branches {
		if branch.kind == kNull {
			n.null = i
			b.Optional()
			continue
		}
		field := x.memberOf(branch, i)
		if seen[field] {
			return nil, dataError("Multiple union schemas map to the Connect union field name")
		}
		seen[field] = true
		inner, err := x.node(branch, place{optional: true})
		if err != nil {
			return nil, within(field, err)
		}
		n.children[i], n.member[i] = inner, fields
		fields++
		b.Field(field, inner.schema)
	}
	return b, nil
}

func (x *toConnect) array(n *rnode, as *schema) (*data.Builder, error) {
	items := as.items
	if items.kind != kRecord || items.fullName() != namespace+"."+mapEntry && items.text(internalProp) != mapEntry {
		elem, err := x.node(items, place{})
		if err != nil {
			return nil, err
		}
		n.children = []*rnode{elem}
		return data.NewArray(elem.schema), nil
	}
	_, k := items.field(keyField)
	_, v := items.field(valueField)
	if len(items.fields) != 2 || k == nil || v == nil {
		return nil, dataError("Found map encoded as array of key-value pairs, but array elements do not match the expected format.")
	}
	n.pairs = true
	for _, f := range items.fields {
		inner, err := x.node(f.schema, place{})
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, inner)
	}
	if items.fields[0] != k {
		n.children[0], n.children[1] = n.children[1], n.children[0]
		return nil, dataError("a map entry has its value before its key")
	}
	return data.NewMap(n.children[0].schema, n.children[1].schema), nil
}

func (x *toConnect) record(n *rnode, as *schema) (*data.Builder, error) {
	if x.open[as] {
		return nil, dataError("the record %s contains itself: a Connect schema cannot here", as.fullName())
	}
	x.open[as] = true
	defer delete(x.open, as)
	b := data.NewStruct()
	if !x.DiscardTypeDoc && x.MetaData && as.doc != nil {
		b.Param(avroRecordDoc, *as.doc)
	}
	for _, f := range as.fields {
		if !x.DiscardTypeDoc && x.MetaData && f.doc != nil {
			b.Param(avroFieldDoc+f.name, *f.doc)
		}
		inner, err := x.node(f.schema, place{def: f.def, doc: f.doc})
		if err != nil {
			return nil, within(f.name, err)
		}
		if params, ok := (jsontree.Node{Members: f.props}).Get(paramsProp); ok && x.MetaData {
			inner.schema = withParams(inner.schema, params)
		}
		n.children = append(n.children, inner)
		b.Field(f.name, inner.schema)
	}
	return b, nil
}

// withParams puts the parameters of a field over those of its schema (AvroData.applyFieldLevelParams).
func withParams(s *data.Schema, params jsontree.Node) *data.Schema {
	b, changed := data.From(s), false
	for _, p := range params.Members {
		if old, ok := s.Param(p.Name); !ok || old != p.Value.Text {
			b.Param(p.Name, p.Value.Text)
			changed = true
		}
	}
	if !changed {
		return s
	}
	return b.Build()
}

func (x *toConnect) enum(n *rnode, as *schema) *data.Builder {
	b := data.New(data.TypeString)
	if x.MetaData && as.doc != nil {
		if x.DiscardTypeDoc {
			b.Param(enumDocProp, *as.doc)
		} else {
			b.Param(avroEnumDoc+as.name, *as.doc)
		}
	}
	if x.MetaData && !x.DiscardTypeDoc && as.enumDefault != nil {
		b.Param(avroEnumDefault+as.name, *as.enumDefault)
	}
	param := x.enumParam()
	b.Param(param, as.fullName())
	for i, symbol := range as.symbols {
		value := symbol
		if x.SumTypes {
			value = strconv.Itoa(i)
		}
		b.Param(param+"."+symbol, value)
		n.symbols = append(n.symbols, data.String(symbol))
	}
	return b
}

func (x *toConnect) scalar(as *schema) (*data.Builder, error) {
	logical, typ := strings.ToLower(as.text(logicalProp)), as.text(typeProp)
	switch as.kind {
	case kBoolean:
		return data.New(data.TypeBoolean), nil
	case kFloat:
		return data.New(data.TypeFloat32), nil
	case kDouble:
		return data.New(data.TypeFloat64), nil
	case kString:
		return data.New(data.TypeString), nil
	case kLong:
		if logical == "timestamp-millis" {
			return data.NewTimestamp(), nil
		}
		return data.New(data.TypeInt64), nil
	case kInt:
		switch {
		case logical == "date":
			return data.NewDate(), nil
		case logical == "time-millis":
			return data.NewTime(), nil
		case typ == "" || logical != "":
			return data.New(data.TypeInt32), nil
		case typ == "int8":
			return data.New(data.TypeInt8), nil
		case typ == "int16":
			return data.New(data.TypeInt16), nil
		}
		return nil, dataError("Connect type annotation for Avro int field is null")
	}
	return x.binary(as, logical)
}

// binary converts bytes and fixed.
func (x *toConnect) binary(as *schema, logical string) (*data.Builder, error) {
	b := data.New(data.TypeBytes)
	if logical == "decimal" {
		scale, _ := as.prop("scale")
		i, _ := scale.Int64()
		b = data.DecimalOf(int(i))
		if precision, ok := as.prop("precision"); ok {
			if precision.Kind != jsontree.Number {
				return nil, dataError("precision property must be a JSON Integer. https://avro.apache.org/docs/1.9.1/spec.html#Decimal")
			}
			if i, _ := precision.Int64(); i != defaultDigits {
				b.Param(precisionProp, strconv.FormatInt(i, 10))
			}
		}
	}
	if as.kind == kFixed {
		b.Param(fixedProp, strconv.Itoa(as.size))
	}
	return b, nil
}

// finish adds to a schema what stands in the properties of the Avro schema, in Java's order.
func (x *toConnect) finish(b *data.Builder, as *schema, at place) (*data.Schema, error) {
	plain := b.Peek()
	x.addDoc(b, as, at)
	if err := x.addVersion(b, plain, as, at.version); err != nil {
		return nil, err
	}
	if params, ok := as.prop(paramsProp); ok && x.MetaData {
		if params.Kind != jsontree.Object {
			return nil, dataError("Expected JSON object for schema parameters but found: %s", params)
		}
		for _, p := range params.Members {
			if p.Value.Kind != jsontree.String {
				return nil, dataError("Expected schema parameter values to be strings but found: %s", p.Value)
			}
			b.Param(p.Name, p.Value.Text)
		}
	}
	for _, p := range as.props {
		if strings.HasPrefix(p.Name, "avro") {
			text := p.Value.Text
			if p.Value.Kind != jsontree.String {
				text = p.Value.String()
			}
			b.Param(p.Name, text)
		}
	}
	def := at.def
	own, marked := as.prop(defaultProp)
	switch {
	case def == nil && marked:
		def = &own
	case def != nil && !marked && x.MetaData && !x.DiscardTypeDoc:
		b.Param(avroFieldFlag, "true")
	}
	if err := x.addName(b, plain, as); err != nil {
		return nil, err
	}
	if at.optional {
		b.Optional()
	}
	if def != nil && !def.IsNull() {
		if v, err := x.defaultValue(b.Peek(), as, *def); err == nil {
			b.Default(v)
		}
	}
	return b.TryBuild()
}

func (x *toConnect) addDoc(b *data.Builder, as *schema, at place) {
	text := as.text(docProp)
	if !x.DiscardTypeDoc {
		if x.MetaData && text != "" {
			b.Doc(text)
		}
		return
	}
	switch {
	case at.doc != nil:
		text = *at.doc
	case as.doc != nil:
		text = *as.doc
	}
	if text != "" {
		b.Doc(text)
	}
	if x.MetaData && as.doc != nil {
		b.Param(recordDocProp, *as.doc)
	}
}

func (x *toConnect) addVersion(b *data.Builder, plain *data.Schema, as *schema, version int) error {
	if v, ok := as.prop(versionProp); ok {
		if v.Kind != jsontree.Number {
			return dataError("Invalid Connect version found: %s", v)
		}
		i, _ := v.Int64()
		version = int(i)
	} else if version == 0 {
		return nil
	}
	if old, has := plain.Version(); has && old != version && version >= 0 {
		return dataError("Mismatched versions: version already added to SchemaBuilder (%d) differs from version in source schema (%d)", old, version)
	}
	if version >= 0 {
		b.Version(version)
	}
	return nil
}

func (x *toConnect) addName(b *data.Builder, plain *data.Schema, as *schema) error {
	name := ""
	if n, ok := as.prop(nameProp); ok {
		if n.Kind != jsontree.String {
			return dataError("Invalid schema name: %s", n)
		}
		name = n.Text
	} else if as.kind == kRecord || as.kind == kEnum || as.kind == kFixed && plain.Name() != data.DecimalName {
		name = as.fullName()
	}
	if name == "" || strings.HasPrefix(name, defaultFullName) {
		return nil
	}
	if plain.Name() != "" && plain.Name() != name {
		return dataError("Mismatched names: name already added to SchemaBuilder (%s) differs from name in source schema (%s)", plain.Name(), name)
	}
	b.Name(name)
	return nil
}

// defaultValue is a default in Connect's form (AvroData.defaultValueFromAvro).
// One that does not suit its schema is an error, and is then left out.
func (x *toConnect) defaultValue(s *data.Schema, as *schema, n jsontree.Node) (data.Value, error) {
	bad := func() (data.Value, error) {
		return data.Value{}, dataError("default %s is not valid for type %s", n, s.Type().EnumName())
	}
	if n.IsNull() {
		if s.Optional() {
			return data.Null(), nil
		}
		return bad()
	}
	i, isInt := n.Int64()
	switch t := s.Type(); {
	case isInt && t <= data.TypeInt64:
		return data.Integer(t, i), nil
	case (t == data.TypeFloat32 || t == data.TypeFloat64) && (n.Kind == jsontree.Number || n.Kind == jsontree.String):
		f, err := strconv.ParseFloat(n.Text, 64)
		if t == data.TypeFloat32 {
			return data.Float32(float32(f)), err
		}
		return data.Float64(f), err
	case t == data.TypeBoolean && n.Kind == jsontree.Bool:
		return data.Boolean(n.Bool), nil
	case t == data.TypeString && n.Kind == jsontree.String:
		return data.String(n.Text), nil
	case t == data.TypeBytes && n.Kind == jsontree.String:
		if b, ok := fromLatin1(n.Text); ok {
			return data.Bytes(b), nil
		}
	case t == data.TypeArray && n.Kind == jsontree.Array && as.kind == kArray:
		return x.arrayValue(s, as, n)
	case t == data.TypeMap && n.Kind == jsontree.Object && as.kind == kMap:
		m := &data.Map{}
		for _, e := range n.Members {
			v, err := x.defaultValue(s.ValueSchema(), branchFor(as.items, e.Value), e.Value)
			if err != nil {
				return v, err
			}
			m.Put(data.String(e.Name), v)
		}
		return data.MapOf(m), nil
	case t == data.TypeStruct && n.Kind == jsontree.Object && as.kind == kRecord:
		return x.structValue(s, as, n)
	}
	return bad()
}

// branchFor is the branch of a union that a default belongs to.
func branchFor(as *schema, n jsontree.Node) *schema {
	for _, b := range as.branches {
		if suits(b, n) {
			return b
		}
	}
	return as
}

func (x *toConnect) arrayValue(s *data.Schema, as *schema, n jsontree.Node) (data.Value, error) {
	out := make([]data.Value, len(n.Elems))
	for i, e := range n.Elems {
		var err error
		if out[i], err = x.defaultValue(s.ValueSchema(), branchFor(as.items, e), e); err != nil {
			return out[i], err
		}
	}
	return data.Array(out), nil
}

func (x *toConnect) structValue(s *data.Schema, as *schema, n jsontree.Node) (data.Value, error) {
	st := data.NewStructValue(s)
	for i, f := range as.fields {
		v, ok := n.Get(f.name)
		if !ok && f.def != nil {
			v = *f.def
		}
		field, err := x.defaultValue(s.Fields()[i].Schema, branchFor(f.schema, v), v)
		if err != nil {
			return field, err
		}
		st.Set(i, field)
	}
	return data.StructOf(st), nil
}
