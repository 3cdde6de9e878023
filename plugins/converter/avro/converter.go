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
	*registry.Readers[*parsed]
	cfg     Config
	serde   *registry.Serde[*parsed]
	written *registry.Writers[*program]
	schemas *lru.Cache[*data.Schema, *compiled]
}

var _ connect.Converter = (*Converter)(nil)

// compiled is a Connect schema with the Avro schema made of it.
type compiled struct {
	avro *schema
	text string
	root *node // nil for data without schema
}

// program writes the records of one schema to one topic.
type program struct {
	head []byte // magic byte and id
	root *node
	raw  bool // bytes at the top are written as they are
}

// New makes a converter. It asks the registry when it gets the first record.
func New(cfg Config, isKey bool) *Converter {
	size := cfg.Registry.CacheSize
	c := &Converter{cfg: cfg, schemas: lru.New[*data.Schema, *compiled](size)}
	c.serde = registry.NewSerde[*parsed](cfg.Registry, isKey, schemaParser{})
	c.written = registry.NewWriters(size, "Failed to serialize Avro data from topic %s: %w", c.compileFor)
	c.Readers = registry.NewReaders(size, c.serde, "Failed to deserialize data to Avro for topic %s: %w",
		func(found registry.Found[*parsed]) (registry.Reader, error) {
			return cfg.newReader(found.Schema.schema, found.Version)
		})
	return c
}

// Append implements connect.Converter (AvroConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	if v.IsNull() {
		if s != nil && !s.Optional() {
			return dst, false, dataError("Found null value for non-optional schema")
		}
		return dst, true, nil
	}
	p, err := c.written.For(topic, s)
	if err != nil {
		return dst, false, err
	}
	start := len(dst)
	dst, err = p.append(append(dst, p.head...), v)
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

func (c *Converter) compileFor(topic string, s *data.Schema) (*program, time.Time, error) {
	own, ok := c.schemas.Get(s)
	if !ok {
		var err error
		if own, err = c.cfg.compileOwn(s); err != nil {
			return nil, time.Time{}, err
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
		return nil, time.Time{}, err
	}
	p := &program{head: registry.AppendID(nil, choice.ID), root: own.root, raw: own.avro.kind == kBytes}
	if !choice.Other {
		return p, choice.Expires, nil
	}
	p.raw = choice.Schema.schema.kind == kBytes
	if s == nil {
		return p, choice.Expires, nil
	}
	p.root, err = c.cfg.compile(s, choice.Schema.schema)
	return p, choice.Expires, err
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

func within(field string, err error) error { return connect.Within(field, err) }

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
