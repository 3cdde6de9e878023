package debezium

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// The values of delete.tombstone.handling.mode.
const (
	modeDrop             = "drop"
	modeTombstone        = "tombstone"
	modeRewrite          = "rewrite"
	modeRewriteTombstone = "rewrite-with-tombstone"
	modeToTombstone      = "delete-to-tombstone"
)

func unwrapDef() *configdef.Def {
	const added = "Example: 'version,connector,source.ts_ms' would add __version, __connector and __source_ts_ms fields. " +
		"Optionally one can also map new field name like version:VERSION,connector:CONNECTOR,source.ts_ms:EVENT_TIMESTAMP." +
		"Please note that the new field name is case-sensitive."
	return configdef.New(
		configdef.Key{Name: "delete.tombstone.handling.mode", Type: configdef.String, Default: configdef.Text(modeTombstone),
			Importance: configdef.Medium, Order: 1, Width: configdef.WidthMedium, DisplayName: "Handle delete and tombstone records",
			Validate: oneOf(modeDrop, modeTombstone, modeRewrite, modeRewriteTombstone, modeToTombstone),
			Doc: "How to handle delete records. Options are: " +
				"drop - Remove the delete event and tombstone from the stream." +
				"tombstone (default) - For each delete event, leave only a tombstone in the stream." +
				"rewrite - Remove tombstone from the record, and add a `__deleted` field with the value `true`." +
				"rewrite-with-tombstone - Retain tombstone in record and add a `__deleted` field with the value `true`." +
				"delete-to-tombstone - Convert delete events to tombstone events and drop tombstone events."},
		configdef.Key{Name: "route.by.field", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthLong, DisplayName: "Route by field name",
			Doc: "The column which determines how the events will be routed, the value will replace the topic name."},
		configdef.Key{Name: "add.fields.prefix", Type: configdef.String, Default: configdef.Text("__"), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthShort, DisplayName: "Field prefix to be added to each field.", Doc: "Adds this prefix to each field listed."},
		configdef.Key{Name: "add.fields", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthLong, DisplayName: "Adds the specified field(s) to the message if they exist.",
			Doc: "Adds each field listed, prefixed with __ (or __<struct>_ if the struct is specified). " + added},
		configdef.Key{Name: "add.headers.prefix", Type: configdef.String, Default: configdef.Text("__"), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthShort, DisplayName: "Header prefix to be added to each header.", Doc: "Adds this prefix listed to each header."},
		configdef.Key{Name: "add.headers", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthLong, DisplayName: "Adds the specified fields to the header if they exist.",
			Doc: "Adds each field listed to the header,  __ (or __<struct>_ if the struct is specified). " + added},
		configdef.Key{Name: "drop.fields.header.name", Type: configdef.String, NullDefault: true, Importance: configdef.Low, Order: 1,
			Width: configdef.WidthShort, DisplayName: "Specifies a header that contains a list of field names to be removed",
			Doc: "Specifies the name of a header that contains a list of fields to be removed from the event value."},
		configdef.Key{Name: "drop.fields.from.key", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low, Order: 1,
			Width: configdef.WidthShort, DisplayName: "Specifies whether the fields to be dropped should also be omitted from the key",
			Doc: "Specifies whether to apply the drop fields behavior to the event key as well as the value. " +
				"Default behavior is to only remove fields from the event value, not the key."},
		configdef.Key{Name: "drop.fields.keep.schema.compatible", Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.Low,
			Order: 1, Width: configdef.WidthShort, DisplayName: "Specifies if fields are dropped, will the event's schemas be compatible",
			Doc: "Controls the output event's schema compatibility when using the drop fields feature. " +
				"`true`: dropped fields are removed if the schema indicates its optional leaving the schemas unchanged, " +
				"`false`: dropped fields are removed from the key/value schemas, regardless of optionality."},
	)
}

// unwrap is ExtractNewRecordState: a change event becomes the state of its row,
// with fields and headers taken from the event.
type unwrap struct {
	closer
	mode            string
	routeBy         string
	fields, headers []reference
	replaceNull     bool // replace.null.with.default, which Debezium keeps off its list
	dropHeader      string
	dropFromKey     bool
	keepCompatible  bool

	text     *data.Schema
	plans    cache[planKey, *unwrapPlan]
	narrowed cache[narrowKey, *selection]
}

// planKey names what the new schema follows from.
type planKey struct{ envelope, row *data.Schema }

func newUnwrap(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	replaceNull, given := v.Original("replace.null.with.default")
	u := &unwrap{
		mode: strings.ToLower(v.String("delete.tombstone.handling.mode")), routeBy: v.String("route.by.field"),
		replaceNull: !given || strings.EqualFold(strings.TrimSpace(replaceNull), "true"),
		dropHeader:  v.String("drop.fields.header.name"), dropFromKey: v.Bool("drop.fields.from.key"),
		keepCompatible: v.Bool("drop.fields.keep.schema.compatible"),
		text:           data.New(data.TypeString).Build(),
	}
	var err error
	if u.fields, err = parseReferences("add.fields", v); err != nil {
		return nil, err
	}
	u.headers, err = parseReferences("add.headers", v)
	return u, err
}

