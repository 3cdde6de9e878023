package jsonschema

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is JsonSchemaConverter. It belongs to one goroutine.
type Converter struct {
	*registry.Readers[*model]
	cfg     Config
	serde   *registry.Serde[*model]
	written *registry.Writers[*program]
	schemas *lru.Cache[*data.Schema, *compiled]
}

var _ connect.Converter = (*Converter)(nil)

type compiled struct {
	text, title string
	root        *node
}

type program struct {
	head []byte
	root *node
}

// New makes a converter. It asks the registry when it gets the first record.
func New(cfg Config, isKey bool) *Converter {
	size := cfg.Registry.CacheSize
	c := &Converter{cfg: cfg, schemas: lru.New[*data.Schema, *compiled](size)}
	c.serde = registry.NewSerde[*model](cfg.Registry, isKey, schemaParser{cfg.Options})
	c.written = registry.NewWriters(size, "Converting Kafka Connect data to byte[] failed due to serialization error of topic %s: %w", c.compileFor)
	c.Readers = registry.NewReaders(size, c.serde, "Converting byte[] to Kafka Connect data failed due to serialization error of topic %s: %w",
		func(found registry.Found[*model]) (registry.Reader, error) {
			s, err := cfg.toConnect(found.Schema, found.Version)
			return reader{s}, err
		})
	return c
}

// Append implements connect.Converter (JsonSchemaConverter.fromConnectData).
func (c *Converter) Append(dst []byte, topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	switch {
	case s == nil && v.IsNull():
		return dst, true, nil
	case s == nil:
		return dst, false, dataError("data without schema has no JSON Schema: use %s, or a transform that sets one", "org.apache.kafka.connect.json.JsonConverter")
	}
	p, err := c.written.For(topic, s)
	if err != nil {
		return dst, false, err
	}
	if v.IsNull() && p.root.null == "" {
		return dst, true, nil
	}
	start := len(dst)
	dst, err = p.root.append(append(dst, p.head...), v)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

func (c *Converter) compileFor(topic string, s *data.Schema) (*program, time.Time, error) {
	own, ok := c.schemas.Get(s)
	if !ok {
		tree, err := c.cfg.fromConnect(s)
		if err != nil {
			return nil, time.Time{}, err
		}
		own = &compiled{text: tree.String()}
		own.title, _ = tree.StrOf("title")
		if own.root, err = c.cfg.compile(s); err != nil {
			return nil, time.Time{}, err
		}
		c.schemas.Put(s, own)
	}
	choice, err := c.serde.Choose(context.Background(), topic, own.title, registry.Schema{Text: own.text},
		func() (*model, error) { return load(own.text, nil) })
	if err != nil {
		return nil, time.Time{}, err
	}
	return &program{head: registry.AppendID(nil, choice.ID), root: own.root}, choice.Expires, nil
}

// reader reads what was written with one schema.
type reader struct{ schema *data.Schema }

// Read implements registry.Reader.
func (r reader) Read(a *data.Arena, b []byte) (*data.Schema, data.Value, error) {
	tree, err := jsontree.Parse(b)
	if err != nil {
		return nil, data.Value{}, dataError("the data is not JSON: %w", err)
	}
	v, err := value(a, r.schema, tree)
	return r.schema, v, err
}

// schemaParser reads JSON schemas.
type schemaParser struct{ options Options }

// Type implements registry.Parser.
func (schemaParser) Type() string { return "JSON" }

// Parse implements registry.Parser.
func (schemaParser) Parse(s registry.Schema, refs []registry.Schema) (*model, error) {
	byName := map[string]string{}
	for _, r := range refs {
		byName[r.Subject] = r.Text
	}
	return load(s.Text, byName)
}

// Name implements registry.Parser.
func (schemaParser) Name(m *model) string { return m.title }

// Compatible implements registry.Parser: what writer admits has to have a place
// of the same type in reader.
func (p schemaParser) Compatible(reader, writer *model) error {
	r, err := p.options.toConnect(reader, 0)
	if err != nil {
		return err
	}
	w, err := p.options.toConnect(writer, 0)
	if err != nil {
		return err
	}
	return holds(r, w)
}

// holds says why values of w do not fit r.
func holds(r, w *data.Schema) error {
	integers := r.Type() <= data.TypeInt64 && w.Type() <= data.TypeInt64 || r.Type() == data.TypeFloat32 || r.Type() == data.TypeFloat64
	switch {
	case r.Type() != w.Type() && (!integers || w.Type() > data.TypeFloat64):
		return errors.New("type " + w.Type().EnumName() + " instead of " + r.Type().EnumName())
	case w.Optional() && !r.Optional():
		return errors.New("null is not allowed")
	case r.Type() != w.Type():
		return nil
	}
	switch r.Type() {
	case data.TypeArray, data.TypeMap:
		return holds(r.ValueSchema(), w.ValueSchema())
	case data.TypeStruct:
		for _, f := range w.Fields() {
			if g := r.Field(f.Name); g != nil {
				if err := holds(g.Schema, f.Schema); err != nil {
					return within(f.Name, err)
				}
			}
		}
	}
	return nil
}
