package jsonschema

import (
	"cmp"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// builder makes a JSON schema of a Connect schema (JsonSchemaData.FromConnectContext).
type builder struct {
	Options
	ids map[string]bool // ids of schemas that have been written, to which others may refer
}

// noIndex is the index of a schema that is no field.
const noIndex = -1

// made is a schema with its parts in the order in which they are written.
type made struct {
	head     []jsontree.Member // title, description, id, default
	body     []jsontree.Member
	props    map[string]jsontree.Node // connect.*, in the order of Java's HashMap
	combined bool
}

func (m *made) node() jsontree.Node {
	n := jsontree.Node{Kind: jsontree.Object, Members: slices.Concat(m.head, m.body)}
	for _, name := range data.HashMapOrder(m.props) {
		n.Members = append(n.Members, jsontree.Member{Name: name, Value: m.props[name]})
	}
	return n
}

func (m *made) add(name string, v jsontree.Node) {
	m.body = append(m.body, jsontree.Member{Name: name, Value: v})
}

func (o Options) fromConnect(s *data.Schema) (jsontree.Node, error) {
	b := &builder{Options: o, ids: map[string]bool{}}
	return b.schema(s, noIndex, false)
}

// hashOrder sorts members by their buckets; those of one bucket stay in order.
func hashOrder(members []jsontree.Member) {
	slices.SortStableFunc(members, func(a, b jsontree.Member) int {
		return cmp.Compare(data.HashBucket(a.Name, len(members)), data.HashBucket(b.Name, len(members)))
	})
}

// schema converts s; bare leaves out that it is optional, as a member of oneOf must.
func (b *builder) schema(s *data.Schema, index int, bare bool) (jsontree.Node, error) {
	id, hasID := s.Param(idParam)
	if hasID {
		b.ids[id] = true
	}
	m := &made{props: map[string]jsontree.Node{}}
	if err := b.body(m, s); err != nil {
		return jsontree.Node{}, err
	}
	if !m.combined {
		if err := b.describe(m, s); err != nil {
			return jsontree.Node{}, err
		}
		if s.Optional() && !bare {
			inner := m.node()
			m = &made{props: map[string]jsontree.Node{}, combined: true}
			m.add("oneOf", array(nullType(), inner))
		}
	}
	if hasID {
		m.setID(id)
	}
	if index != noIndex {
		m.props[indexProp] = jsontree.Int(int64(index))
	}
	return m.node(), nil
}

// setID puts the id after title and description.
func (m *made) setID(id string) {
	at := slices.IndexFunc(m.head, func(e jsontree.Member) bool { return e.Name == "default" })
	if at < 0 {
		at = len(m.head)
	}
	m.head = slices.Insert(m.head, at, jsontree.Member{Name: "id", Value: jsontree.Str(id)})
}

func array(elems ...jsontree.Node) jsontree.Node {
	return jsontree.Node{Kind: jsontree.Array, Elems: elems}
}

func typed(t string) jsontree.Node {
	return jsontree.Node{Kind: jsontree.Object, Members: []jsontree.Member{{Name: "type", Value: jsontree.Str(t)}}}
}

func nullType() jsontree.Node { return typed("null") }

func (b *builder) body(m *made, s *data.Schema) error {
	switch t := s.Type(); t {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32, data.TypeInt64:
		m.add("type", jsontree.Str("integer"))
		m.props[typeProp] = jsontree.Str(t.String())
	case data.TypeFloat32, data.TypeFloat64:
		m.add("type", jsontree.Str("number"))
		m.props[typeProp] = jsontree.Str(t.String())
	case data.TypeBoolean:
		m.add("type", jsontree.Str("boolean"))
	case data.TypeString:
		b.text(m, s)
	case data.TypeBytes:
		if s.Logical() == data.LogicalDecimal && b.NumericDecimals {
			m.add("type", jsontree.Str("number"))
		} else {
			m.add("type", jsontree.Str("string"))
		}
		m.props[typeProp] = jsontree.Str("bytes")
	case data.TypeArray:
		items, err := b.child(s.ValueSchema(), noIndex)
		m.add("type", jsontree.Str("array"))
		m.add("items", items)
		return err
	case data.TypeMap:
		return b.mapOf(m, s)
	default:
		return b.structOf(m, s)
	}
	return nil
}

// child is a schema within another, or a reference to one that stands before.
func (b *builder) child(s *data.Schema, index int) (jsontree.Node, error) {
	if id, ok := s.Param(idParam); ok && b.ids[id] {
		return jsontree.Node{Kind: jsontree.Object, Members: []jsontree.Member{{Name: "$ref", Value: jsontree.Str(id)}}}, nil
	}
	return b.schema(s, index, false)
}

func (b *builder) text(m *made, s *data.Schema) {
	if !isEnum(s) {
		m.add("type", jsontree.Str("string"))
		return
	}
	values := array()
	for _, p := range s.Params() {
		symbol, ok := strings.CutPrefix(p.Key, b.enumParam()+".")
		switch {
		case !ok:
		case symbol == nullMarker:
			values.Elems = append(values.Elems, jsontree.Node{})
		default:
			values.Elems = append(values.Elems, jsontree.Str(symbol))
		}
	}
	m.add("enum", values)
}

func (b *builder) mapOf(m *made, s *data.Schema) error {
	m.props[typeProp] = jsontree.Str("map")
	if stringKeys(s) {
		values, err := b.schema(s.ValueSchema(), noIndex, false)
		m.add("type", jsontree.Str("object"))
		m.add("additionalProperties", values)
		return err
	}
	key, err := b.schema(s.KeySchema(), 0, false)
	if err != nil {
		return err
	}
	value, err := b.schema(s.ValueSchema(), 1, false)
	entry := typed("object")
	entry.Set("properties", jsontree.Node{Kind: jsontree.Object, Members: []jsontree.Member{{Name: keyField, Value: key}, {Name: valueField, Value: value}}})
	m.add("type", jsontree.Str("array"))
	m.add("items", entry)
	return err
}

func (b *builder) structOf(m *made, s *data.Schema) error {
	if isUnion(s) || s.Optional() {
		m.combined = true
		return b.oneOf(m, s)
	}
	properties := jsontree.Node{Kind: jsontree.Object}
	for i, f := range s.Fields() {
		p, err := b.child(f.Schema, i)
		if err != nil {
			return within(f.Name, err)
		}
		properties.Members = append(properties.Members, jsontree.Member{Name: f.Name, Value: p})
	}
	m.add("type", jsontree.Str("object"))
	if len(properties.Members) > 0 {
		m.add("properties", properties)
	}
	if !b.Additional {
		m.add("additionalProperties", jsontree.Truth(false))
	}
	return nil
}

// oneOf writes a union, or a struct that may be null.
func (b *builder) oneOf(m *made, s *data.Schema) error {
	list := array()
	if s.Optional() {
		list.Elems = append(list.Elems, nullType())
	}
	if !isUnion(s) {
		inner, err := b.schema(data.From(s).Required().Build(), noIndex, false)
		list.Elems = append(list.Elems, inner)
		m.add("oneOf", list)
		return err
	}
	for i, f := range s.Fields() {
		inner, err := b.schema(data.From(f.Schema).Required().Build(), i, true)
		if err != nil {
			return within(f.Name, err)
		}
		list.Elems = append(list.Elems, inner)
	}
	slices.SortStableFunc(list.Elems, combinedFirst)
	m.add("oneOf", list)
	return nil
}

// combinedFirst is the order in which the members of oneOf are written.
func combinedFirst(a, b jsontree.Node) int {
	rank := func(n jsontree.Node) int {
		if _, ok := n.Get("oneOf"); ok {
			return 0
		}
		return 1
	}
	return rank(a) - rank(b)
}

func (b *builder) describe(m *made, s *data.Schema) error {
	if s.Name() != "" {
		m.head = append(m.head, jsontree.Member{Name: "title", Value: jsontree.Str(s.Name())})
	}
	if s.Doc() != "" {
		m.head = append(m.head, jsontree.Member{Name: "description", Value: jsontree.Str(s.Doc())})
	}
	if v, ok := s.Version(); ok {
		m.props[versionProp] = jsontree.Int(int64(v))
	}
	params := map[string]jsontree.Node{}
	for _, p := range s.Params() {
		if !strings.HasPrefix(p.Key, namespace) {
			params[p.Key] = jsontree.Str(p.Value)
		}
	}
	if len(params) > 0 {
		n := jsontree.Node{Kind: jsontree.Object}
		for _, name := range data.HashMapOrder(params) {
			n.Members = append(n.Members, jsontree.Member{Name: name, Value: params[name]})
		}
		m.props[paramsProp] = n
	}
	def, ok := s.Default()
	if !ok || def.IsNull() {
		return nil
	}
	root, err := b.compile(s)
	if err != nil {
		return err
	}
	text, err := root.append(nil, def)
	if err != nil {
		return err
	}
	value, err := jsontree.Parse(text)
	if err != nil {
		return dataError("default value: %w", err)
	}
	m.head = append(m.head, jsontree.Member{Name: "default", Value: shortest(value)})
	return nil
}

// shortest writes a number as org.json does: without zeros at its end.
func shortest(n jsontree.Node) jsontree.Node {
	if n.Kind == jsontree.Number && strings.Contains(n.Text, ".") && !strings.ContainsAny(n.Text, "eE") {
		n.Text = strings.TrimSuffix(strings.TrimRight(n.Text, "0"), ".")
	}
	return n
}
