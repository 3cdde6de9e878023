package transform

import (
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func timestampConverterDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "field", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.High,
			Doc: "The field containing the timestamp, or empty if the entire value is a timestamp"},
		configdef.Key{Name: "target.type", Type: configdef.String, Importance: configdef.High,
			Validate: configdef.OneOf("string", "unix", "Date", "Time", "Timestamp"),
			Doc:      "The desired timestamp representation: string, unix, Date, Time, or Timestamp"},
		configdef.Key{Name: "format", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Medium,
			Doc: "A SimpleDateFormat-compatible format for the timestamp. Used to generate the output when type=string " +
				"or used to parse the input if the input is a string."},
		configdef.Key{Name: "unix.precision", Type: configdef.String, Default: configdef.Text("milliseconds"), Importance: configdef.Low,
			Validate: configdef.OneOf("nanoseconds", "microseconds", "milliseconds", "seconds"),
			Doc: "The desired Unix precision for the timestamp: seconds, milliseconds, microseconds, or nanoseconds. " +
				"Used to generate the output when type=unix or used to parse the input if the input is a Long." +
				"Note: This SMT will cause precision loss during conversions from, and to, values with sub-millisecond components."},
		replaceNullKey(),
	)
}

// timestampConverter turns a timestamp into another form. In between it is a
// number of milliseconds since 1970.
type timestampConverter struct {
	closer
	side        side
	field       string
	target      string
	format      *dateFormat
	precision   string
	withDefault bool
	plans       plans[*data.Schema]
}

func newTimestampConverter(v *configdef.Values, s side) (connect.Transform, error) {
	t := &timestampConverter{side: s, field: v.String("field"), target: v.String("target.type"),
		precision: v.String("unix.precision"), withDefault: v.Bool(replaceNull)}
	pattern := v.String("format")
	if strings.TrimSpace(pattern) == "" {
		if t.target == "string" {
			return nil, &configdef.Error{Name: "format", Message: "TimestampConverter requires format option to be specified when using string timestamps"}
		}
		return t, nil
	}
	f, err := parseDateFormat(pattern)
	if err != nil {
		return nil, &configdef.Error{Name: "format",
			Message: "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: " + pattern + ": " + err.Error()}
	}
	t.format = &f
	return t, nil
}

// Apply implements connect.Transform.
func (t *timestampConverter) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	schema, v := t.side.get(r)
	var err error
	switch {
	case schema == nil && (v.IsNull() || t.field == ""):
		v, err = t.convert(nil, v)
	case schema == nil:
		v, err = t.convertMap(v)
	case t.field == "":
		if v, err = t.convert(schema, v); err == nil {
			schema, err = t.plans.get(schema, func(s *data.Schema) (*data.Schema, error) { return t.targetSchema(s.Optional()), nil })
		}
	default:
		schema, v, err = t.convertStruct(a, schema, v)
	}
	if err != nil {
		return false, err
	}
	t.side.set(r, schema, v)
	return true, nil
}

func (t *timestampConverter) targetSchema(optional bool) *data.Schema {
	b := map[string]*data.Builder{
		"string": data.New(data.TypeString), "unix": data.New(data.TypeInt64),
		"Date": data.NewDate(), "Time": data.NewTime(), "Timestamp": data.NewTimestamp(),
	}[t.target]
	if optional {
		b.Optional()
	}
	return b.Build()
}

func (t *timestampConverter) convertMap(v data.Value) (data.Value, error) {
	m, err := requireMap(v, "converting timestamp formats")
	if err != nil {
		return v, err
	}
	x, err := t.convert(nil, mapGet(m, t.field))
	if err != nil {
		return v, err
	}
	out := copyMap(m)
	out.Put(data.String(t.field), x)
	return data.MapOf(out), nil
}

