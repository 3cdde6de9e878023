package debezium

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func headerToValueDef() *configdef.Def {
	list := func(name, display, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.List, NullDefault: true, Importance: configdef.High, Order: 1,
			DisplayName: display, Doc: doc, Validate: plainList(false)}
	}
	return configdef.New(
		list("headers", "Header names list", "Names of the headers that become fields of the value."),
		list("fields", "Field names list", "Names of the fields, in the order of the headers. Dots lead into nested structs, which are made where they are missing."),
		configdef.Key{Name: "operation", Type: configdef.String, NullDefault: true, Importance: configdef.High, Order: 1,
			DisplayName: "Operation: mover or copy", Validate: oneOf("move", "copy"),
			Doc: "<code>move</code> takes the headers away from the record, <code>copy</code> leaves them there."},
	)
}

// plainList wants at least one element, and none that is empty or, where they may not, has spaces.
func plainList(spaces bool) configdef.Validator {
	return configdef.ValidatorFunc("non-empty list", func(name string, value any, _ *configdef.Values) error {
		elems, _ := value.([]string)
		switch {
		case len(elems) == 0:
			return invalid(name, value, "A value is required")
		case slices.Contains(elems, ""):
			return invalid(name, value, "Empty string element(s) not permitted")
		case !spaces && slices.ContainsFunc(elems, func(e string) bool { return strings.ContainsAny(e, " \t") }):
			return invalid(name, value, "Element(s) containing space not permitted")
		}
		return nil
	})
}

// headerToValue is HeaderToValue: headers become fields of the value.
type headerToValue struct {
	closer
	headers []string
	fields  [][]string // paths
	move    bool
	schemas cache[headerPlan, *data.Schema]
}

// headerPlan names what a new schema follows from: the old one and, for the
// headers that a record has, which they are and what their schemas are.
type headerPlan struct {
	schema  *data.Schema
	present string
	types   [8]*data.Schema
}

func newHeaderToValue(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	h := &headerToValue{headers: v.List("headers"), move: strings.EqualFold(v.String("operation"), "move")}
	for _, f := range v.List("fields") {
		h.fields = append(h.fields, strings.Split(f, "."))
	}
	if len(h.fields) != len(h.headers) {
		return nil, &configdef.Error{Name: "fields", Message: "'fields' config must have the same number of elements as 'headers' config."}
	}
	return h, nil
}

// entry is a header that goes into the value.
type entry struct {
	path   []string
	header connect.Header
}

// Apply implements connect.Transform.
func (h *headerToValue) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if r.Value.IsNull() {
		return true, nil
	}
	st := r.Value.Struct()
	if st == nil {
		return false, dataError("Only Struct objects supported for [Header field insertion], found: %s", r.Value.Kind().JavaClass())
	}
	key := headerPlan{schema: st.Schema()}
	var entries []entry
	for _, header := range r.Headers {
		i := slices.Index(h.headers, header.Key)
		if i < 0 {
			continue
		}
		if header.Schema == nil {
			return false, dataError("header %s has no schema, so it cannot become a field", header.Key)
		}
		if n := len(entries); n < len(key.types) {
			key.types[n] = header.Schema
		}
		key.present += string(rune(i)) + ","
		entries = append(entries, entry{h.fields[i], header})
	}
	if len(entries) == 0 {
		return true, nil
	}
	schema, err := h.schema(key, entries)
	if err != nil {
		return false, err
	}
	r.ValueSchema, r.Value = schema, data.StructOf(place(a, schema, st, entries, 0))
	if h.move {
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(x connect.Header) bool { return slices.Contains(h.headers, x.Key) })
	}
	return true, nil
}

func (h *headerToValue) schema(key headerPlan, entries []entry) (*data.Schema, error) {
	work := func() (*data.Schema, error) { return widen(key.schema, entries, 0) }
	if len(entries) > len(key.types) { // too many to tell apart by the key
		return work()
	}
	return h.schemas.get(key, work)
}

// widen adds the entries that lead to this depth to a schema; s is nil where a
// struct is missing. A field that is there already stays.
func widen(s *data.Schema, entries []entry, depth int) (*data.Schema, error) {
	b := data.NewStruct().Optional()
	var fields []data.Field
	if s != nil {
		b = data.Like(s, data.TypeStruct)
		fields = s.Fields()
	}
	done := map[string]bool{}
	for _, f := range fields {
		done[f.Name] = true
		inner := below(entries, f.Name, depth)
		schema := f.Schema
		if len(inner) > 0 {
			if schema.Type() != data.TypeStruct {
				return nil, dataError("Field '%s' is a primitive type, not a struct. Cannot add nested field '%s'.", f.Name, strings.Join(inner[0].path, "."))
			}
			var err error
			if schema, err = widen(schema, inner, depth+1); err != nil {
				return nil, err
			}
		}
		b.Field(f.Name, schema)
	}
	for _, e := range entries {
		name := e.path[depth]
		if done[name] {
			continue
		}
		done[name] = true
		schema := e.header.Schema
		if inner := below(entries, name, depth); len(inner) > 0 {
			var err error
			if schema, err = widen(nil, inner, depth+1); err != nil {
				return nil, err
			}
		}
		b.Field(name, schema)
	}
	return build(b)
}

// below picks the entries that lead through a field.
func below(entries []entry, field string, depth int) []entry {
	var out []entry
	for _, e := range entries {
		if len(e.path) > depth+1 && e.path[depth] == field {
			out = append(out, e)
		}
	}
	return out
}

// place fills a struct of a widened schema; st is nil where it was missing.
func place(a *data.Arena, s *data.Schema, st *data.Struct, entries []entry, depth int) *data.Struct {
	out := a.Struct(s)
	for i, f := range s.Fields() {
		var v data.Value
		if st != nil && st.Schema().Field(f.Name) != nil {
			v = orDefault(st, st.Schema().FieldIndex(f.Name))
		}
		inner := below(entries, f.Name, depth)
		missing := st == nil || st.Schema().Field(f.Name) == nil
		if len(inner) > 0 && (missing || v.Struct() != nil) {
			v = data.StructOf(place(a, f.Schema, v.Struct(), inner, depth+1))
		}
		for _, e := range entries {
			if len(e.path) == depth+1 && e.path[depth] == f.Name {
				v = e.header.Value
			}
		}
		out.Set(i, v)
	}
	return out
}
