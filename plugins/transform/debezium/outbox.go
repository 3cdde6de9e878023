package debezium

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// outbox is EventRouter: an insert into an outbox table becomes the message
// that the row describes. Deletions are dropped.
type outbox struct {
	closer
	pc                                  connect.PluginContext
	id, key, payload, timestamp, routed string // names of columns
	versionField                        string
	extra                               []extraField
	ignoreMissing                       bool
	onUpdate                            string // warn, error or fatal
	tombstones                          bool   // an empty payload makes one
	regex                               *configdef.Regex
	replacement                         string
	expander                            *expander // nil unless payloads are expanded

	text     *data.Schema
	plans    cache[*data.Schema, *outboxPlan]
	values   cache[*data.Schema, *data.Schema] // by schema of the payload
	versions cache[int64, *data.Schema]
	topics   cache[string, string]
}

// extraField is a column that becomes a header, part of the envelope or the partition.
type extraField struct{ column, placement, alias string }

func newOutbox(v *configdef.Values, pc connect.PluginContext) (connect.Transform, error) {
	o := &outbox{pc: pc,
		id: v.String("table.field.event.id"), key: v.String("table.field.event.key"), payload: v.String("table.field.event.payload"),
		timestamp: v.String("table.field.event.timestamp"), routed: v.String("route.by.field"),
		versionField:  v.String("table.field.event.schema.version"),
		ignoreMissing: strings.EqualFold(v.String("table.field.additional.missing"), "ignore"),
		onUpdate:      strings.ToLower(v.String("table.op.invalid.behavior")),
		tombstones:    v.Bool("route.tombstone.on.empty.payload"),
		replacement:   v.String("route.topic.replacement"),
		text:          data.New(data.TypeString).Build(),
	}
	var err error
	if o.extra, err = parseExtra(v.List("table.fields.additional.placement")); err != nil {
		return nil, err
	}
	if o.regex, err = configdef.CompileRegex(v.String("route.topic.regex")); err != nil {
		return nil, invalid("route.topic.regex", v.String("route.topic.regex"), err.Error())
	}
	if v.Bool("table.expand.json.payload") {
		adjustment, _ := v.Original("field.name.adjustment.mode")
		o.expander = newExpander(strings.EqualFold(v.String("table.json.payload.null.behavior"), "optional_bytes"), adjustment)
	}
	return o, nil
}

func parseExtra(list []string) ([]extraField, error) {
	var out []extraField
	for _, text := range list {
		parts := strings.Split(text, ":")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		if len(parts) != 2 && len(parts) != 3 {
			return nil, invalid("table.fields.additional.placement", list,
				fmt.Sprintf("A comma-separated list of valid String pairs or trios is expected but got: [%s]", strings.Join(list, ", ")))
		}
		f := extraField{parts[0], strings.ToLower(parts[1]), parts[0]}
		if len(parts) == 3 {
			f.alias = parts[2]
		}
		if !slices.Contains([]string{"header", "envelope", "partition"}, f.placement) {
			return nil, invalid("table.fields.additional.placement", list, "A column can be placed in header, envelope or partition, not in "+parts[1])
		}
		out = append(out, f)
	}
	return out, nil
}

// outboxPlan says where the columns of an outbox table are; -1 for none.
type outboxPlan struct {
	row                             *data.Schema
	id, key, payload, at, to, versn int
	extra                           []int
	envelope                        bool // some column goes into the envelope
}

func (o *outbox) plan(row *data.Schema) (*outboxPlan, error) {
	return o.plans.get(row, func() (*outboxPlan, error) {
		p := &outboxPlan{row: row, id: row.FieldIndex(o.id), key: -1, payload: row.FieldIndex(o.payload), at: -1,
			to: row.FieldIndex(o.routed), versn: -1}
		switch {
		case p.payload < 0:
			return nil, dataError("Unable to find payload field %s in event", o.payload)
		case p.id < 0:
			return nil, dataError("Unable to find event-id field %s in event", o.id)
		case p.to < 0:
			return nil, dataError("%s is not a valid field name", o.routed)
		case row.Fields()[p.to].Schema.Type() != data.TypeString:
			return nil, dataError("Field '%s' is not of type STRING", o.routed)
		}
		for _, want := range []struct {
			column string
			index  *int
			kind   data.Type
		}{{o.key, &p.key, 0}, {o.timestamp, &p.at, data.TypeInt64}, {o.versionField, &p.versn, data.TypeInt32}} {
			if want.column == "" {
				continue
			}
			f := row.Field(want.column)
			switch {
			case f == nil:
				return nil, dataError("Unable to find field %s in event", want.column)
			case want.kind != 0 && f.Schema.Type() != want.kind:
				return nil, dataError("Field '%s' is not of type %s", want.column, want.kind.EnumName())
			}
			*want.index = f.Index
		}
		return p, o.planExtra(p)
	})
}

