package cloudevents

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// metadata is what an event says about a record, from its value or its headers.
type metadata struct {
	source, transaction *data.Struct
	op                  data.Value
	dataSchemaName      string
	id, typ, trace      data.Value // from headers; null where they are not asked for
}

// plan makes events of the records of one schema.
type plan struct {
	record, source *data.Schema // what the plan was made for
	connector      string
	dataName       string
	name           string // of the event's schema

	event *data.Schema
	data  *data.Schema
	take  []int // the record's fields that become the data
}

func (p *plan) suits(record *data.Schema, m *metadata, name string) bool {
	return p.record == record && (p.source == m.source.Schema() || p.source.Equal(m.source.Schema())) &&
		p.dataName == m.dataSchemaName && p.name == name && p.connector == textOf(m.source, "connector")
}

const prefix = "iodebezium"

// extension is the name of an attribute: letters and digits alone
// (CloudEvents, naming of attributes).
func extension(name string) string {
	return prefix + strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, name)
}

// transactionFields are those of Debezium's block of a transaction.
var transactionFields = [...]struct {
	name string
	typ  data.Type
}{{"id", data.TypeString}, {"total_order", data.TypeInt64}, {"data_collection_order", data.TypeInt64}}

func (c *Converter) newPlan(record *data.Schema, m *metadata, name string, dataSchema *data.Schema) (*plan, error) {
	p := &plan{record: record, source: m.source.Schema(), connector: textOf(m.source, "connector"), dataName: m.dataSchemaName, name: name}
	if p.connector != "mysql" && p.connector != "mariadb" {
		return nil, dataError("No usable CloudEvents converters for connector type \"%s\"", p.connector)
	}
	if err := p.chooseData(c.cfg); err != nil {
		return nil, err
	}
	text := data.New(data.TypeString).Build()
	b := data.NewStruct().Name(adjust(c.cfg.Adjust, name))
	for _, attribute := range []string{"id", "source", "specversion", "type", "time", "datacontenttype"} {
		b.Field(attribute, text)
	}
	if c.cfg.DataAvro {
		b.Field("dataschema", text)
	}
	if c.cfg.Tracing {
		b.Field("traceparent", text)
	}
	if c.cfg.Extensions {
		if err := addExtensions(b, p.source); err != nil {
			return nil, err
		}
	}
	if dataSchema == nil {
		dataSchema = p.data
	}
	var err error
	if p.event, err = b.Field("data", dataSchema).TryBuild(); err != nil {
		return nil, dataError("%w", err)
	}
	return p, nil
}

// chooseData makes the schema of the data: before and after for MySQL, all of the record otherwise.
func (p *plan) chooseData(cfg Config) error {
	names := []string{"before", "after"}
	if p.connector != "mysql" || cfg.Source.all {
		names = nil
		for _, f := range p.record.Fields() {
			names = append(names, f.Name)
		}
	}
	b := data.NewStruct().Name(p.dataName)
	for _, name := range names {
		at := p.record.FieldIndex(name)
		if at < 0 {
			return dataError("the record has no field %s", name)
		}
		p.take = append(p.take, at)
		b.Field(name, p.record.Fields()[at].Schema)
	}
	p.data = b.Build()
	return nil
}

func addExtensions(b *data.Builder, source *data.Schema) error {
	b.Field(extension("op"), data.New(data.TypeString).Build())
	for _, f := range source.Fields() {
		s, err := extensionSchema(f.Schema.Type(), f.Schema.Optional())
		if err != nil {
			return err
		}
		b.Field(extension(f.Name), s)
	}
	for _, f := range transactionFields {
		s, err := extensionSchema(f.typ, true)
		if err != nil {
			return err
		}
		b.Field(extension("tx"+f.name), s)
	}
	return nil
}

