package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func headerFromDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "fields", Type: configdef.List, Importance: configdef.High, Validate: configdef.NonEmptyList(),
			Doc: "Names of the fields that become headers."},
		configdef.Key{Name: "headers", Type: configdef.List, Importance: configdef.High, Validate: configdef.NonEmptyList(),
			Doc: "Names of the headers, in the order of the fields."},
		configdef.Key{Name: "operation", Type: configdef.String, Importance: configdef.High, Validate: configdef.OneOf("move", "copy"),
			Doc: "<code>move</code> takes the fields away from key or value, <code>copy</code> leaves them there."},
		replaceNullKey(),
	)
}

// headerFrom copies or moves fields into headers.
type headerFrom struct {
	closer
	side            side
	fields, headers []string
	move            bool
	withDefault     bool
	plans           plans[*selection]
}

func newHeaderFrom(v *configdef.Values, s side) (connect.Transform, error) {
	h := &headerFrom{side: s, fields: v.List("fields"), headers: v.List("headers"),
		move: v.String("operation") == "move", withDefault: v.Bool(replaceNull)}
	if len(h.fields) != len(h.headers) {
		return nil, &configdef.Error{Name: "headers", Message: "'fields' config must have the same number of elements as 'headers' config."}
	}
	return h, nil
}

func (h *headerFrom) purpose() string {
	if h.move {
		return "header move"
	}
	return "header copy"
}

// Apply implements connect.Transform.
func (h *headerFrom) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := h.side.get(r)
	headers := slices.Clone(r.Headers)
	if schema == nil {
		m, err := requireMap(v, h.purpose())
		if err != nil {
			return false, err
		}
		r.Headers = h.fromMap(r, headers, m)
		return true, nil
	}
	st, err := requireStruct(v, h.purpose())
	if err != nil {
		return false, err
	}
	for i, name := range h.fields {
		at := schema.FieldIndex(name)
		if at < 0 {
			return false, dataError("%s is not a valid field name", name)
		}
		headers = append(headers, connect.Header{Key: h.headers[i], Schema: schema.Fields()[at].Schema, Value: fieldValue(st, at, h.withDefault)})
	}
	r.Headers = headers
	if h.move {
		kept, err := h.plans.get(schema, func(s *data.Schema) (*selection, error) {
			return selectFields(s, func(name string) (string, bool) { return name, !slices.Contains(h.fields, name) })
		})
		if err != nil {
			return false, err
		}
		h.side.set(r, kept.schema, data.StructOf(kept.apply(a, st, h.withDefault)))
	}
	return true, nil
}

func (h *headerFrom) fromMap(r *connect.Record, headers []connect.Header, m *data.Map) []connect.Header {
	out := copyMap(m)
	for i, name := range h.fields {
		headers = append(headers, connect.Header{Key: h.headers[i], Value: mapGet(m, name)})
		if h.move {
			out.Entries = slices.DeleteFunc(out.Entries, func(e data.MapEntry) bool { return e.Key.Str() == name })
		}
	}
	h.side.set(r, nil, data.MapOf(out))
	return headers
}

// selection is a struct schema made of some fields of another, and where they
// come from.
type selection struct {
	schema *data.Schema
	from   []int
}

// selectFields keeps the fields that keep says, under the names it gives them.
func selectFields(s *data.Schema, keep func(name string) (newName string, ok bool)) (*selection, error) {
	sel := &selection{}
	b := data.Like(s, data.TypeStruct)
	for i, f := range s.Fields() {
		if name, ok := keep(f.Name); ok {
			b.Field(name, f.Schema)
			sel.from = append(sel.from, i)
		}
	}
	var err error
	sel.schema, err = build(b)
	return sel, err
}

func (sel *selection) apply(a *data.Arena, st *data.Struct, withDefault bool) *data.Struct {
	out := a.Struct(sel.schema)
	for i, from := range sel.from {
		out.Set(i, fieldValue(st, from, withDefault))
	}
	return out
}
