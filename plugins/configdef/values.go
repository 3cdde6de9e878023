package configdef

// Values are the parsed properties of one configuration.
type Values struct {
	parsed   map[string]any
	original map[string]string
}

// Result is the outcome of a validation: for each property its value and errors
// (org.apache.kafka.common.config.Config).
type Result struct {
	Values []*Value
	byName map[string]*Value
}

// Value is one property of a validation result.
type Value struct {
	Name              string
	Value             any // string, number, bool, []string or nil, as parsed
	RecommendedValues []any
	Errors            []string
	Visible           bool
}

// AddError adds an error to the named property, which is added when missing.
func (r *Result) AddError(name, message string) {
	v := r.Get(name)
	if v == nil {
		v = &Value{Name: name, Visible: true}
		r.add(v)
	}
	v.Errors = append(v.Errors, message)
}

// Get finds a property's result; nil when there is none.
func (r *Result) Get(name string) *Value { return r.byName[name] }

func (r *Result) add(v *Value) {
	if r.byName == nil {
		r.byName = map[string]*Value{}
	}
	r.Values = append(r.Values, v)
	r.byName[v.Name] = v
}