func (o *outbox) planExtra(p *outboxPlan) error {
	for _, f := range o.extra {
		i := p.row.FieldIndex(f.column)
		switch {
		case i < 0 && !o.ignoreMissing:
			return dataError("Unable to find field %s in event", f.column)
		case i >= 0 && f.placement == "partition" && p.row.Fields()[i].Schema.Type() != data.TypeInt32:
			return dataError("Field '%s' is not of type INT32", f.column)
		}
		p.extra = append(p.extra, i)
		p.envelope = p.envelope || f.placement == "envelope"
	}
	return nil
}

// Apply implements connect.Transform.
func (o *outbox) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if r.Value.IsNull() {
		return false, nil
	}
	if !isEnvelope(r) {
		return true, nil
	}
	event := r.Value.Struct()
	switch op := member(event, "op").Str(); op {
	case "d":
		return false, nil
	case "u":
		return false, o.unexpected(r)
	}
	row := member(event, "after").Struct()
	if row == nil {
		return false, dataError("Only Struct objects supported for [Read Outbox Event], found: null")
	}
	p, err := o.plan(row.Schema())
	if err != nil {
		return false, err
	}
	return true, o.emit(a, r, p, event, row)
}

// unexpected deals with an update of an outbox table.
func (o *outbox) unexpected(r *connect.Record) error {
	switch o.onUpdate {
	case "fatal":
		return fmt.Errorf("Unexpected update message received in topic %s, fail.", r.Topic)
	case "error":
		o.pc.Log().Error("Unexpected update message received and ignored", "topic", r.Topic)
	default:
		o.pc.Log().Warn("Unexpected update message received and ignored", "topic", r.Topic)
	}
	return nil
}

func (o *outbox) emit(a *data.Arena, r *connect.Record, p *outboxPlan, event, row *data.Struct) error {
	ts, err := o.eventTime(p, event, row)
	if err != nil {
		return err
	}
	payload := orDefault(row, p.payload)
	schema := p.row.Fields()[p.payload].Schema
	if o.expander != nil && !payload.IsNull() {
		schema, payload = o.expand(a, r, schema, payload)
	}
	headers := append(slices.Clip(r.Headers), connect.Header{Key: "id", Schema: p.row.Fields()[p.id].Schema, Value: orDefault(row, p.id)})
	partition := connect.NoPartition
	for i, f := range o.extra {
		at := p.extra[i]
		switch {
		case at < 0:
		case f.placement == "header":
			headers = append(headers, connect.Header{Key: f.alias, Schema: p.row.Fields()[at].Schema, Value: orDefault(row, at)})
		case f.placement == "partition" && !row.At(at).IsNull():
			partition = int32(row.At(at).Int())
		}
	}
	routed := row.At(p.to).Str()
	if p.envelope {
		if schema, payload, err = o.wrap(a, p, row, schema, payload, routed); err != nil {
			return err
		}
	}
	empty := o.isEmpty(row, p)
	if empty && o.tombstones {
		schema, payload = nil, data.Null()
	}
	topic, err := o.topic(routed)
	if err != nil {
		return err
	}
	r.Topic, r.Partition, r.Timestamp, r.Headers = topic, partition, ts, headers
	r.KeySchema, r.Key = o.text, data.Null()
	if p.key >= 0 {
		r.KeySchema, r.Key = p.row.Fields()[p.key].Schema, orDefault(row, p.key)
	}
	r.ValueSchema, r.Value = schema, payload
	return nil
}

