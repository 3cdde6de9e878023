// Package number holds the converters of single numbers and booleans in binary
// form: org.apache.kafka.connect.converters.{Boolean,Short,Integer,Long,Float,Double}Converter.
// Numbers are big-endian; a boolean is the byte 1 or 0.
package number

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// Converter converts values of one type.
type Converter struct {
	typ    data.Type
	schema *data.Schema // of parsed values
}

var (
	_ connect.Converter       = (*Converter)(nil)
	_ connect.HeaderConverter = (*Converter)(nil)
)

// New makes a converter of INT16, INT32, INT64, FLOAT32, FLOAT64 or BOOLEAN values.
func New(t data.Type) *Converter {
	return &Converter{t, data.New(t).Optional().Build()}
}

// javaName is how Java's errors call the type.
func (c *Converter) javaName() string {
	switch c.typ {
	case data.TypeInt16:
		return "short"
	case data.TypeInt32:
		return "integer"
	case data.TypeInt64:
		return "long"
	case data.TypeFloat32:
		return "float"
	case data.TypeFloat64:
		return "double"
	}
	return "boolean"
}

// Append implements connect.Converter.
func (c *Converter) Append(dst []byte, _ string, _ *[]connect.Header, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	isBool := c.typ == data.TypeBoolean
	switch {
	case isBool && schema != nil && schema.Type() != data.TypeBoolean:
		return dst, false, dataError("Invalid schema type for BooleanConverter: %s", schema.Type().EnumName())
	case v.IsNull():
		return dst, true, nil
	case v.Kind() != c.typ.Kind() && isBool:
		return dst, false, dataError("BooleanConverter is not compatible with objects of type class %s", v.Kind().JavaClass())
	case v.Kind() != c.typ.Kind(), schema != nil && schema.Logical() != data.LogicalNone:
		return dst, false, dataError("Failed to serialize to %s (was class %s): ", c.javaName(), data.JavaClassOf(schema, v))
	}
	order := binary.BigEndian
	switch c.typ {
	case data.TypeInt16:
		return order.AppendUint16(dst, uint16(v.Int())), false, nil
	case data.TypeInt32:
		return order.AppendUint32(dst, uint32(v.Int())), false, nil
	case data.TypeInt64:
		return order.AppendUint64(dst, uint64(v.Int())), false, nil
	case data.TypeFloat32:
		return order.AppendUint32(dst, math.Float32bits(float32(v.Float()))), false, nil
	case data.TypeFloat64:
		return order.AppendUint64(dst, math.Float64bits(v.Float())), false, nil
	}
	if v.Bool() {
		return append(dst, 1), false, nil
	}
	return append(dst, 0), false, nil
}

// Parse implements connect.Converter.
func (c *Converter) Parse(_ *data.Arena, _ string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return c.schema, data.Null(), nil
	}
	if size := c.size(); len(b) != size {
		return nil, data.Value{}, dataError("Failed to deserialize %s: %w", c.javaName(), fmt.Errorf("the size of the data is not %d but %d", size, len(b)))
	}
	order := binary.BigEndian
	switch c.typ {
	case data.TypeInt16:
		return c.schema, data.Int16(int16(order.Uint16(b))), nil
	case data.TypeInt32:
		return c.schema, data.Int32(int32(order.Uint32(b))), nil
	case data.TypeInt64:
		return c.schema, data.Int64(int64(order.Uint64(b))), nil
	case data.TypeFloat32:
		return c.schema, data.Float32(math.Float32frombits(order.Uint32(b))), nil
	case data.TypeFloat64:
		return c.schema, data.Float64(math.Float64frombits(order.Uint64(b))), nil
	}
	if b[0] > 1 {
		return nil, data.Value{}, dataError("Failed to deserialize boolean: Unexpected byte received by BooleanDeserializer: %d", int8(b[0]))
	}
	return c.schema, data.Boolean(b[0] == 1), nil
}

func (c *Converter) size() int {
	switch c.typ {
	case data.TypeInt16:
		return 2
	case data.TypeInt32, data.TypeFloat32:
		return 4
	case data.TypeBoolean:
		return 1
	}
	return 8
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

// Plugins describes the converters. Their one property is converter.type (NumberConverterConfig).
func Plugins() []connect.Plugin {
	var out []connect.Plugin
	def := connect.ConverterDef()
	for _, p := range []struct {
		name string
		typ  data.Type
	}{
		{"Boolean", data.TypeBoolean}, {"Short", data.TypeInt16}, {"Integer", data.TypeInt32},
		{"Long", data.TypeInt64}, {"Float", data.TypeFloat32}, {"Double", data.TypeFloat64},
	} {
		build := func(map[string]string) (*Converter, error) { return New(p.typ), nil }
		out = append(out, connect.ConverterPlugins("org.apache.kafka.connect.converters."+p.name+"Converter", "4.3.1", def, build)...)
	}
	return out
}
