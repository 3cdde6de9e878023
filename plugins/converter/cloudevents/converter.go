package cloudevents

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// dataSuffix keeps the subject of the data apart from that of the event.
const dataSuffix = "-data"

// eventSuffix ends the name of an event's schema.
const eventSuffix = "CloudEvents.Envelope"

// Converter is CloudEventsConverter. It belongs to one goroutine.
type Converter struct {
	cfg                    Config
	events, bodies, header *jsonconv.Converter
	avro                   connect.Converter // nil without Avro
	schemas                bool              // JSON data has its schema
	plans                  *lru.Cache[*data.Schema, *plan]
	arena                  data.Arena
	buf                    []byte // the data on its own
}

var _ connect.Converter = (*Converter)(nil)

// New makes a converter.
func New(cfg Config) (*Converter, error) {
	c := &Converter{cfg: cfg, plans: lru.New[*data.Schema, *plan](1000)}
	use := "value"
	if cfg.isKey {
		use = "key"
	}
	var err error
	if c.events, err = cfg.newJSON(use, "false"); err != nil {
		return nil, err
	}
	if c.bodies, err = cfg.newJSON("key", ""); err != nil {
		return nil, err
	}
	header := jsonconv.DefaultConfig()
	if c.header, err = jsonconv.New(header); err != nil {
		return nil, err
	}
	c.schemas = !strings.EqualFold(cfg.json["schemas.enable"], "false")
	if cfg.DataAvro {
		c.avro, err = cfg.newAvro()
	}
	return c, err
}

// Append implements connect.Converter (CloudEventsConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, h *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	if s == nil || v.IsNull() {
		return dst, true, nil
	}
	var headers []connect.Header
	if h != nil {
		headers = *h
	}
	if c.cfg.Source.all {
		if find(headers, "source") == nil || find(headers, "op") == nil {
			return dst, true, nil
		}
	} else if !strings.HasSuffix(s.Name(), ".Envelope") {
		return dst, true, nil
	}
	if s.Type() != data.TypeStruct || v.Struct() == nil {
		return dst, false, dataError("Mismatching schema")
	}
	c.arena.Reset()
	m, err := c.metadata(headers, v.Struct())
	if err != nil {
		return dst, false, err
	}
	p, err := c.planFor(s, m)
	if err != nil {
		return dst, false, err
	}
	start := len(dst)
	if dst, err = c.appendEvent(dst, topic, p, m, v.Struct()); err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

func (c *Converter) planFor(s *data.Schema, m *metadata) (*plan, error) {
	name := c.cfg.SchemaName
	if name == "" {
		name = string(field(m.source, "name")) + "." + string(field(m.source, "db")) + "." + eventSuffix
	}
	if p, ok := c.plans.Get(s); ok && p.suits(s, m, name) {
		return p, nil
	}
	var body *data.Schema
	switch {
	case c.cfg.DataAvro:
		body = data.New(data.TypeBytes).Build()
	case c.schemas: // stands for the data, which is put in as text
		body = data.NewStruct().Build()
	}
	p, err := c.newPlan(s, m, name, body)
	if err == nil {
		c.plans.Put(s, p)
	}
	return p, err
}

func (c *Converter) appendEvent(dst []byte, topic string, p *plan, m *metadata, record *data.Struct) ([]byte, error) {
	st := c.arena.Struct(p.data)
	for i, at := range p.take {
		v := record.At(at)
		if def, ok := record.Schema().Fields()[at].Schema.Default(); ok && v.IsNull() {
			v = def
		}
		st.Set(i, v)
	}
	body := data.StructOf(st)
	switch {
	case c.cfg.DataAvro:
		return c.appendWithAvro(dst, topic, p, m, body)
	case c.schemas:
		return c.appendWithSchema(dst, topic, p, m, body)
	}
	event, err := p.fill(c.cfg, &c.arena, m, body, "")
	if err != nil {
		return dst, err
	}
	dst, _, err = c.events.Append(dst, topic, nil, p.event, data.StructOf(event))
	return dst, err
}

// appendWithSchema puts the data with its schema where the event has "{}" for it.
func (c *Converter) appendWithSchema(dst []byte, topic string, p *plan, m *metadata, body data.Value) ([]byte, error) {
	event, err := p.fill(c.cfg, &c.arena, m, data.StructOf(c.arena.Struct(p.event.Field("data").Schema)), "")
	if err != nil {
		return dst, err
	}
	if dst, _, err = c.events.Append(dst, topic, nil, p.event, data.StructOf(event)); err != nil {
		return dst, err
	}
	dst = bytes.TrimSuffix(dst, []byte("{}}"))
	if dst, _, err = c.bodies.Append(dst, topic, nil, p.data, body); err != nil {
		return dst, err
	}
	return append(dst, '}'), nil
}

func (c *Converter) appendWithAvro(dst []byte, topic string, p *plan, m *metadata, body data.Value) ([]byte, error) {
	dataTopic := topic
	if c.cfg.EventAvro {
		dataTopic += dataSuffix
	}
	var err error
	if c.buf, _, err = c.avro.Append(c.buf[:0], dataTopic, nil, p.data, body); err != nil {
		return dst, err
	}
	id, _, err := registry.CutID(c.buf)
	if err != nil {
		return dst, err
	}
	event, err := p.fill(c.cfg, &c.arena, m, data.Bytes(c.buf), c.cfg.RegistryURL+"/schemas/ids/"+strconv.Itoa(id))
	if err != nil {
		return dst, err
	}
	out := connect.Converter(c.events)
	if c.cfg.EventAvro {
		out = c.avro
	}
	dst, _, err = out.Append(dst, topic, nil, p.event, data.StructOf(event))
	return dst, err
}

