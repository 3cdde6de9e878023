package jsonschema

import (
	"slices"
	"strconv"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// toConnect makes a Connect schema (JsonSchemaData.toConnectSchema).
type toConnect struct {
	Options
	parts  registry.Parts
	open   map[*model]bool         // references that are being followed
	done   map[*model]*data.Schema // structs, for other references to them
	ids    int
	unions int
}

func (o Options) toConnect(m *model, version int) (*data.Schema, error) {
	x := &toConnect{Options: o, open: map[*model]bool{}, done: map[*model]*data.Schema{}}
	return x.schema(m, version, false)
}

func (x *toConnect) schema(m *model, version int, optional bool) (*data.Schema, error) {
	if err := x.parts.Add(); err != nil {
		return nil, err
	}
	if x.open[m] {
		return nil, dataError("the schema contains itself: a Connect schema cannot here")
	}
	x.open[m] = true
	defer delete(x.open, m)
	var b *data.Builder
	var err error
	switch m.shape {
	case refShape:
		if s := x.done[m.target]; s != nil { // Java gives a name to what is used again
			x.ids++
			again := data.From(s).Param(idParam, "#id"+strconv.Itoa(x.ids)).Required()
			if optional {
				again.Optional()
			}
			return again.Build(), nil
		}
		return x.schema(m.target, version, optional)
	case combinedShape:
		if s, done, err := x.combined(m, version, optional); done || err != nil {
			return s, err
		}
		b, err = x.union(m)
	case boolShape:
		b = data.New(data.TypeBoolean)
	case integerShape, numberShape:
		b, err = numberOf(m)
	case stringShape:
		b = data.New(data.TypeString)
		if t, _ := m.props.StrOf(typeProp); t == "bytes" {
			b = data.New(data.TypeBytes)
		}
	case enumShape:
		b = x.enum(m)
	case arrayShape:
		b, err = x.array(m)
	case objectShape:
		b, err = x.object(m)
	default:
		return nil, dataError("Unsupported schema type: the schema admits %s", [...]string{"any value", "null alone"}[m.shape])
	}
	if err != nil {
		return nil, err
	}
	s, err := x.finish(b, m, version, optional)
	if err == nil && s.Type() == data.TypeStruct && m.shape == objectShape {
		x.done[m] = s
	}
	return s, err
}

func numberOf(m *model) (*data.Builder, error) {
	t, _ := m.props.StrOf(typeProp)
	switch t {
	case "":
		if m.shape == integerShape {
			return data.New(data.TypeInt64), nil
		}
		return data.New(data.TypeFloat64), nil
	case "int8", "int16", "int32", "int64", "float32", "float64", "bytes":
		for typ := data.TypeInt8; typ <= data.TypeBytes; typ++ {
			if typ.String() == t {
				return data.New(typ), nil
			}
		}
	}
	return nil, dataError("Unsupported type %s", t)
}

func (x *toConnect) enum(m *model) *data.Builder {
	b := data.New(data.TypeString).Param(x.enumParam(), "")
	for i, v := range m.values {
		symbol := nullMarker
		switch {
		case v.Kind == jsontree.String:
			symbol = v.Text
		case !v.IsNull():
			symbol = v.String()
		}
		value := symbol
		if x.SumTypes {
			value = strconv.Itoa(i)
		}
		b.Param(x.enumParam()+"."+symbol, value)
	}
	return b
}

// combined handles what is no union of its own; done is false for a union.
func (x *toConnect) combined(m *model, version int, optional bool) (s *data.Schema, done bool, err error) {
	switch {
	case len(m.parts) == 1 && x.FlattenSingleton:
		s, err = x.schema(m.parts[0], 0, false)
		return s, true, err
	case m.criterion == "allOf":
		s, err = x.allOf(m, version, optional)
		return s, true, err
	case len(m.parts) == 2:
		for i, p := range m.parts {
			if p.shape == nullShape {
				s, err = x.schema(m.parts[1-i], version, true)
				return s, true, err
			}
		}
	}
	return nil, false, nil
}

func (x *toConnect) union(m *model) (*data.Builder, error) {
	name, prefix := jsonOneOf, jsonOneOf+".field."
	if x.SumTypes {
		name, prefix = sumPrefix+strconv.Itoa(x.unions), sumField
		x.unions++
	}
	b := data.NewStruct().Name(name)
	if x.SumTypes {
		b.Param(sumUnion, name)
	}
	parts := slices.Clone(m.parts)
	slices.SortStableFunc(parts, func(a, b *model) int {
		rank := map[bool]int{true: 0, false: 1}
		return rank[a.shape == combinedShape] - rank[b.shape == combinedShape]
	})
	index := 0
	for _, p := range parts {
		if p.shape == nullShape {
			b.Optional()
			continue
		}
		field := prefix + strconv.Itoa(index)
		s, err := x.schema(p, 0, true)
		if err != nil {
			return nil, within(field, err)
		}
		b.Field(field, s)
		index++
	}
	return b, nil
}

func (x *toConnect) array(m *model) (*data.Builder, error) {
	if m.items == nil {
		return nil, dataError("Array schema did not specify the items type")
	}
	if t, _ := m.props.StrOf(typeProp); t != "map" || m.items.shape != objectShape {
		items, err := x.schema(m.items, 0, false)
		if err != nil {
			return nil, err
		}
		return data.NewArray(items), nil
	}
	var parts [2]*data.Schema
	for _, p := range m.items.properties {
		at := slices.Index([]string{keyField, valueField}, p.name)
		if at < 0 {
			continue
		}
		var err error
		if parts[at], err = x.schema(p.model, 0, false); err != nil {
			return nil, err
		}
	}
	if parts[0] == nil || parts[1] == nil {
		return nil, dataError("the entries of a map have no key or no value")
	}
	return data.NewMap(parts[0], parts[1]), nil
}

func (x *toConnect) object(m *model) (*data.Builder, error) {
	if t, _ := m.props.StrOf(typeProp); t == "map" {
		if m.additional == nil {
			return nil, dataError("a map has no schema of its values")
		}
		values, err := x.schema(m.additional, 0, false)
		if err != nil {
			return nil, err
		}
		return data.NewMap(data.New(data.TypeString).Build(), values), nil
	}
	b := data.NewStruct()
	for _, p := range m.ordered() {
		optional := x.OptionalMissing && !slices.Contains(m.required, p.name)
		s, err := x.schema(p.model, 0, optional)
		if err != nil {
			return nil, within(p.name, err)
		}
		b.Field(p.name, s)
	}
	return b, nil
}

// ordered are the properties by connect.index. One without it gets the number
// of those before it, and of two with the same index the later stays, as in Java.
func (m *model) ordered() []property {
	byIndex := map[int]property{}
	var indexes []int
	for _, p := range m.properties {
		index := len(byIndex)
		if n, ok := p.model.props.Get(indexProp); ok {
			i, _ := n.Int64()
			index = int(i)
		}
		if _, taken := byIndex[index]; !taken {
			indexes = append(indexes, index)
		}
		byIndex[index] = p
	}
	slices.Sort(indexes)
	out := make([]property, len(indexes))
	for i, index := range indexes {
		out[i] = byIndex[index]
	}
	return out
}

// allOf joins the properties of its parts, or takes the part that says most.
func (x *toConnect) allOf(m *model, version int, optional bool) (*data.Schema, error) {
	joined := &model{shape: objectShape}
	collect(joined, m, map[*model]bool{})
	if len(joined.properties) > 0 {
		b := data.NewStruct()
		for _, p := range joined.properties {
			missing := x.OptionalMissing && !slices.Contains(joined.required, p.name)
			s, err := x.schema(p.model, 0, missing)
			if err != nil {
				return nil, within(p.name, err)
			}
			b.Field(p.name, s)
		}
		if optional {
			b.Optional()
		}
		return b.Build(), nil
	}
	var enum, konst, number, text, inner, ref *model
	for _, p := range m.parts {
		switch {
		case p.shape == enumShape && p.constOrEnum == "const":
			konst = p
		case p.shape == enumShape:
			enum = p
		case p.shape == numberShape || p.shape == integerShape:
			number = p
		case p.shape == stringShape:
			text = p
		case p.shape == combinedShape:
			inner = p
		case p.shape == refShape:
			ref = p
		}
	}
	var chosen *model
	switch {
	case inner != nil:
		chosen = inner
	case konst != nil && text != nil:
		chosen = text
	case konst != nil || enum != nil && text == nil:
		chosen = number
	case enum != nil:
		chosen = enum
	case text != nil && text.formatted && number != nil:
		chosen = number
	case text != nil && text.formatted:
		chosen = text
	case ref != nil:
		chosen = ref
	}
	if chosen == nil {
		return nil, dataError("Unsupported criterion allOf")
	}
	return x.schema(chosen, version, optional)
}

func collect(into, m *model, seen map[*model]bool) {
	if seen[m] {
		return
	}
	seen[m] = true
	switch m.shape {
	case combinedShape:
		for _, p := range m.parts {
			if m.criterion == "allOf" {
				collect(into, p, seen)
			}
		}
	case refShape:
		collect(into, m.target, seen)
	case objectShape:
		for _, p := range m.properties {
			if at := slices.IndexFunc(into.properties, func(q property) bool { return q.name == p.name }); at >= 0 {
				into.properties[at] = p
			} else {
				into.properties = append(into.properties, p)
			}
		}
		into.required = append(into.required, m.required...)
	}
}

func (x *toConnect) finish(b *data.Builder, m *model, version int, optional bool) (*data.Schema, error) {
	if m.title != "" && b.Peek().Name() == "" {
		b.Name(m.title)
	}
	if v, ok := m.props.Get(versionProp); ok {
		i, _ := v.Int64()
		version = int(i)
		b.Version(version)
	} else if version != 0 {
		b.Version(version)
	}
	if m.doc != "" {
		b.Doc(m.doc)
	}
	if params, ok := m.props.Get(paramsProp); ok {
		for _, p := range params.Members {
			b.Param(p.Name, p.Value.Text)
		}
	}
	if m.def != nil {
		v, err := value(&data.Arena{}, b.Peek(), *m.def)
		if err != nil {
			return nil, err
		}
		if !v.IsNull() {
			b.Default(v)
		}
	}
	if optional {
		b.Optional()
	}
	return b.TryBuild()
}
