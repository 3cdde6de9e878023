// Package header is org.apache.kafka.connect.storage.SimpleHeaderConverter, a
// worker's default: headers as literals (see data.AppendLiteral), so that a
// number stays one on the other side.
package header

import (
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is SimpleHeaderConverter.
type Converter struct{ bytes *data.Schema }

var _ connect.HeaderConverter = (*Converter)(nil)

// New makes a converter.
func New() *Converter { return &Converter{data.New(data.TypeBytes).Build()} }

// AppendHeader implements connect.HeaderConverter.
func (c *Converter) AppendHeader(dst []byte, _, _ string, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	return data.AppendLiteral(dst, schema, v), false, nil
}

// ParseHeader implements connect.HeaderConverter. What is not text comes back
// as bytes; Java would replace the bytes that are not UTF-8.
func (c *Converter) ParseHeader(_ *data.Arena, _, _ string, b []byte) (*data.Schema, data.Value, error) {
	switch {
	case b == nil:
		return nil, data.Null(), nil
	case !utf8.Valid(b):
		return c.bytes, data.Bytes(b), nil
	}
	s, v := data.ParseLiteral(string(b))
	return s, v, nil
}

// Plugins describes SimpleHeaderConverter, which has no properties.
func Plugins() []connect.Plugin {
	return []connect.Plugin{{
		Class: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Version: "4.3.1",
		Kind: connect.KindHeaderConverter, Def: configdef.New(),
		NewHeaderConverter: func(map[string]string) (connect.HeaderConverter, error) { return New(), nil },
	}}
}