// reference names a field of the envelope or of a struct in it, and the name
// that its copy gets.
type reference struct{ parent, field, name string }

// parseReferences reads a list of "field", "struct.field" and "field:name".
// A field of no named struct is one of the envelope if that has such a field by
// its nature, of the transaction, or else of the source.
func parseReferences(property string, v *configdef.Values) ([]reference, error) {
	prefix := v.String(property + ".prefix")
	var out []reference
	for _, text := range v.List(property) {
		from, name, renamed := strings.Cut(text, ":")
		if text == "" || strings.Contains(name, ":") {
			return nil, invalid(property, v.List(property), "Unexpected field name: "+text)
		}
		parent, field, nested := strings.Cut(from, ".")
		if nested {
			field, _, _ = strings.Cut(field, ".")
		} else {
			parent, field = parentOf(from), from
		}
		switch {
		case renamed:
		case nested:
			name = parent + "_" + field
		default:
			name = field
		}
		out = append(out, reference{parent, field, prefix + name})
	}
	return out, nil
}

func parentOf(field string) string {
	switch field {
	case "id", "data_collection_order", "total_order":
		return "transaction"
	case "op", "ts_ms", "ts_us", "ts_ns":
		return ""
	case "updateDescription":
		return "updateDescription"
	}
	return "source"
}

// schema finds the field that a reference means, looking into the envelope
// itself when the struct does not have it; nil when there is none.
func (f reference) schema(envelope *data.Schema) *data.Schema {
	if f.parent != "" {
		parent := envelope.Field(f.parent)
		if parent != nil && parent.Schema.Type() == data.TypeStruct {
			if field := parent.Schema.Field(f.field); field != nil {
				return field.Schema
			}
		}
	}
	if field := envelope.Field(f.field); field != nil {
		return field.Schema
	}
	return nil
}

func (f reference) value(envelope *data.Struct) data.Value {
	if f.parent == "" {
		return member(envelope, f.field)
	}
	parent := member(envelope, f.parent).Struct()
	if parent == nil {
		return data.Null()
	}
	if parent.Schema().Field(f.field) != nil {
		return member(parent, f.field)
	}
	return member(envelope, f.field)
}

// optionalCopy is a schema without its default, optional.
func optionalCopy(s *data.Schema) *data.Schema {
	if s.Type() == data.TypeStruct {
		return data.From(s).Optional().Build()
	}
	return data.Like(s, s.Type()).Optional().Build()
}

// unwrapPlan is what a row becomes.
type unwrapPlan struct {
	schema  *data.Schema // row, __deleted, added fields
	width   int          // number of the row's fields
	marked  bool         // has __deleted
	fields  []reference  // those that the envelope has
	headers []connect.Header
	refs    []reference // of headers
}

func (u *unwrap) plan(envelope, row *data.Schema) (*unwrapPlan, error) {
	return u.plans.get(planKey{envelope, row}, func() (*unwrapPlan, error) {
		p := &unwrapPlan{width: len(row.Fields()), marked: u.mode == modeRewrite || u.mode == modeRewriteTombstone}
		b := data.Like(row, data.TypeStruct)
		for _, f := range row.Fields() {
			b.Field(f.Name, f.Schema)
		}
		if p.marked {
			b.Field("__deleted", data.New(data.TypeString).Optional().Build())
		}
		for _, f := range u.fields {
			if s := f.schema(envelope); s != nil {
				b.Field(f.name, optionalCopy(s))
				p.fields = append(p.fields, f)
			}
		}
		for _, f := range u.headers {
			if s := f.schema(envelope); s != nil {
				p.headers = append(p.headers, connect.Header{Key: f.name, Schema: optionalCopy(s)})
				p.refs = append(p.refs, f)
			}
		}
		var err error
		p.schema, err = build(b)
		return p, err
	})
}

// Apply implements connect.Transform.
func (u *unwrap) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if r.Value.IsNull() {
		u.tombstoneHeaders(r)
		return u.mode == modeRewriteTombstone, nil
	}
	if !isEnvelope(r) {
		return true, nil
	}
	envelope := r.Value.Struct()
	before, after := member(envelope, "before").Struct(), member(envelope, "after").Struct()
	row, deleted := after, after == nil
	switch {
	case deleted && before == nil: // a truncation
		return false, nil
	case deleted && u.mode == modeDrop:
		return false, nil
	case deleted:
		row = before
	}
	p, err := u.plan(envelope.Schema(), row.Schema())
	if err != nil {
		return false, err
	}
	u.addHeaders(r, p, envelope)
	if err := u.route(r, row); err != nil {
		return false, err
	}
	if deleted && !p.marked {
		u.toTombstone(r, envelope)
		return true, u.dropFields(a, r)
	}
	r.ValueSchema, r.Value = p.schema, data.StructOf(u.unwrapped(a, p, row, envelope, deleted))
	return true, u.dropFields(a, r)
}

