package avro

import (
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/plugins/converter/jsontree"
)

// parseSchema reads a schema's JSON text; known holds the named types that it
// may refer to by their full names, and gets those that it defines. hamba/avro
// reads schemas as well, but loses the order of properties and the last digits
// of long defaults, which become part of a Connect schema.
func parseSchema(text string, known map[string]*schema) (*schema, error) {
	tree, err := jsontree.Parse([]byte(text))
	if err != nil {
		// Old registries give the name of a primitive type without quotes.
		if k := slices.Index(kindNames[:kRecord], text); k >= 0 {
			return &schema{kind: kind(k)}, nil
		}
		return nil, fmt.Errorf("the Avro schema is not JSON: %w", err)
	}
	p := &parser{known: known}
	return p.schema(tree, "", 0)
}

type parser struct {
	known map[string]*schema
}

// maxDepth bounds the nesting of schemas.
const maxDepth = 500

func (p *parser) schema(n jsontree.Node, space string, depth int) (*schema, error) {
	if depth > maxDepth {
		return nil, errors.New("the schema is nested too deeply")
	}
	switch n.Kind {
	case jsontree.String:
		return p.byName(n.Text, space)
	case jsontree.Array:
		return p.union(n, space, depth)
	case jsontree.Object:
		return p.object(n, space, depth)
	}
	return nil, fmt.Errorf("No type: %s", n)
}

func (p *parser) byName(name, space string) (*schema, error) {
	if k := slices.Index(kindNames[:kRecord], name); k >= 0 {
		return &schema{kind: kind(k)}, nil
	}
	if space != "" {
		if s := p.known[space+"."+name]; s != nil {
			return s, nil
		}
	}
	if s := p.known[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%q is not a defined name", name)
}

func (p *parser) union(n jsontree.Node, space string, depth int) (*schema, error) {
	u := &schema{kind: kUnion}
	for _, e := range n.Elems {
		b, err := p.schema(e, space, depth+1)
		if err != nil {
			return nil, err
		}
		if b.kind == kUnion {
			return nil, errors.New("Nested union")
		}
		u.branches = append(u.branches, b)
	}
	return u, nil
}

// reserved are the members of a schema that are not properties.
var reserved = []string{"doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"}

func (p *parser) object(n jsontree.Node, space string, depth int) (*schema, error) {
	t, _ := n.Get("type")
	if t.Kind != jsontree.String {
		return p.schema(t, space, depth+1)
	}
	k := slices.Index(kindNames[:kUnion], t.Text)
	if t.Text == "error" {
		k = int(kRecord)
	}
	if k < 0 {
		return p.byName(t.Text, space)
	}
	s := &schema{kind: kind(k)}
	for _, m := range n.Members {
		if !slices.Contains(reserved, m.Name) && (m.Name != "default" || s.kind != kEnum) {
			s.props = append(s.props, m)
		}
	}
	switch {
	case s.named():
		return s, p.namedType(s, n, space, depth)
	case s.kind == kArray, s.kind == kMap:
		member := "items"
		if s.kind == kMap {
			member = "values"
		}
		items, ok := n.Get(member)
		if !ok {
			return nil, fmt.Errorf("%s has no %s type: %s", t.Text, member, n)
		}
		var err error
		s.items, err = p.schema(items, space, depth+1)
		return s, err
	}
	return s, nil
}

func (p *parser) namedType(s *schema, n jsontree.Node, space string, depth int) error {
	name, ok := n.StrOf("name")
	if !ok {
		return fmt.Errorf("No name in schema: %s", n)
	}
	if given, ok := n.StrOf("namespace"); ok {
		space = given
	}
	s.namespace, s.name = space, name
	if before, after := splitName(name); before != "" {
		s.namespace, s.name = before, after
	}
	s.doc = textOf(n, "doc")
	if p.known[s.fullName()] != nil {
		return fmt.Errorf("Can't redefine: %s", s.fullName())
	}
	p.known[s.fullName()] = s
	switch s.kind {
	case kEnum:
		return s.parseSymbols(n)
	case kFixed:
		size, _ := n.Get("size")
		i, ok := size.Int64()
		if !ok || i < 0 || i > 1<<30 {
			return fmt.Errorf("Invalid or no size: %s", n)
		}
		s.size = int(i)
		return nil
	}
	return p.fields(s, n, depth)
}

func (s *schema) parseSymbols(n jsontree.Node) error {
	symbols, _ := n.Get("symbols")
	for _, e := range symbols.Elems {
		if e.Kind != jsontree.String {
			return fmt.Errorf("Enum has no symbols: %s", n)
		}
		s.symbols = append(s.symbols, e.Text)
	}
	s.enumDefault = textOf(n, "default")
	return nil
}

func (p *parser) fields(s *schema, n jsontree.Node, depth int) error {
	list, _ := n.Get("fields")
	if list.Kind != jsontree.Array {
		return fmt.Errorf("Record has no fields: %s", n)
	}
	seen := map[string]bool{}
	for _, e := range list.Elems {
		f := &field{doc: textOf(e, "doc")}
		var ok bool
		if f.name, ok = e.StrOf("name"); !ok {
			return fmt.Errorf("No field name: %s", e)
		}
		if seen[f.name] {
			return fmt.Errorf("Duplicate field %s in record %s", f.name, s.fullName())
		}
		seen[f.name] = true
		t, _ := e.Get("type")
		var err error
		if f.schema, err = p.schema(t, s.namespace, depth+1); err != nil {
			return fmt.Errorf("field %s of %s: %w", f.name, s.fullName(), err)
		}
		if def, ok := e.Get("default"); ok {
			f.def = &def
		}
		f.readRest(e)
		s.fields = append(s.fields, f)
	}
	return nil
}

func (f *field) readRest(e jsontree.Node) {
	for _, m := range e.Members {
		switch m.Name {
		case "name", "type", "doc", "default", "order":
		case "aliases":
			for _, a := range m.Value.Elems {
				f.aliases = append(f.aliases, a.Text)
			}
		default:
			f.props = append(f.props, m)
		}
	}
}

func textOf(n jsontree.Node, name string) *string {
	if text, ok := n.StrOf(name); ok {
		return &text
	}
	return nil
}
