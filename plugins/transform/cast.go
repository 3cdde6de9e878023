package transform

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func castDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "spec", Type: configdef.List, Importance: configdef.High,
			Validate: configdef.ValidatorFunc("list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>",
				func(name string, value any, _ *configdef.Values) error {
					list, _ := value.([]string)
					_, err := parseCasts(list)
					return err
				}),
			Doc: "List of fields and the type to cast them to of the form field1:type,field2:type to cast fields of Maps or Structs. " +
				"A single type to cast the entire value. Valid types are int8, int16, int32, int64, float32, float64, boolean, and string. " +
				"Note that binary fields can only be cast to string."},
		replaceNullKey(),
	)
}

// casts says what to cast: the whole value, or fields by name.
type casts struct {
	whole  bool
	target data.Type
	fields map[string]data.Type
}

const castTypes = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"

func parseCasts(spec []string) (casts, error) {
	c := casts{fields: map[string]data.Type{}}
	if len(spec) == 0 {
		return c, &configdef.Error{Name: "spec", Message: "Must specify at least one field to cast."}
	}
	for _, mapping := range spec {
		parts := splitPair(mapping)
		if len(parts) > 2 {
			return c, configdef.Invalid("spec", spec, "Invalid cast: "+mapping)
		}
		t, err := castTarget(strings.TrimSpace(parts[len(parts)-1]))
		if err != nil {
			return c, err
		}
		if len(parts) == 1 {
			c.whole, c.target = true, t
		} else {
			c.fields[strings.TrimSpace(parts[0])] = t
		}
	}
	if c.whole && len(spec) > 1 {
		return c, &configdef.Error{Name: "spec", Message: "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec"}
	}
	return c, nil
}

// splitPair cuts at colons and drops empty parts at the end, as Java's String.split does.
func splitPair(mapping string) []string {
	parts := strings.Split(mapping, ":")
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func castTarget(name string) (data.Type, error) {
	for t := data.TypeInt8; t <= data.TypeStruct; t++ {
		if t.EnumName() != strings.ToUpper(name) {
			continue
		}
		if t > data.TypeString {
			return 0, &configdef.Error{Name: "spec", Message: fmt.Sprintf(
				"Cast transformation does not support casting to %s; supported types are %s", t.EnumName(), castTypes)}
		}
		return t, nil
	}
	return 0, &configdef.Error{Name: "spec", Message: "Invalid type found in casting spec: " + name}
}

// cast changes the type of a value or of fields.
type cast struct {
	closer
	side        side
	casts       casts
	withDefault bool
	schemas     plans[*data.Schema]
}

func newCast(v *configdef.Values, s side) (connect.Transform, error) {
	c, err := parseCasts(v.List("spec"))
	return &cast{side: s, casts: c, withDefault: v.Bool(replaceNull)}, err
}

// Apply implements connect.Transform.
func (c *cast) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := c.side.get(r)
	if v.IsNull() {
		return true, nil
	}
	var target *data.Schema
	var err error
	if schema != nil {
		if target, err = c.schemas.get(schema, c.schema); err != nil {
			return false, err
		}
	}
	switch {
	case c.casts.whole:
		v, err = castValue(schema, v, c.casts.target)
	case schema != nil:
		v, err = c.castStruct(a, v, target)
	default:
		v, err = c.castMap(v)
	}
	if err != nil {
		return false, err
	}
	c.side.set(r, target, v)
	return true, nil
}

