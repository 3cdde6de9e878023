package avro

import (
	"context"
	"errors"
	"fmt"
	"time"

	hamba "github.com/hamba/avro/v2"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is AvroConverter. It belongs to one goroutine.
type Converter struct {
	cfg     Config
	serde   *registry.Serde[*parsed]
	written *lru.Cache[writeKey, *program]
	read    *lru.Cache[readKey, *reader]
	schemas *lru.Cache[*data.Schema, *compiled]
}

type writeKey struct {
	schema *data.Schema
	topic  string
}

type readKey struct {
	id    int
	topic string
}

// compiled is a Connect schema with the Avro schema made of it.
type compiled struct {
	avro *schema
	text string
	root *node // nil for data without schema
}

// program writes the records of one schema to one topic.
type program struct {
	head    []byte // magic byte and id
	root    *node
	raw     bool // bytes at the top are written as they are
	expires time.Time
}

// New makes a converter. It asks the registry when it gets the first record.
func New(cfg Config, isKey bool) *Converter {
	return &Converter{
		cfg:     cfg,
		serde:   registry.NewSerde[*parsed](cfg.Registry, isKey, schemaParser{}),
		written: lru.New[writeKey, *program](cfg.Registry.CacheSize),
		read:    lru.New[readKey, *reader](cfg.Registry.CacheSize),
		schemas: lru.New[*data.Schema, *compiled](cfg.Registry.CacheSize),
	}
}

// Append implements connect.Converter (AvroConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	if v.IsNull() {
		if s != nil && !s.Optional() {
			return dst, false, dataError("Found null value for non-optional schema")
		}
		return dst, true, nil
	}
	key := writeKey{s, topic}
	p, ok := c.written.Get(key)
	if !ok || !p.expires.IsZero() && time.Now().After(p.expires) {
		var err error
		if p, err = c.compileFor(topic, s); err != nil {
			return dst, false, failed("Failed to serialize Avro data from topic", topic, err)
		}
		c.written.Put(key, p)
	}
	start := len(dst)
	dst, err := p.append(append(dst, p.head...), v)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

func (p *program) append(dst []byte, v data.Value) ([]byte, error) {
	switch {
	case p.root == nil:
		return appendAny(dst, v)
	case p.raw && v.Kind() == data.KindBytes:
		return append(dst, v.Raw()...), nil
	}
	return p.root.append(dst, v)
}

// failed puts Java's words before an error, and keeps its kind.
func failed(doing, topic string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, topic, err)
}

func (c *Converter) compileFor(topic string, s *data.Schema) (*program, error) {
	own, ok := c.schemas.Get(s)
	if !ok {
		var err error
		if own, err = c.cfg.compileOwn(s); err != nil {
			return nil, err
		}
		c.schemas.Put(s, own)
	}
	record := ""
	if own.avro.kind == kRecord {
		record = own.avro.fullName()
	}
	choice, err := c.serde.Choose(context.Background(), topic, record, registry.Schema{Text: own.text},
		func() (*parsed, error) { return schemaParser{}.Parse(registry.Schema{Text: own.text}, nil) })
	if err != nil {
		return nil, err
	}
	p := &program{head: registry.AppendID(nil, choice.ID), root: own.root, raw: own.avro.kind == kBytes, expires: choice.Expires}
	if !choice.Other {
		return p, nil
	}
	p.raw = choice.Schema.schema.kind == kBytes
	if s == nil {
		return p, nil
	}
	p.root, err = c.cfg.compile(s, choice.Schema.schema)
	return p, err
}

func (o Options) compileOwn(s *data.Schema) (*compiled, error) {
	as, err := o.fromConnect(s)
	if err != nil {
		return nil, err
	}
	own := &compiled{avro: as}
	if own.text, err = as.render(); err != nil {
		return nil, dataError("%w", err)
	}
	if s != nil {
		own.root, err = o.compile(s, as)
	}
	return own, err
}

// Parse implements connect.Converter (AvroConverter.toConnectData).
func (c *Converter) Parse(a *data.Arena, topic string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return nil, data.Null(), nil
	}
	s, v, err := c.parse(a, topic, b)
	if err != nil {
		return nil, data.Value{}, failed("Failed to deserialize data to Avro for topic", topic, err)
	}
	return s, v, nil
}

func (c *Converter) parse(a *data.Arena, topic string, b []byte) (*data.Schema, data.Value, error) {
	id, payload, err := registry.CutID(b)
	if err != nil {
		return nil, data.Value{}, dataError("%w", err)
	}
	key := readKey{id, topic}
	r, ok := c.read.Get(key)
	if !ok {
		found, err := c.serde.Find(context.Background(), id, topic)
		if err != nil {
			return nil, data.Value{}, err
		}
		if r, err = c.cfg.newReader(found.Schema.schema, found.Version); err != nil {
			return nil, data.Value{}, err
		}
		c.read.Put(key, r)
	}
	v, err := r.value(a, payload)
	return r.schema, v, err
}

// parsed is a schema of the registry.
type parsed struct {
	schema *schema
	hamba  hamba.Schema // for the check of compatibility; nil when hamba cannot read it
}

// schemaParser reads Avro schemas.
type schemaParser struct{}

// Type implements registry.Parser.
func (schemaParser) Type() string { return "AVRO" }

// Parse implements registry.Parser.
func (schemaParser) Parse(s registry.Schema, refs []registry.Schema) (*parsed, error) {
	known := map[string]*schema{}
	cache := &hamba.SchemaCache{}
	for _, r := range refs {
		if _, err := parseSchema(r.Text, known); err != nil {
			return nil, fmt.Errorf("reference %s: %w", r.Subject, err)
		}
		_, _ = hamba.ParseWithCache(r.Text, "", cache) // judged with the whole below
	}
	own, err := parseSchema(s.Text, known)
	if err != nil {
		return nil, err
	}
	p := &parsed{schema: own}
	if h, err := hamba.ParseWithCache(s.Text, "", cache); err == nil {
		p.hamba = h
	}
	return p, nil
}

// Name implements registry.Parser.
func (schemaParser) Name(p *parsed) string {
	if p.schema.kind != kRecord {
		return ""
	}
	return p.schema.fullName()
}

// Compatible implements registry.Parser.
func (schemaParser) Compatible(reader, writer *parsed) error {
	if reader.hamba == nil || writer.hamba == nil {
		return errors.New("the schemas cannot be compared")
	}
	return hamba.NewSchemaCompatibility().Compatible(reader.hamba, writer.hamba)
}

func within(field string, err error) error { return registry.Within(field, err) }

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
