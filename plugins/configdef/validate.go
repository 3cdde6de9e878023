package configdef

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Result is the outcome of a validation: for each property its value and errors
// (org.apache.kafka.common.config.Config).
type Result struct {
	Values []*Value
	byName map[string]*Value
}

// Value is one property of a validation result.
type Value struct {
	Name              string
	Value             any // as ParseValue gives it; nil for null and for what could not be parsed
	RecommendedValues []any
	Errors            []string
	Visible           bool
}

// AddError adds an error to the named property, which is added when missing.
func (r *Result) AddError(name, message string) {
	v := r.Get(name)
	if v == nil {
		v = &Value{Name: name, Visible: true}
		r.Add(v)
	}
	v.Errors = append(v.Errors, message)
}

// Get finds a property's result; nil when there is none.
func (r *Result) Get(name string) *Value { return r.byName[name] }

// Add appends a property's result, or replaces the one of the same name.
func (r *Result) Add(v *Value) {
	if r.byName == nil {
		r.byName = map[string]*Value{}
	}
	if old := r.byName[v.Name]; old != nil {
		*old = *v
		return
	}
	r.Values = append(r.Values, v)
	r.byName[v.Name] = v
}

// ErrorCount is the number of errors of all properties.
func (r *Result) ErrorCount() int {
	n := 0
	for _, v := range r.Values {
		n += len(v.Errors)
	}
	return n
}

// Parse parses and validates a configuration. Properties that are not declared
// are kept as originals. The error is the first one in order of declaration.
func (d *Def) Parse(props map[string]string) (*Values, error) {
	values := d.newValues(props)
	errs := make([]error, len(d.keys))
	for i := range d.keys {
		k := &d.keys[i]
		values.parsed[k.Name], errs[i] = d.parseKey(k, props)
	}
	for i := range d.keys {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if err := d.keys[i].check(values.parsed[d.keys[i].Name], values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (d *Def) newValues(props map[string]string) *Values {
	return &Values{parsed: make(map[string]any, len(d.keys)), original: props}
}

func (d *Def) parseKey(k *Key, props map[string]string) (any, error) {
	text, ok := props[k.Name]
	switch {
	case ok:
		return k.parse(text)
	case k.Required():
		return nil, &Error{k.Name, fmt.Sprintf("Missing required configuration %q which has no default value.", k.Name)}
	}
	return k.def, nil
}

func (k *Key) parse(text string) (any, error) {
	value, err := ParseValue(k.Name, text, k.Type)
	if err != nil || k.Type != Class || k.Resolve == nil {
		return value, err
	}
	full, ok := k.Resolve(value.(string))
	if !ok {
		return nil, Invalid(k.Name, text, "Class "+text+" could not be found.")
	}
	return full, nil
}

func (k *Key) check(value any, values *Values) error {
	if k.Validate == nil {
		return nil
	}
	return k.Validate.Check(strings.TrimPrefix(k.Name, k.prefix), value, values.below(k.prefix))
}

// Validate checks a whole configuration and gives every property's value,
// errors, recommended values and visibility (ConfigDef.validate). As in Java,
// the validator of a property that cannot be parsed sees null and may add an
// error of its own.
func (d *Def) Validate(ctx context.Context, props map[string]string) *Result {
	r, values := &Result{}, d.newValues(props)
	for i := range d.keys {
		r.Add(&Value{Name: d.keys[i].Name, Visible: true})
	}
	d.addUndefined(r)
	errs := make([]error, len(d.keys))
	for i := range d.keys {
		k := &d.keys[i]
		values.parsed[k.Name], errs[i] = d.parseKey(k, props)
	}
	for i := range d.keys {
		k, v := &d.keys[i], r.Values[i]
		v.Value = values.parsed[k.Name]
		for _, err := range []error{errs[i], k.check(v.Value, values)} {
			if err != nil {
				v.Errors = append(v.Errors, err.Error())
			}
		}
	}
	d.recommend(ctx, r, values)
	return r
}

// addUndefined reports dependents that are not declared.
func (d *Def) addUndefined(r *Result) {
	for _, k := range d.keys {
		for _, name := range k.Dependents {
			if _, ok := d.byName[name]; !ok && r.Get(name) == nil {
				r.Add(&Value{Name: name, Errors: []string{name + " is referred in the dependents, but not defined."}})
			}
		}
	}
}

// recommend asks the recommenders, parents before their dependents. A property
// with several parents keeps only values that every round recommended.
func (d *Def) recommend(ctx context.Context, r *Result, values *Values) {
	onPath := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		k := d.Key(name)
		if k == nil || onPath[name] {
			return
		}
		if k.Recommend != nil {
			k.recommendTo(ctx, r.Get(name), values)
		}
		onPath[name] = true
		for _, dep := range k.Dependents {
			visit(dep)
		}
		onPath[name] = false
	}
	for _, i := range d.roots {
		visit(d.keys[i].Name)
	}
}

func (k *Key) recommendTo(ctx context.Context, v *Value, values *Values) {
	valid, visible := k.Recommend(ctx, strings.TrimPrefix(k.Name, k.prefix), values.below(k.prefix))
	if before := v.RecommendedValues; len(before) > 0 {
		valid = slices.DeleteFunc(slices.Clone(valid), func(x any) bool { return !slices.Contains(before, x) })
	}
	v.RecommendedValues, v.Visible = valid, visible
}

// below gives the values as an embedded key sees them: without its prefix.
func (v *Values) below(prefix string) *Values {
	if prefix == "" {
		return v
	}
	out := &Values{parsed: map[string]any{}, original: v.WithPrefix(prefix)}
	for name, value := range v.parsed {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			out.parsed[rest] = value
		}
	}
	return out
}
