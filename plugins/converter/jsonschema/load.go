package jsonschema

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
)

// shape is what a JSON schema says of a value.
type shape uint8

const (
	anyShape shape = iota
	nullShape
	boolShape
	integerShape
	numberShape
	stringShape
	enumShape
	arrayShape
	objectShape
	combinedShape
	refShape
)

// model is a JSON schema, as the loader of everit-org's json-schema sees it: a
// schema with several kinds of keywords is allOf one schema for each kind.
type model struct {
	shape       shape
	title, doc  string
	def         *jsontree.Node
	props       jsontree.Node // what no keyword of JSON Schema is, such as connect.type
	values      []jsontree.Node
	criterion   string // oneOf, anyOf or allOf
	parts       []*model
	items       *model
	properties  []property
	required    []string
	additional  *model
	target      *model // of refShape
	formatted   bool
	constOrEnum string
}

type property struct {
	name  string
	model *model
}

// loader reads one schema with those it refers to.
type loader struct {
	root  jsontree.Node
	refs  map[string]jsontree.Node // schemas of other subjects, by the name in $ref
	known map[string]*model        // by the text of $ref
}

// maxDepth bounds the nesting of schemas.
const maxDepth = 500

func load(text string, refs map[string]string) (*model, error) {
	root, err := jsontree.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the JSON schema is not JSON: %w", err)
	}
	l := &loader{root: root, refs: map[string]jsontree.Node{}, known: map[string]*model{}}
	for name, text := range refs {
		if l.refs[name], err = jsontree.Parse([]byte(text)); err != nil {
			return nil, fmt.Errorf("reference %s: %w", name, err)
		}
	}
	m := &model{}
	l.known["#"] = m
	return m, l.load(m, root, root, 0)
}

func (l *loader) child(n, doc jsontree.Node, depth int) (*model, error) {
	m := &model{}
	return m, l.load(m, n, doc, depth+1)
}

// load fills m with what n says; doc is the document that n stands in.
func (l *loader) load(m *model, n, doc jsontree.Node, depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("the schema is nested too deeply")
	case n.Kind == jsontree.Bool && n.Bool:
		return nil
	case n.Kind != jsontree.Object:
		return fmt.Errorf("a schema is an object or true, not %s", n)
	}
	m.title, _ = n.StrOf("title")
	m.doc, _ = n.StrOf("description")
	if def, ok := n.Get("default"); ok {
		m.def = &def
	}
	m.props = n
	if ref, ok := n.StrOf("$ref"); ok {
		return l.reference(m, ref, doc, depth)
	}
	parts, err := l.parts(n, doc, depth)
	if err != nil {
		return err
	}
	switch len(parts) {
	case 0:
	case 1:
		p := parts[0]
		p.title, p.doc, p.def, p.props = m.title, m.doc, m.def, m.props
		*m = *p
	default:
		m.shape, m.criterion, m.parts = combinedShape, "allOf", parts
	}
	return nil
}

// parts are one schema for each kind of keyword in n.
func (l *loader) parts(n, doc jsontree.Node, depth int) (parts []*model, err error) {
	if v, ok := n.Get("enum"); ok {
		parts = append(parts, &model{shape: enumShape, values: v.Elems, constOrEnum: "enum"})
	}
	for _, criterion := range []string{"allOf", "anyOf", "oneOf"} {
		list, ok := n.Get(criterion)
		if !ok {
			continue
		}
		c := &model{shape: combinedShape, criterion: criterion}
		for _, e := range list.Elems {
			p, err := l.child(e, doc, depth)
			if err != nil {
				return nil, err
			}
			c.parts = append(c.parts, p)
		}
		parts = append(parts, c)
	}
	if v, ok := n.Get("const"); ok {
		parts = append(parts, &model{shape: enumShape, values: []jsontree.Node{v}, constOrEnum: "const"})
	}
	typed, err := l.byType(n, doc, depth)
	if err == nil && typed != nil {
		parts = append(parts, typed)
	}
	return parts, err
}

