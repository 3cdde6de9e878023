package protobuf

import (
	"context"
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
	*registry.Readers[protoreflect.FileDescriptor]
	cfg     Config
	serde   *registry.Serde[protoreflect.FileDescriptor]
	written *registry.Writers[*program]
	schemas *lru.Cache[*data.Schema, *compiled]
}

var _ connect.Converter = (*Converter)(nil)

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
}

// New makes a converter. It asks the registry when it gets the first record.
func New(cfg Config, isKey bool) *Converter {
	size := cfg.Registry.CacheSize
	c := &Converter{cfg: cfg, schemas: lru.New[*data.Schema, *compiled](size)}
	c.serde = registry.NewSerde[protoreflect.FileDescriptor](cfg.Registry, isKey, schemaParser{})
	c.written = registry.NewWriters(size, "Failed to serialize Protobuf data from topic %s: %w", c.compileFor)
	c.Readers = registry.NewReaders(size, c.serde, "Failed to deserialize data for topic %s to Protobuf: %w",
		func(found registry.Found[protoreflect.FileDescriptor]) (registry.Reader, error) {
			return &fileReader{cfg.Options, found, map[protoreflect.FullName]*reader{}}, nil
		})
	return c
}

// Append implements connect.Converter (ProtobufConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	switch {
	case s == nil && v.IsNull(), v.IsNull():
		return dst, true, nil
	case s == nil:
		return dst, false, dataError("data without schema has no Protobuf schema: use another converter, or a transform that sets a schema")
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

func (c *Converter) compileFor(topic string, s *data.Schema) (*program, time.Time, error) {
	own, err := c.compileOwn(s)
	if err != nil {
		return nil, time.Time{}, err
	}
	choice, err := c.serde.Choose(context.Background(), topic, own.root, registry.Schema{Text: own.text},
		func() (protoreflect.FileDescriptor, error) { return own.file, nil })
	if err != nil {
		return nil, time.Time{}, err
	}
	file := own.file
	if choice.Other {
		file = choice.Schema
	}
	m, indexes := findMessage(file, own.root)
	if m == nil {
		return nil, time.Time{}, dataError("schema %d has no message", choice.ID)
	}
	p := &program{head: appendIndexes(registry.AppendID(nil, choice.ID), indexes)}
	if s.Type() != data.TypeStruct {
		kind := m.Fields().ByNumber(protowire.Number(1)).Kind()
		p.wrapper = &fieldEncoder{schema: s, kind: kind, form: formWrapper}
		return p, choice.Expires, nil
	}
	if p.root = own.encoder; choice.Other {
		p.root, err = c.cfg.compile(s, m, c.cfg.Registry.LatestStrict)
	}
	return p, choice.Expires, err
}

// fileReader reads what was written with the messages of one file.
type fileReader struct {
	Options
	found    registry.Found[protoreflect.FileDescriptor]
	messages map[protoreflect.FullName]*reader
}

// Read implements registry.Reader.
func (f *fileReader) Read(a *data.Arena, b []byte) (*data.Schema, data.Value, error) {
	m, payload, err := cutIndexes(f.found.Schema, b)
	if err != nil {
		return nil, data.Value{}, dataError("%w", err)
	}
	r := f.messages[m.FullName()]
	if r == nil {
		r = &reader{Options: f.Options, message: m}
		if r.schema, err = f.toConnect(m, f.found.Version); err != nil {
			return nil, data.Value{}, err
		}
		f.messages[m.FullName()] = r
	}
	v, err := r.read(a, payload)
	return r.schema, v, err
}