// extensionSchema is the type that an attribute has: CloudEvents knows no 64-bit integers.
func extensionSchema(t data.Type, optional bool) (*data.Schema, error) {
	var b *data.Builder
	switch t {
	case data.TypeBoolean:
		b = data.New(data.TypeBoolean)
	case data.TypeInt8, data.TypeInt16, data.TypeInt32:
		b = data.New(data.TypeInt32)
	case data.TypeString, data.TypeInt64:
		b = data.New(data.TypeString)
	default:
		return nil, dataError("Source field of type %s cannot be converted into CloudEvents extension attribute.", t.EnumName())
	}
	if optional {
		b.Optional()
	}
	return b.Build(), nil
}

// fill makes the event; body is its data, uri names the schema of Avro data.
func (p *plan) fill(cfg Config, a *data.Arena, m *metadata, body data.Value, uri string) (*data.Struct, error) {
	st := a.Struct(p.event)
	next := 0
	put := func(v data.Value) { st.Set(next, v); next++ }
	id := m.id
	if cfg.Source.idGenerated {
		id = data.String(fmt.Sprintf("name:%s;file:%s;pos:%s", field(m.source, "name"), field(m.source, "file"), field(m.source, "pos")))
	}
	typ := m.typ
	if cfg.Source.typGenerated {
		typ = data.String("io.debezium.connector." + p.connector + ".DataChangeEvent")
	}
	at, ok := valueOf(m.source, "ts_ms")
	if !ok {
		return nil, dataError("the source of the record has no ts_ms")
	}
	content := "application/json"
	if cfg.DataAvro {
		content = "application/avro"
	}
	put(id)
	put(data.String("/debezium/" + p.connector + "/" + textOf(m.source, "name")))
	put(data.String("1.0"))
	put(typ)
	put(data.String(time.UnixMilli(at.Int()).UTC().Format("2006-01-02T15:04:05.000Z07:00")))
	put(data.String(content))
	if cfg.DataAvro {
		put(data.String(uri))
	}
	if cfg.Tracing {
		put(m.trace)
	}
	if cfg.Extensions {
		p.putExtensions(m, put)
	}
	put(body)
	if err := st.Validate(); err != nil {
		return nil, dataError("%w", err)
	}
	return st, nil
}

func (p *plan) putExtensions(m *metadata, put func(data.Value)) {
	put(m.op)
	for i, f := range p.source.Fields() {
		put(asExtension(f.Schema, m.source.At(i)))
	}
	for _, f := range transactionFields {
		var v data.Value
		if m.transaction != nil {
			v, _ = valueOf(m.transaction, f.name)
		}
		put(asExtension(nil, v))
	}
}

func asExtension(s *data.Schema, v data.Value) data.Value {
	if s != nil && v.IsNull() {
		v, _ = s.Default()
	}
	switch v.Kind() {
	case data.KindInt64:
		return data.String(strconv.FormatInt(v.Int(), 10))
	case data.KindInt8, data.KindInt16:
		return data.Int32(int32(v.Int()))
	}
	return v
}

// valueOf is a field with its default; ok is false when there is none of that name.
func valueOf(s *data.Struct, name string) (v data.Value, ok bool) {
	v, err := s.Get(name)
	return v, err == nil
}

func textOf(s *data.Struct, name string) string {
	v, _ := valueOf(s, name)
	return v.Str()
}

// field is a field's text as Java puts it into another.
func field(s *data.Struct, name string) []byte {
	v, _ := valueOf(s, name)
	return data.AppendText(nil, nil, v)
}

// adjust makes a schema's name valid for Avro (SchemaNameAdjuster).
func adjust(mode, name string) string {
	if mode != "avro" && mode != "avro_unicode" {
		return name
	}
	var out strings.Builder
	for i, r := range name {
		digit := '0' <= r && r <= '9'
		switch letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' && mode == "avro"; {
		case letter, i > 0 && (digit || r == '.'):
			out.WriteRune(r)
		case mode == "avro_unicode":
			fmt.Fprintf(&out, "_u%04x", r)
		case digit:
			out.WriteString("_" + string(r))
		default:
			out.WriteByte('_')
		}
	}
	return out.String()
}

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
