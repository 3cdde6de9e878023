// Package bytes is ByteArrayConverter: bytes as they are. Debezium's classes of
// this kind hand what is not bytes to a delegate.
package bytes

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// Converter is ByteArrayConverter.
type Converter struct {
	schema   *data.Schema
	debezium bool              // Debezium's class
	delegate connect.Converter // for what is not bytes; nil for none
}

var (
	_ connect.Converter       = (*Converter)(nil)
	_ connect.HeaderConverter = (*Converter)(nil)
)

// New makes a converter.
func New() *Converter {
	return &Converter{schema: data.New(data.TypeBytes).Optional().Build()}
}

// Append implements connect.Converter.
func (c *Converter) Append(dst []byte, topic string, h *[]connect.Header, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	decimal := schema != nil && schema.Logical() == data.LogicalDecimal
	isBytes := (schema == nil || schema.Type() == data.TypeBytes) && (v.IsNull() || v.Kind() == data.KindBytes && !decimal)
	switch {
	case !isBytes && c.delegate != nil:
		return c.delegate.Append(dst, topic, h, schema, v)
	case !isBytes && c.debezium:
		return dst, false, dataError("A %s of type '%s' requires a delegate.converter.type to be configured", topic, data.AppendText(nil, schema, v))
	case schema != nil && schema.Type() != data.TypeBytes:
		return dst, false, dataError("Invalid schema type for ByteArrayConverter: %s", schema.Type().EnumName())
	case v.IsNull():
		return dst, true, nil
	case !isBytes:
		return dst, false, dataError("ByteArrayConverter is not compatible with objects of type class %s", data.JavaClassOf(schema, v))
	}
	return append(dst, v.Raw()...), false, nil
}

// Parse implements connect.Converter.
func (c *Converter) Parse(_ *data.Arena, _ string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return c.schema, data.Null(), nil
	}
	return c.schema, data.Bytes(b), nil
}

// AppendHeader implements connect.HeaderConverter.
func (c *Converter) AppendHeader(dst []byte, topic, _ string, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	return c.Append(dst, topic, nil, schema, v)
}

// ParseHeader implements connect.HeaderConverter.
func (c *Converter) ParseHeader(a *data.Arena, topic, _ string, b []byte) (*data.Schema, data.Value, error) {
	return c.Parse(a, topic, nil, b)
}

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}

// Plugins describes Kafka's ByteArrayConverter and Debezium's two.
func Plugins() []connect.Plugin {
	out := connect.ConverterPlugins("org.apache.kafka.connect.converters.ByteArrayConverter", "4.3.1", connect.ConverterDef(),
		func(map[string]string) (*Converter, error) { return New(), nil })
	for _, class := range []string{"io.debezium.converters.ByteArrayConverter", "io.debezium.converters.BinaryDataConverter"} {
		out = append(out, connect.ConverterPlugins(class, "3.6.1.Final", delegatingDef(), newDelegating)...)
	}
	return out
}
