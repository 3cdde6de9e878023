package configdef

// KeyInfo is a declared property in an answer of the REST API (ConfigKeyInfo).
type KeyInfo struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	DefaultValue  *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         *string  `json:"group"`
	OrderInGroup  int      `json:"order_in_group"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
}

// ValueInfo is a property's value in an answer of the REST API (ConfigValueInfo).
type ValueInfo struct {
	Name              string   `json:"name"`
	Value             *string  `json:"value"`
	RecommendedValues []string `json:"recommended_values"`
	Errors            []string `json:"errors"`
	Visible           bool     `json:"visible"`
}

// Info is a property with its value (ConfigInfo). Definition is nil for a
// property that is not declared, Value for one that was not validated.
type Info struct {
	Definition *KeyInfo   `json:"definition"`
	Value      *ValueInfo `json:"value"`
}

// Infos is the answer to a validation (ConfigInfos).
type Infos struct {
	Name       string   `json:"name"`
	ErrorCount int      `json:"error_count"`
	Groups     []string `json:"groups"`
	Configs    []Info   `json:"configs"`
}

// Info gives a key's facts for the REST API.
func (k *Key) Info() KeyInfo {
	info := KeyInfo{
		Name: k.Name, Type: string(k.Type), Required: k.Required(),
		Importance: string(k.Importance), Documentation: k.Doc,
		OrderInGroup: k.Order, Width: string(k.Width), DisplayName: k.DisplayName,
		Dependents: append([]string{}, k.Dependents...),
	}
	if k.Default != nil {
		info.DefaultValue = Text(FormatValue(k.def))
	}
	if k.Group != "" {
		info.Group = Text(k.Group)
	}
	if k.Order == 0 && k.Group == "" {
		info.OrderInGroup = -1
	}
	return info
}

// Infos gives all keys' facts in order of declaration.
func (d *Def) Infos() []KeyInfo {
	infos := make([]KeyInfo, len(d.keys))
	for i := range d.keys {
		infos[i] = d.keys[i].Info()
	}
	return infos
}

// Info gives a value's facts for the REST API.
func (v *Value) Info() ValueInfo {
	info := ValueInfo{
		Name: v.Name, RecommendedValues: []string{},
		Errors: append([]string{}, v.Errors...), Visible: v.Visible,
	}
	if v.Value != nil {
		info.Value = Text(FormatValue(v.Value))
	}
	for _, r := range v.RecommendedValues {
		info.RecommendedValues = append(info.RecommendedValues, FormatValue(r))
	}
	return info
}

// NewInfos joins declarations and results into an answer
// (AbstractHerder.generateResult): results of undeclared properties first, then
// one entry for each declared property in order.
func NewInfos(name string, d *Def, r *Result, groups []string) Infos {
	out := Infos{Name: name, ErrorCount: r.ErrorCount(), Groups: append([]string{}, groups...), Configs: []Info{}}
	for _, v := range r.Values {
		if d.Key(v.Name) == nil {
			value := v.Info()
			out.Configs = append(out.Configs, Info{Value: &value})
		}
	}
	for i := range d.keys {
		key := d.keys[i].Info()
		info := Info{Definition: &key}
		if v := r.Get(key.Name); v != nil {
			value := v.Info()
			info.Value = &value
		}
		out.Configs = append(out.Configs, info)
	}
	return out
}