// tombstoneHeaders marks a tombstone as a deletion where headers tell the operation.
func (u *unwrap) tombstoneHeaders(r *connect.Record) {
	for _, f := range u.headers {
		if f.field == "op" {
			r.Headers = append(slices.Clip(r.Headers), connect.Header{Key: f.name, Schema: u.text, Value: data.String("d")})
		}
	}
}

func (u *unwrap) addHeaders(r *connect.Record, p *unwrapPlan, envelope *data.Struct) {
	if len(p.headers) == 0 {
		return
	}
	r.Headers = append(slices.Clip(r.Headers), p.headers...)
	added := r.Headers[len(r.Headers)-len(p.headers):]
	for i := range added {
		added[i].Value = p.refs[i].value(envelope)
	}
}

// route makes the topic what a column of the row says.
func (u *unwrap) route(r *connect.Record, row *data.Struct) error {
	if u.routeBy == "" {
		return nil
	}
	f := row.Schema().Field(u.routeBy)
	switch {
	case f == nil:
		return dataError("%s is not a valid field name", u.routeBy)
	case f.Schema.Type() != data.TypeString:
		return dataError("Field '%s' is not of type STRING", u.routeBy)
	}
	if topic := row.At(f.Index).Str(); strings.TrimSpace(topic) != "" {
		r.Topic = topic
	}
	return nil
}

// toTombstone leaves null: with the schema of the row, or with none.
func (u *unwrap) toTombstone(r *connect.Record, envelope *data.Struct) {
	r.Value = data.Null()
	r.ValueSchema = nil
	if after := envelope.Schema().Field("after"); after != nil && u.mode != modeToTombstone {
		r.ValueSchema = after.Schema
	}
}

func (u *unwrap) unwrapped(a *data.Arena, p *unwrapPlan, row, envelope *data.Struct, deleted bool) *data.Struct {
	out := a.Struct(p.schema)
	for i := range p.width {
		v := row.At(i)
		if p.marked && u.replaceNull {
			v = orDefault(row, i)
		}
		out.Set(i, v)
	}
	at := p.width
	if p.marked {
		mark := "false"
		if deleted {
			mark = "true"
		}
		out.Set(at, data.String(mark))
		at++
	}
	for i, f := range p.fields {
		out.Set(at+i, f.value(envelope))
	}
	return out
}

// narrowKey names a schema and the fields that a header wants removed from it.
type narrowKey struct {
	schema *data.Schema
	names  string
}

// selection is a struct schema made of some fields of another.
type selection struct {
	schema *data.Schema
	from   []int
}

// dropFields removes the fields that a header of the record lists.
func (u *unwrap) dropFields(a *data.Arena, r *connect.Record) error {
	if strings.TrimSpace(u.dropHeader) == "" {
		return nil
	}
	i := slices.IndexFunc(r.Headers, func(h connect.Header) bool { return h.Key == u.dropHeader })
	if i < 0 || len(r.Headers[i].Value.Elems()) == 0 {
		return nil
	}
	var names []string
	for _, e := range r.Headers[i].Value.Elems() {
		names = append(names, e.Str())
	}
	var err error
	if u.dropFromKey && r.Key.Struct() != nil {
		if r.KeySchema, r.Key, err = u.narrow(a, r.KeySchema, r.Key.Struct(), names); err != nil {
			return err
		}
	}
	if r.Value.Struct() != nil {
		r.ValueSchema, r.Value, err = u.narrow(a, r.ValueSchema, r.Value.Struct(), names)
	}
	return err
}

func (u *unwrap) narrow(a *data.Arena, s *data.Schema, st *data.Struct, names []string) (*data.Schema, data.Value, error) {
	sel, err := u.narrowed.get(narrowKey{s, strings.Join(names, ",")}, func() (*selection, error) { return u.without(s, names) })
	if err != nil || sel == nil {
		return s, data.StructOf(st), err
	}
	out := a.Struct(sel.schema)
	for i, from := range sel.from {
		out.Set(i, orDefault(st, from))
	}
	return sel.schema, data.StructOf(out), nil
}

// without leaves fields out of a schema; nil when none of them goes.
func (u *unwrap) without(s *data.Schema, names []string) (*selection, error) {
	sel := &selection{}
	b := data.Like(s, data.TypeStruct)
	for i, f := range s.Fields() {
		if slices.Contains(names, f.Name) && (f.Schema.Optional() || !u.keepCompatible) {
			continue
		}
		b.Field(f.Name, f.Schema)
		sel.from = append(sel.from, i)
	}
	if len(sel.from) == len(s.Fields()) {
		return nil, nil
	}
	var err error
	sel.schema, err = build(b)
	return sel, err
}