func (o *outbox) isEmpty(row *data.Struct, p *outboxPlan) bool {
	v := orDefault(row, p.payload)
	return v.IsNull() || v.Kind() == data.KindString && strings.TrimFunc(v.Str(), func(c rune) bool { return c <= ' ' }) == ""
}

// eventTime is the time in a column, or that of the change event.
func (o *outbox) eventTime(p *outboxPlan, event, row *data.Struct) (int64, error) {
	if p.at < 0 || row.At(p.at).IsNull() {
		if v := member(event, "ts_ms"); !v.IsNull() {
			return v.Int(), nil
		}
		return connect.NoTimestamp, nil
	}
	t := row.At(p.at).Int()
	switch name := p.row.Fields()[p.at].Schema.Name(); name {
	case "io.debezium.time.Timestamp":
		return t, nil
	case "io.debezium.time.MicroTimestamp":
		return t / 1_000, nil
	case "io.debezium.time.NanoTimestamp":
		return t / 1_000_000, nil
	case "":
		return 0, dataError("Unsupported field type INT64 (without logical schema name) for event timestamp")
	default:
		return 0, dataError("Unsupported field type %s for event timestamp", name)
	}
}

// expand turns a payload that is JSON into a struct; anything else stays as it
// is, with a warning.
func (o *outbox) expand(a *data.Arena, r *connect.Record, s *data.Schema, v data.Value) (*data.Schema, data.Value) {
	if v.Kind() != data.KindString {
		o.pc.Log().Warn("Expand JSON payload is turned on but payload is not a string", "topic", r.Topic)
		return s, v
	}
	schema, value, err := o.expander.expand(a, o.payload, v.Str())
	if err != nil {
		o.pc.Log().Warn("JSON expansion failed", "topic", r.Topic, "error", err)
		return s, v
	}
	return schema, value
}

// wrap puts the payload into an envelope with the columns placed there. As in
// Debezium, the schema follows from that of the payload alone (or from the
// version): its name keeps the first aggregate type that came with it.
func (o *outbox) wrap(a *data.Arena, p *outboxPlan, row *data.Struct, payloadSchema *data.Schema, payload data.Value, routed string) (*data.Schema, data.Value, error) {
	var s *data.Schema
	var err error
	if p.versn < 0 {
		s, err = o.values.get(payloadSchema, func() (*data.Schema, error) { return build(o.envelope(p, payloadSchema, routed)) })
	} else {
		version := orDefault(row, p.versn).Int()
		s, err = o.versions.get(version, func() (*data.Schema, error) {
			return build(o.envelope(p, payloadSchema, routed).Version(int(version)))
		})
	}
	if err != nil {
		return nil, payload, err
	}
	if s.Fields()[0].Schema != payloadSchema && !s.Fields()[0].Schema.Equal(payloadSchema) {
		return nil, payload, dataError("Struct schemas do not match: the payload has another schema than earlier ones of the same version")
	}
	out := a.Struct(s)
	out.Set(0, payload)
	at := 1
	for i, f := range o.extra {
		if f.placement == "envelope" && p.extra[i] >= 0 {
			out.Set(at, orDefault(row, p.extra[i]))
			at++
		}
	}
	return s, data.StructOf(out), nil
}

func (o *outbox) envelope(p *outboxPlan, payload *data.Schema, routed string) *data.Builder {
	b := data.NewStruct().Name(envelopeName(p.row.Name(), routed)).Field("payload", payload)
	for i, f := range o.extra {
		if f.placement == "envelope" && p.extra[i] >= 0 {
			b.Field(f.alias, p.row.Fields()[p.extra[i]].Schema)
		}
	}
	return b
}

// envelopeName puts the aggregate type before the last part of the row's name.
func envelopeName(row, routed string) string {
	if row == "" {
		return routed
	}
	dot := strings.LastIndexByte(row, '.')
	return row[:dot+1] + routed + "." + row[dot+1:]
}

func (o *outbox) topic(routed string) (string, error) {
	return o.topics.get(routed, func() (string, error) {
		if !o.regex.Match(routed) {
			return routed, nil
		}
		topic, err := o.regex.ReplaceFirst(routed, o.replacement)
		if err != nil {
			return "", dataError("route.topic.replacement %s: %w", o.replacement, err)
		}
		return topic, nil
	})
}
