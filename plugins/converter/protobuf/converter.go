package protobuf

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is ProtobufConverter. It belongs to one goroutine.
type Converter struct {
	cfg     Config
	serde   *registry.Serde[protoreflect.FileDescriptor]
	written *lru.Cache[writeKey, *program]
	read    *lru.Cache[readKey, *reader]
	files   *lru.Cache[readKey, registry.Found[protoreflect.FileDescriptor]]
	schemas *lru.Cache[*data.Schema, *compiled]
}

var _ connect.Converter = (*Converter)(nil)

type writeKey struct {
	schema *data.Schema
	topic  string
}

type readKey struct {
	id      int
	topic   string
	indexes string
}

// compiled is a Connect schema with its own file.
type compiled struct {
	text, root string
	file       protoreflect.FileDescriptor
	encoder    *encoder // nil for a single value
}

type program struct {
	head    []byte // magic byte, id and indexes
	root    *encoder
	wrapper *fieldEncoder // of a single value
	expires time.Time
}

// New makes a converter. It asks the registry when it gets the first record.
func New(cfg Config, isKey bool) *Converter {
	size := cfg.Registry.CacheSize
	return &Converter{
		cfg:     cfg,
		serde:   registry.NewSerde[protoreflect.FileDescriptor](cfg.Registry, isKey, schemaParser{}),
		written: lru.New[writeKey, *program](size),
		read:    lru.New[readKey, *reader](size),
		files:   lru.New[readKey, registry.Found[protoreflect.FileDescriptor]](size),
		schemas: lru.New[*data.Schema, *compiled](size),
	}
}

// Append implements connect.Converter (ProtobufConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	switch {
	case s == nil && v.IsNull(), v.IsNull():
		return dst, true, nil
	case s == nil:
		return dst, false, dataError("data without schema has no Protobuf schema: use another converter, or a transform that sets a schema")
	}
	key := writeKey{s, topic}
	p, ok := c.written.Get(key)
	if !ok || !p.expires.IsZero() && time.Now().After(p.expires) {
		var err error
		if p, err = c.compileFor(topic, s); err != nil {
			return dst, false, fmt.Errorf("Failed to serialize Protobuf data from topic %s: %w", topic, err)
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
	if p.wrapper != nil {
		if v.Kind() != p.wrapper.schema.Type().Kind() {
			return dst, dataError("Invalid type for %s: class %s", p.wrapper.schema.Type().EnumName(), v.Kind().JavaClass())
		}
		return p.wrapper.appendMessage(dst, v)
	}
	if v.Kind() != data.KindStruct {
		return dst, dataError("Invalid type for STRUCT: class %s", v.Kind().JavaClass())
	}
	return p.root.append(dst, v.Struct())
}

func (c *Converter) compileOwn(s *data.Schema) (*compiled, error) {
	if own, ok := c.schemas.Get(s); ok {
		return own, nil
	}
	text, root, err := c.cfg.fromConnect(s)
	if err != nil {
		return nil, err
	}
	file, err := schemaParser{}.Parse(registry.Schema{Text: text}, nil)
	if err != nil {
		return nil, dataError("Invalid protobuf schema definition: %w (scrub.invalid.names=true replaces what Protobuf does not allow in names)", err)
	}
	own := &compiled{text: text, root: root, file: file}
	if s.Type() == data.TypeStruct {
		m, _ := findMessage(file, root)
		if own.encoder, err = c.cfg.compile(s, m, true); err != nil {
			return nil, err
		}
	}
	c.schemas.Put(s, own)
	return own, nil
}

func (c *Converter) compileFor(topic string, s *data.Schema) (*program, error) {
	own, err := c.compileOwn(s)
	if err != nil {
		return nil, err
	}
	choice, err := c.serde.Choose(context.Background(), topic, own.root, registry.Schema{Text: own.text},
		func() (protoreflect.FileDescriptor, error) { return own.file, nil })
	if err != nil {
		return nil, err
	}
	file := own.file
	if choice.Other {
		file = choice.Schema
	}
	m, indexes := findMessage(file, own.root)
	if m == nil {
		return nil, dataError("schema %d has no message", choice.ID)
	}
	p := &program{head: appendIndexes(registry.AppendID(nil, choice.ID), indexes), expires: choice.Expires}
	if s.Type() != data.TypeStruct {
		kind := m.Fields().ByNumber(protowire.Number(1)).Kind()
		p.wrapper = &fieldEncoder{schema: s, kind: kind, form: formWrapper}
		return p, nil
	}
	if p.root = own.encoder; choice.Other {
		p.root, err = c.cfg.compile(s, m, c.cfg.Registry.LatestStrict)
	}
	return p, err
}

// Parse implements connect.Converter (ProtobufConverter.toConnectData).
func (c *Converter) Parse(a *data.Arena, topic string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return nil, data.Null(), nil
	}
	s, v, err := c.parse(a, topic, b)
	if err != nil {
		return nil, data.Value{}, fmt.Errorf("Failed to deserialize data for topic %s to Protobuf: %w", topic, err)
	}
	return s, v, nil
}

func (c *Converter) parse(a *data.Arena, topic string, b []byte) (*data.Schema, data.Value, error) {
	id, rest, err := registry.CutID(b)
	if err != nil {
		return nil, data.Value{}, dataError("%w", err)
	}
	key := readKey{id: id, topic: topic}
	found, ok := c.files.Get(key)
	if !ok {
		if found, err = c.serde.Find(context.Background(), id, topic); err != nil {
			return nil, data.Value{}, err
		}
		c.files.Put(key, found)
	}
	m, payload, err := cutIndexes(found.Schema, rest)
	if err != nil {
		return nil, data.Value{}, dataError("%w", err)
	}
	key.indexes = string(m.FullName())
	r, ok := c.read.Get(key)
	if !ok {
		r = &reader{Options: c.cfg.Options, message: m}
		if r.schema, err = c.cfg.toConnect(m, found.Version); err != nil {
			return nil, data.Value{}, err
		}
		c.read.Put(key, r)
	}
	v, err := r.read(a, payload)
	return r.schema, v, err
}
