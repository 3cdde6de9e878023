package avro

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/millrace/millrace/plugins/converter/jsontree"
)

// kind is a type of Avro.
type kind uint8

const (
	kNull kind = iota
	kBoolean
	kInt
	kLong
	kFloat
	kDouble
	kBytes
	kString
	kRecord
	kEnum
	kFixed
	kArray
	kMap
	kUnion
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "fixed", "array", "map", "union"}

func (k kind) String() string { return kindNames[k] }

// schema is an Avro schema. A record may refer to itself.
type schema struct {
	kind            kind
	name, namespace string // of records, enums and fixed
	doc             *string
	fields          []*field
	symbols         []string
	enumDefault     *string
	size            int       // of fixed
	items           *schema   // of arrays; the values of maps
	branches        []*schema // of unions
	props           []jsontree.Member
}

type field struct {
	name    string
	schema  *schema
	doc     *string
	def     *jsontree.Node
	aliases []string
	props   []jsontree.Member
}

func (s *schema) named() bool { return s.kind == kRecord || s.kind == kEnum || s.kind == kFixed }

// fullName is the name with the namespace; of other than named types that of the type.
func (s *schema) fullName() string {
	switch {
	case !s.named():
		return s.kind.String()
	case s.namespace == "":
		return s.name
	}
	return s.namespace + "." + s.name
}

// prop finds a property.
func (s *schema) prop(name string) (jsontree.Node, bool) {
	return jsontree.Node{Members: s.props}.Get(name)
}

// text is a property that is a string.
func (s *schema) text(name string) string {
	v, _ := s.prop(name)
	if v.Kind != jsontree.String {
		return ""
	}
	return v.Text
}

// set adds a property. One that is there stays (JsonProperties.addProp refuses another value).
func (s *schema) set(name string, v jsontree.Node) {
	if _, there := s.prop(name); !there {
		s.props = append(s.props, jsontree.Member{Name: name, Value: v})
	}
}

// field finds a field of a record by its name or an alias.
func (s *schema) field(name string) (at int, f *field) {
	for i, f := range s.fields {
		if f.name == name {
			return i, f
		}
	}
	for i, f := range s.fields {
		if slices.Contains(f.aliases, name) {
			return i, f
		}
	}
	return -1, nil
}

// nullBranch is the index of null in a union, -1 when it has none.
func (s *schema) nullBranch() int {
	return slices.IndexFunc(s.branches, func(b *schema) bool { return b.kind == kNull })
}

// checkName applies Avro's rule for names (NameValidator).
func checkName(name string) error {
	if name == "" {
		return fmt.Errorf("Empty name")
	}
	for i, r := range name {
		switch {
		case i == 0 && r != '_' && !unicode.IsLetter(r):
			return fmt.Errorf("Illegal initial character: %s", name)
		case r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return fmt.Errorf("Illegal character in: %s", name)
		}
	}
	return nil
}

// writer writes a schema as Java's Schema.toString does: a named type in full
// the first time, then by its name.
type writer struct {
	names map[string]*schema
	space []string // enclosing namespaces
}

// String is the schema's JSON text, which is registered.
func (s *schema) String() string {
	text, err := s.render()
	if err != nil {
		return err.Error()
	}
	return text
}

func (s *schema) render() (string, error) {
	w := writer{names: map[string]*schema{}, space: []string{""}}
	dst, err := w.schema(nil, s)
	return string(dst), err
}

func (w *writer) schema(dst []byte, s *schema) ([]byte, error) {
	switch {
	case s.named():
		return w.namedType(dst, s)
	case s.kind == kUnion:
		return w.union(dst, s)
	case s.kind == kArray || s.kind == kMap:
		return w.collection(dst, s)
	case len(s.props) == 0:
		return jsontree.AppendString(dst, s.kind.String()), nil
	}
	dst = jsontree.AppendString(append(dst, `{"type":`...), s.kind.String())
	return append(appendProps(dst, s.props), '}'), nil
}

