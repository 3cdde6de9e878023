package jsonconv

import (
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is JsonConverter. It belongs to one goroutine.
type Converter struct {
	cfg      Config
	programs *lru.Cache[*data.Schema, *program]
	schemas  *lru.Cache[string, *data.Schema] // by their JSON text
	fixed    *data.Schema                     // schema.content
}

var (
	_ connect.Converter       = (*Converter)(nil)
	_ connect.HeaderConverter = (*Converter)(nil)
)

// New makes a converter. The error says what is wrong with cfg.SchemaContent.
func New(cfg Config) (*Converter, error) {
	c := &Converter{
		cfg:      cfg,
		programs: lru.New[*data.Schema, *program](cfg.CacheSize),
		schemas:  lru.New[string, *data.Schema](cfg.CacheSize),
	}
	if cfg.SchemaContent == "" {
		return c, nil
	}
	var err error
	if c.fixed, err = c.parseContent(cfg.SchemaContent); err != nil {
		return nil, &connect.ConfigError{Key: "schema.content", Err: err}
	}
	return c, nil
}

// Append implements connect.Converter.
func (c *Converter) Append(dst []byte, _ string, _ *[]connect.Header, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	if schema == nil {
		return c.appendSchemaless(dst, v)
	}
	p, ok := c.programs.Get(schema)
	if !ok {
		var err error
		if p, err = compileProgram(c.cfg, schema); err != nil {
			return dst, false, err
		}
		c.programs.Put(schema, p)
	}
	start := len(dst)
	dst, err := p.root.append(append(dst, p.head...), v)
	if err != nil {
		return dst[:start], false, err
	}
	return append(dst, p.tail...), false, nil
}

func (c *Converter) appendSchemaless(dst []byte, v data.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	start := len(dst)
	if c.cfg.Schemas {
		dst = append(dst, `{"schema":null,"payload":`...)
	}
	dst, err := appendAny(dst, v)
	if err != nil {
		return dst[:start], false, err
	}
	if c.cfg.Schemas {
		dst = append(dst, '}')
	}
	return dst, false, nil
}

// AppendHeader implements connect.HeaderConverter.
func (c *Converter) AppendHeader(dst []byte, topic, _ string, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	return c.Append(dst, topic, nil, schema, v)
}

// ParseHeader implements connect.HeaderConverter.
func (c *Converter) ParseHeader(a *data.Arena, topic, _ string, b []byte) (*data.Schema, data.Value, error) {
	return c.Parse(a, topic, nil, b)
}
