package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func replaceFieldDef() *configdef.Def {
	list := func(name, doc string, v configdef.Validator) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Medium, Doc: doc, Validate: v}
	}
	return configdef.New(
		list("exclude", "Fields to exclude. This takes precedence over the fields to include.", configdef.ListOf(true)),
		list("include", "Fields to include. If specified, only these fields will be used.", configdef.ListOf(true)),
		list("renames", "Field rename mappings.", configdef.ValidatorFunc("list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>",
			func(name string, value any, _ *configdef.Values) error {
				pairs, _ := value.([]string)
				_, err := parseRenames(pairs)
				return err
			})),
		replaceNullKey(),
	)
}

func parseRenames(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		parts := splitPair(p)
		if len(parts) != 2 {
			return nil, configdef.Invalid("renames", pairs, "Invalid rename mapping: "+p)
		}
		out[parts[0]] = parts[1]
	}
	return out, nil
}

// replaceField leaves fields out and renames others.
type replaceField struct {
	closer
	side             side
	exclude, include []string
	renames          map[string]string
	withDefault      bool
	plans            plans[*selection]
}

func newReplaceField(v *configdef.Values, s side) (connect.Transform, error) {
	renames, err := parseRenames(v.List("renames"))
	return &replaceField{side: s, exclude: v.List("exclude"), include: v.List("include"), renames: renames, withDefault: v.Bool(replaceNull)}, err
}

// keep says whether a field stays, and its new name.
func (t *replaceField) keep(name string) (string, bool) {
	if slices.Contains(t.exclude, name) || len(t.include) > 0 && !slices.Contains(t.include, name) {
		return "", false
	}
	if renamed, ok := t.renames[name]; ok {
		return renamed, true
	}
	return name, true
}

// Apply implements connect.Transform.
func (t *replaceField) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := t.side.get(r)
	switch {
	case v.IsNull():
		return true, nil
	case schema == nil:
		return t.applyMap(r, v)
	}
	st, err := requireStruct(v, "field replacement")
	if err != nil {
		return false, err
	}
	sel, err := t.plans.get(st.Schema(), func(s *data.Schema) (*selection, error) { return selectFields(s, t.keep) })
	if err != nil {
		return false, err
	}
	t.side.set(r, sel.schema, data.StructOf(sel.apply(a, st, t.withDefault)))
	return true, nil
}

func (t *replaceField) applyMap(r *connect.Record, v data.Value) (bool, error) {
	m, err := requireMap(v, "field replacement")
	if err != nil {
		return false, err
	}
	out := &data.Map{}
	for _, e := range m.Entries {
		if name, ok := t.keep(e.Key.Str()); ok {
			out.Put(data.String(name), e.Value)
		}
	}
	t.side.set(r, nil, data.MapOf(out))
	return true, nil
}