func (c *cast) castStruct(a *data.Arena, v data.Value, target *data.Schema) (data.Value, error) {
	st, err := requireStruct(v, "cast types")
	if err != nil {
		return v, err
	}
	out := a.Struct(target)
	for i, f := range st.Schema().Fields() {
		x := fieldValue(st, i, c.withDefault)
		if t, ok := c.casts.fields[f.Name]; ok {
			if x, err = castValue(f.Schema, x, t); err != nil {
				return v, fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
		out.Set(i, x)
	}
	return data.StructOf(out), nil
}

func (c *cast) castMap(v data.Value) (data.Value, error) {
	m, err := requireMap(v, "cast types")
	if err != nil {
		return v, err
	}
	out := copyMap(m)
	for name, t := range c.casts.fields {
		x, err := castValue(nil, mapGet(m, name), t)
		if err != nil {
			return v, fmt.Errorf("field %s: %w", name, err)
		}
		out.Put(data.String(name), x)
	}
	return data.MapOf(out), nil
}

// schema works out the schema that values have after the cast.
func (c *cast) schema(s *data.Schema) (*data.Schema, error) {
	if c.casts.whole && s.Logical() != data.LogicalNone { // the name would belie the new type
		return castSchema(data.New(c.casts.target), s, c.casts.target)
	}
	if c.casts.whole {
		return castSchema(data.Like(s, c.casts.target), s, c.casts.target)
	}
	b := data.Like(s, data.TypeStruct)
	for _, f := range s.Fields() {
		field := f.Schema
		if t, ok := c.casts.fields[f.Name]; ok {
			var err error
			if field, err = castSchema(data.New(t), f.Schema, t); err != nil {
				return nil, err
			}
		}
		b.Field(f.Name, field)
	}
	if s.Optional() {
		b.Optional()
	}
	return b.Build(), nil
}

func castSchema(b *data.Builder, from *data.Schema, t data.Type) (*data.Schema, error) {
	if from.Optional() {
		b.Optional()
	}
	if def, ok := from.Default(); ok {
		v, err := castValue(from, def, t)
		if err != nil {
			return nil, err
		}
		b.Default(v)
	}
	return b.Build(), nil
}

func castValue(s *data.Schema, v data.Value, t data.Type) (data.Value, error) {
	switch v.Kind() {
	case data.KindNull:
		return v, nil
	case data.KindArray, data.KindMap, data.KindStruct:
		return v, dataError("Cast transformation does not support casting from %s; supported types are "+
			"[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]", strings.ToUpper(kindName(v.Kind())))
	}
	if t == data.TypeString {
		return data.String(string(data.AppendLiteral(nil, s, v))), nil
	}
	if v.Kind() == data.KindBytes {
		return castDecimal(s, v, t)
	}
	switch t {
	case data.TypeFloat32, data.TypeFloat64:
		f, err := toFloat(v)
		if t == data.TypeFloat32 {
			return data.Float32(float32(f)), err
		}
		return data.Float64(f), err
	case data.TypeBoolean:
		return toBoolean(v), nil
	}
	return toInt(v, t)
}

func kindName(k data.Kind) string {
	for t := data.TypeInt8; t <= data.TypeStruct; t++ {
		if t.Kind() == k {
			return t.String()
		}
	}
	return "null"
}

func outOfRange(v data.Value) error {
	return dataError("Value (%s) was out of range for requested data type", data.AppendText(nil, nil, v))
}

func toFloat(v data.Value) (float64, error) {
	switch v.Kind() {
	case data.KindBoolean:
		if v.Bool() {
			return 1, nil
		}
		return 0, nil
	case data.KindString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		if err != nil && !math.IsInf(f, 0) {
			return 0, outOfRange(v)
		}
		return f, nil
	case data.KindFloat32, data.KindFloat64:
		return v.Float(), nil
	}
	return float64(v.Int()), nil
}

func toBoolean(v data.Value) data.Value {
	switch v.Kind() {
	case data.KindBoolean:
		return v
	case data.KindString:
		return data.Boolean(strings.EqualFold(v.Str(), "true"))
	case data.KindFloat32, data.KindFloat64:
		return data.Boolean(saturate(v.Float(), math.MinInt64, math.MaxInt64) != 0)
	}
	return data.Boolean(v.Int() != 0)
}

// toInt narrows a number as Java does: integers lose their upper bits, floats
// stop at the ends of the range of int, or of long for an INT64.
func toInt(v data.Value, t data.Type) (data.Value, error) {
	switch v.Kind() {
	case data.KindBoolean:
		if v.Bool() {
			return data.Integer(t, 1), nil
		}
		return data.Integer(t, 0), nil
	case data.KindString:
		i, err := strconv.ParseInt(v.Str(), 10, bitsOf(t))
		if err != nil {
			return v, outOfRange(v)
		}
		return data.Integer(t, i), nil
	case data.KindFloat32, data.KindFloat64:
		if t == data.TypeInt64 {
			return data.Integer(t, saturate(v.Float(), math.MinInt64, math.MaxInt64)), nil
		}
		return data.Integer(t, saturate(v.Float(), math.MinInt32, math.MaxInt32)), nil
	}
	return data.Integer(t, v.Int()), nil
}

func bitsOf(t data.Type) int { return 8 << (t - data.TypeInt8) }

func saturate(f float64, low, high int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(low):
		return low
	case f >= float64(high):
		return high
	}
	return int64(f)
}

// castDecimal turns a Decimal into a number; other bytes become text only.
func castDecimal(s *data.Schema, v data.Value, t data.Type) (data.Value, error) {
	if s == nil || s.Logical() != data.LogicalDecimal {
		return v, dataError("Unexpected type in Cast transformation: class %s", className(v))
	}
	scale, err := s.Scale()
	if err != nil {
		return v, dataError("%w", err)
	}
	text := string(data.AppendDecimalPlain(nil, v.Raw(), scale))
	whole, _, _ := strings.Cut(text, ".")
	i, _ := new(big.Int).SetString(whole, 10)
	low := int64(new(big.Int).And(i, new(big.Int).SetUint64(math.MaxUint64)).Uint64())
	switch t {
	case data.TypeFloat32, data.TypeFloat64, data.TypeBoolean:
		f, _ := strconv.ParseFloat(text, 64)
		if t == data.TypeBoolean {
			return data.Boolean(low != 0), nil
		}
		return castValue(nil, data.Float64(f), t)
	}
	return data.Integer(t, low), nil
}
