// Package text is org.apache.kafka.connect.storage.StringConverter: the text of
// a value as Java's toString gives it (see data.AppendText), and text as it is
// on the way back.
package text

import (
	"fmt"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is StringConverter. It belongs to one goroutine.
type Converter struct {
	encoding encoding
	buf      []byte // text before it is encoded, when that is not UTF-8
	schema   *data.Schema
}

var (
	_ connect.Converter       = (*Converter)(nil)
	_ connect.HeaderConverter = (*Converter)(nil)
)

// Def declares the properties (StringConverterConfig).
func Def() *configdef.Def {
	return connect.ConverterDef(
		configdef.Key{Name: "converter.encoding", Type: configdef.String, Default: configdef.Text("UTF-8"), Importance: configdef.High,
			Width: configdef.WidthMedium, DisplayName: "Encoding",
			Doc: "The name of the Java character set to use for encoding strings as byte arrays."},
	)
}

// New makes a converter for a Java charset name such as "UTF-8".
func New(charset string) (*Converter, error) {
	e, ok := encodingOf(charset)
	if !ok {
		return nil, &connect.ConfigError{Key: "converter.encoding", Err: fmt.Errorf("unknown charset %q; known are %s", charset, knownCharsets)}
	}
	return &Converter{encoding: e, schema: data.New(data.TypeString).Optional().Build()}, nil
}

// Append implements connect.Converter.
func (c *Converter) Append(dst []byte, _ string, _ *[]connect.Header, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	if c.encoding == utf8Encoding {
		return data.AppendText(dst, schema, v), false, nil
	}
	c.buf = data.AppendText(c.buf[:0], schema, v)
	return c.encoding.encode(dst, c.buf), false, nil
}

// Parse implements connect.Converter.
func (c *Converter) Parse(a *data.Arena, _ string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return c.schema, data.Null(), nil
	}
	return c.schema, data.StringBytes(c.encoding.decode(a, b)), nil
}

// AppendHeader implements connect.HeaderConverter.
func (c *Converter) AppendHeader(dst []byte, topic, _ string, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	return c.Append(dst, topic, nil, schema, v)
}

// ParseHeader implements connect.HeaderConverter.
func (c *Converter) ParseHeader(a *data.Arena, topic, _ string, b []byte) (*data.Schema, data.Value, error) {
	return c.Parse(a, topic, nil, b)
}

// Plugins describes StringConverter.
func Plugins() []connect.Plugin {
	def := Def()
	return connect.ConverterPlugins("org.apache.kafka.connect.storage.StringConverter", "4.3.1", def, func(config map[string]string) (*Converter, error) {
		v, err := def.Parse(config)
		if err != nil {
			return nil, err
		}
		return New(v.String("converter.encoding"))
	})
}