func (t *timestampConverter) convertStruct(a *data.Arena, s *data.Schema, v data.Value) (*data.Schema, data.Value, error) {
	target, err := t.plans.get(s, t.structSchema)
	if err != nil || v.IsNull() {
		return target, v, err
	}
	st, err := requireStruct(v, "converting timestamp formats")
	if err != nil {
		return nil, v, err
	}
	out := a.Struct(target)
	err = t.fill(out, st)
	return target, data.StructOf(out), err
}

func (t *timestampConverter) fill(out, st *data.Struct) error {
	for i, f := range st.Schema().Fields() {
		x := fieldValue(st, i, t.withDefault)
		if f.Name == t.field {
			var err error
			if x, err = t.convert(f.Schema, x); err != nil {
				return err
			}
		}
		out.Set(i, x)
	}
	return nil
}

func (t *timestampConverter) structSchema(s *data.Schema) (*data.Schema, error) {
	b := data.Like(s, data.TypeStruct)
	for _, f := range s.Fields() {
		if f.Name == t.field {
			b.Field(f.Name, t.targetSchema(f.Schema.Optional()))
		} else {
			b.Field(f.Name, f.Schema)
		}
	}
	if s.Optional() {
		b.Optional()
	}
	def, ok := s.Default()
	if !ok || def.Struct() == nil {
		return build(b)
	}
	plain := *b
	target, err := build(&plain)
	if err != nil {
		return nil, err
	}
	out := data.NewStructValue(target)
	if err := t.fill(out, def.Struct()); err != nil {
		return nil, err
	}
	return build(b.Default(data.StructOf(out)))
}

// convert turns a value of schema s, nil when there is none, into the target form.
func (t *timestampConverter) convert(s *data.Schema, v data.Value) (data.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	ms, err := t.millis(s, v)
	if err != nil {
		return v, err
	}
	const day = 24 * 60 * 60 * 1000
	days := ms / day
	if ms%day < 0 {
		days--
	}
	switch t.target {
	case "string":
		return data.String(t.format.format(time.UnixMilli(ms).UTC())), nil
	case "unix":
		return data.Int64(t.fromMillis(ms)), nil
	case "Date":
		return data.Int32(int32(days)), nil
	case "Time":
		return data.Int32(int32(ms - days*day)), nil
	}
	return data.Int64(ms), nil
}

// millis reads a value in whatever form it has.
func (t *timestampConverter) millis(s *data.Schema, v data.Value) (int64, error) {
	if s != nil {
		switch s.Logical() {
		case data.LogicalTimestamp, data.LogicalTime:
			return v.Int(), nil
		case data.LogicalDate:
			return v.Int() * 24 * 60 * 60 * 1000, nil
		}
		if s.Type() != data.TypeString && s.Type() != data.TypeInt64 {
			return 0, dataError("Schema of type %s does not correspond to a known timestamp type format", s.Type().EnumName())
		}
	}
	switch v.Kind() {
	case data.KindInt64:
		return t.toMillis(v.Int()), nil
	case data.KindString:
		if t.format == nil {
			return 0, dataError("Could not parse timestamp: value (%s): the format property is not set", v.Str())
		}
		at, err := t.format.parse(v.Str())
		if err != nil {
			return 0, dataError("Could not parse timestamp: value (%s) does not match pattern (%s)", v.Str(), t.format.pattern)
		}
		return at.UnixMilli(), nil
	}
	return 0, dataError("TimestampConverter does not support class %s objects as timestamps", className(v))
}

func (t *timestampConverter) toMillis(unix int64) int64 {
	switch t.precision {
	case "seconds":
		return unix * 1000
	case "microseconds":
		return unix / 1000
	case "nanoseconds":
		return unix / 1_000_000
	}
	return unix
}

func (t *timestampConverter) fromMillis(ms int64) int64 {
	switch t.precision {
	case "seconds":
		return ms / 1000
	case "microseconds":
		return ms * 1000
	case "nanoseconds":
		return ms * 1_000_000
	}
	return ms
}