// byType reads the keywords of a type, or guesses it from them.
func (l *loader) byType(n, doc jsontree.Node, depth int) (*model, error) {
	t, ok := n.Get("type")
	if ok && t.Kind == jsontree.Array {
		c := &model{shape: combinedShape, criterion: "anyOf"}
		for _, e := range t.Elems {
			p, err := l.ofType(e.Text, n, doc, depth)
			if err != nil {
				return nil, err
			}
			c.parts = append(c.parts, p)
		}
		return c, nil
	}
	if ok {
		return l.ofType(t.Text, n, doc, depth)
	}
	for _, guess := range []struct {
		t        string
		keywords []string
	}{
		{"array", []string{"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"}},
		{"object", []string{"properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties", "additionalProperties", "propertyNames"}},
		{"number", []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
		{"string", []string{"minLength", "maxLength", "pattern", "format"}},
	} {
		if slices.ContainsFunc(guess.keywords, func(k string) bool { _, has := n.Get(k); return has }) {
			return l.ofType(guess.t, n, doc, depth)
		}
	}
	return nil, nil
}

func (l *loader) ofType(t string, n, doc jsontree.Node, depth int) (*model, error) {
	_, formatted := n.Get("format")
	switch t {
	case "null":
		return &model{shape: nullShape}, nil
	case "boolean":
		return &model{shape: boolShape}, nil
	case "integer":
		return &model{shape: integerShape}, nil
	case "number":
		return &model{shape: numberShape}, nil
	case "string":
		return &model{shape: stringShape, formatted: formatted}, nil
	case "array":
		m := &model{shape: arrayShape}
		items, ok := n.Get("items")
		if !ok || items.Kind == jsontree.Array {
			return m, nil
		}
		var err error
		m.items, err = l.child(items, doc, depth)
		return m, err
	case "object":
		return l.object(n, doc, depth)
	}
	return nil, fmt.Errorf("unknown type %q", t)
}

func (l *loader) object(n, doc jsontree.Node, depth int) (*model, error) {
	m := &model{shape: objectShape}
	list, _ := n.Get("properties")
	members := slices.Clone(list.Members)
	hashOrder(members) // Java's loader keeps them in a HashMap
	for _, e := range members {
		p, err := l.child(e.Value, doc, depth)
		if err != nil {
			return nil, within(e.Name, err)
		}
		m.properties = append(m.properties, property{e.Name, p})
	}
	required, _ := n.Get("required")
	for _, e := range required.Elems {
		m.required = append(m.required, e.Text)
	}
	additional, ok := n.Get("additionalProperties")
	if !ok || additional.Kind != jsontree.Object {
		return m, nil
	}
	var err error
	m.additional, err = l.child(additional, doc, depth)
	return m, err
}

// reference finds what $ref names: a place in the document, or another subject's schema.
func (l *loader) reference(m *model, ref string, doc jsontree.Node, depth int) error {
	m.shape = refShape
	if m.target = l.known[ref]; m.target != nil {
		return nil
	}
	m.target = &model{}
	l.known[ref] = m.target
	name, pointer, _ := strings.Cut(ref, "#")
	if name != "" {
		other, ok := l.refs[name]
		if !ok {
			return fmt.Errorf("$ref %q names no schema that is known", ref)
		}
		doc = other
	}
	at, ok := find(doc, pointer)
	if !ok {
		return fmt.Errorf("$ref %q leads nowhere", ref)
	}
	return l.load(m.target, at, doc, depth+1)
}

// find follows a JSON pointer (RFC 6901), or finds the schema whose id it is.
func find(n jsontree.Node, pointer string) (jsontree.Node, bool) {
	if pointer != "" && pointer[0] != '/' {
		return byID(n, "#"+pointer)
	}
	for _, step := range strings.Split(pointer, "/")[min(1, len(pointer)):] {
		if pointer == "" {
			break
		}
		if text, err := url.PathUnescape(step); err == nil {
			step = text
		}
		next, ok := n.Get(strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		if !ok {
			return n, false
		}
		n = next
	}
	return n, true
}

func byID(n jsontree.Node, id string) (jsontree.Node, bool) {
	for _, key := range []string{"id", "$id"} {
		if text, ok := n.StrOf(key); ok && text == id {
			return n, true
		}
	}
	for _, m := range n.Members {
		if found, ok := byID(m.Value, id); ok {
			return found, true
		}
	}
	for _, e := range n.Elems {
		if found, ok := byID(e, id); ok {
			return found, true
		}
	}
	return n, false
}