func (w *writer) union(dst []byte, s *schema) ([]byte, error) {
	dst = append(dst, '[')
	for i, b := range s.branches {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.schema(dst, b); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (w *writer) collection(dst []byte, s *schema) ([]byte, error) {
	member := `"items":`
	if s.kind == kMap {
		member = `"values":`
	}
	dst = append(jsontree.AppendString(append(dst, `{"type":`...), s.kind.String()), ',')
	dst, err := w.schema(append(dst, member...), s.items)
	return append(appendProps(dst, s.props), '}'), err
}

func (w *writer) namedType(dst []byte, s *schema) ([]byte, error) {
	space := w.space[len(w.space)-1]
	if known := w.names[s.fullName()]; known != nil {
		if known != s && !known.same(s) {
			return dst, fmt.Errorf("Can't redefine: %s", s.fullName())
		}
		if s.namespace == space {
			return jsontree.AppendString(dst, s.name), nil
		}
		return jsontree.AppendString(dst, s.fullName()), nil
	}
	w.names[s.fullName()] = s
	dst = append(dst, `{"type":"`...)
	dst = append(append(dst, s.kind.String()...), `","name":`...)
	dst = jsontree.AppendString(dst, s.name)
	if s.namespace != "" && s.namespace != space {
		dst = jsontree.AppendString(append(dst, `,"namespace":`...), s.namespace)
	}
	if s.doc != nil {
		dst = jsontree.AppendString(append(dst, `,"doc":`...), *s.doc)
	}
	w.space = append(w.space, s.namespace)
	dst, err := w.body(dst, s)
	w.space = w.space[:len(w.space)-1]
	return append(appendProps(dst, s.props), '}'), err
}

func (w *writer) body(dst []byte, s *schema) ([]byte, error) {
	switch s.kind {
	case kEnum:
		dst = append(dst, `,"symbols":[`...)
		for i, symbol := range s.symbols {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontree.AppendString(dst, symbol)
		}
		dst = append(dst, ']')
		if s.enumDefault != nil {
			dst = jsontree.AppendString(append(dst, `,"default":`...), *s.enumDefault)
		}
		return dst, nil
	case kFixed:
		return fmt.Appendf(dst, `,"size":%d`, s.size), nil
	}
	dst = append(dst, `,"fields":[`...)
	for i, f := range s.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.field(dst, f); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (w *writer) field(dst []byte, f *field) ([]byte, error) {
	dst = jsontree.AppendString(append(dst, `{"name":`...), f.name)
	dst, err := w.schema(append(dst, `,"type":`...), f.schema)
	if err != nil {
		return dst, err
	}
	if f.doc != nil {
		dst = jsontree.AppendString(append(dst, `,"doc":`...), *f.doc)
	}
	if f.def != nil {
		dst = f.def.Append(append(dst, `,"default":`...))
	}
	return append(appendProps(dst, f.props), '}'), nil
}

func appendProps(dst []byte, props []jsontree.Member) []byte {
	for _, p := range props {
		dst = p.Value.Append(append(jsontree.AppendString(append(dst, ','), p.Name), ':'))
	}
	return dst
}

// same reports whether two schemas say the same.
func (s *schema) same(o *schema) bool { return sameSchema(s, o, map[[2]*schema]bool{}) }

// sameSchema compares; a pair that is under comparison counts as the same.
func sameSchema(a, b *schema, seen map[[2]*schema]bool) bool {
	pair := [2]*schema{a, b}
	switch {
	case a == b || seen[pair]:
		return true
	case a == nil || b == nil || a.kind != b.kind || a.fullName() != b.fullName() || a.size != b.size ||
		!sameText(a.doc, b.doc) || !sameText(a.enumDefault, b.enumDefault) || !slices.Equal(a.symbols, b.symbols) ||
		!sameProps(a.props, b.props) || len(a.fields) != len(b.fields) || len(a.branches) != len(b.branches):
		return false
	}
	seen[pair] = true
	for i, f := range a.fields {
		g := b.fields[i]
		if f.name != g.name || !sameText(f.doc, g.doc) || (f.def == nil) != (g.def == nil) || f.def != nil && f.def.String() != g.def.String() ||
			!sameProps(f.props, g.props) || !sameSchema(f.schema, g.schema, seen) {
			return false
		}
	}
	for i := range a.branches {
		if !sameSchema(a.branches[i], b.branches[i], seen) {
			return false
		}
	}
	return sameSchema(a.items, b.items, seen)
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func sameProps(a, b []jsontree.Member) bool {
	return string(appendProps(nil, a)) == string(appendProps(nil, b))
}

// splitName cuts a dotted name into namespace and name. A name of dots alone has neither.
func splitName(full string) (namespace, name string) {
	parts := strings.Split(strings.TrimRight(full, "."), ".")
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
}