// metadata finds what an event says about a record.
func (c *Converter) metadata(headers []connect.Header, record *data.Struct) (*metadata, error) {
	m := &metadata{}
	var source, transaction data.Value
	var err error
	if c.cfg.Source.all {
		if source, err = c.inHeader(headers, "source", false); err == nil {
			if m.op, err = c.inHeader(headers, "op", false); err == nil {
				transaction, err = c.inHeader(headers, "transaction", true)
			}
		}
	} else {
		source, _ = valueOf(record, "source")
		m.op, _ = valueOf(record, "op")
		transaction, _ = valueOf(record, "transaction")
	}
	if err != nil {
		return nil, err
	}
	if m.source, m.transaction = source.Struct(), transaction.Struct(); m.source == nil {
		return nil, dataError("the source of the record is missing or not a struct")
	}
	m.dataSchemaName = "io.debezium.connector." + textOf(m.source, "connector") + ".Data"
	return m, c.named(headers, m)
}

// named reads the metadata that has headers of its own.
func (c *Converter) named(headers []connect.Header, m *metadata) (err error) {
	s := c.cfg.Source
	if s.id && !s.idGenerated {
		if m.id, err = c.inHeader(headers, "id", false); err != nil {
			return err
		}
	}
	if s.typ && !s.typGenerated {
		if m.typ, err = c.inHeader(headers, "type", false); err != nil {
			return err
		}
	}
	if s.dataSchemaName {
		name, err := c.inHeader(headers, "dataSchemaName", false)
		if err != nil {
			return err
		}
		m.dataSchemaName = name.Str()
	}
	if !c.cfg.Tracing {
		return nil
	}
	if !s.traceParent {
		return dataError("Value for `traceparent` CloudEvents field currently can't be obtained from a record value and can only be obtained from a record header")
	}
	m.trace, err = c.inHeader(headers, "traceparent", true)
	return err
}

func find(headers []connect.Header, name string) *connect.Header {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == name {
			return &headers[i]
		}
	}
	return nil
}

// inHeader is a header's value: as it is, or parsed when it is JSON with its schema.
func (c *Converter) inHeader(headers []connect.Header, name string, optional bool) (data.Value, error) {
	h := find(headers, name)
	switch {
	case h == nil && optional:
		return data.Null(), nil
	case h == nil:
		return data.Value{}, dataError("Header `%s` was not provided", name)
	case h.Value.Kind() != data.KindBytes:
		return h.Value, nil
	}
	_, v, err := c.header.ParseHeader(&c.arena, "", name, h.Value.Raw())
	return v, err
}

// Parse implements connect.Converter (CloudEventsConverter.toConnectData).
func (c *Converter) Parse(a *data.Arena, topic string, h []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if c.cfg.EventAvro {
		return c.parseAvro(a, topic, b)
	}
	_, v, err := c.events.Parse(a, topic, h, b)
	if err != nil {
		return nil, v, err
	}
	m := v.Map()
	if m == nil || !isEvent(func(name string) bool { _, ok := m.Get(data.String(name)); return ok }) {
		return nil, v, dataError("A deserialized record's value is not a CloudEvent: value=%s", data.AppendText(nil, nil, v))
	}
	body, _ := m.Get(data.String("data"))
	if c.cfg.DataAvro {
		raw, err := base64.StdEncoding.DecodeString(body.Str())
		if err != nil {
			return nil, v, dataError("the data of the CloudEvent is not base64: %w", err)
		}
		if _, body, err = c.avro.Parse(a, topic, nil, raw); err != nil {
			return nil, v, err
		}
	} else if c.schemas {
		if body, err = c.parseBody(a, b); err != nil {
			return nil, v, err
		}
	}
	m.Put(data.String("data"), body)
	return nil, v, nil
}

// isEvent reports whether the attributes that CloudEvents asks for are there.
func isEvent(has func(name string) bool) bool {
	return has("id") && has("source") && has("specversion") && has("type")
}

func (c *Converter) parseAvro(a *data.Arena, topic string, b []byte) (*data.Schema, data.Value, error) {
	s, v, err := c.avro.Parse(a, topic, nil, b)
	if err != nil {
		return nil, v, err
	}
	st := v.Struct()
	nameFits := s != nil && (c.cfg.SchemaName != "" && s.Name() == c.cfg.SchemaName || c.cfg.SchemaName == "" && strings.HasSuffix(s.Name(), eventSuffix))
	if !nameFits || st == nil || !isEvent(func(name string) bool { return s.Field(name) != nil }) {
		return nil, v, dataError("A deserialized record's value is not a CloudEvent: value=%s", data.AppendText(nil, s, v))
	}
	body, _ := valueOf(st, "data")
	bodySchema, bodyValue, err := c.avro.Parse(a, topic+dataSuffix, nil, body.Raw())
	if err != nil {
		return nil, v, err
	}
	build := data.NewStruct().Name(s.Name()).Doc(s.Doc())
	if version, ok := s.Version(); ok {
		build.Version(version)
	}
	for _, p := range s.Params() {
		build.Param(p.Key, p.Value)
	}
	for _, f := range s.Fields() {
		if f.Name == "data" {
			f.Schema = bodySchema
		}
		build.Field(f.Name, f.Schema)
	}
	out := build.Build()
	event := a.Struct(out)
	for i, f := range out.Fields() {
		if event.Set(i, st.At(i)); f.Name == "data" {
			event.Set(i, bodyValue)
		}
	}
	return out, data.StructOf(event), nil
}
