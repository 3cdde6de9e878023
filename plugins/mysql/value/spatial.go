package value

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// wkbPointSize is the size of a point: byte order, type, x and y.
const wkbPointSize = 1 + 4 + 8 + 8

// emptyCollection is the geometry that stands for NULL in columns without NULL.
func emptyCollection() []byte { return []byte{1, 7, 0, 0, 0, 0, 0, 0, 0} }

// geometryType converts spatial values, stored as a little-endian SRID and WKB
// (io.debezium.data.geometry.Geometry and Point). SRID 0 is null.
func geometryType(col *table.Column) colType {
	point := strings.EqualFold(col.BaseType(), "POINT")
	b := data.NewStruct().Version(1)
	optionalInt := data.New(data.TypeInt32).Optional().Build()
	if point {
		b.Name("io.debezium.data.geometry.Point").Doc("Geometry (POINT)")
		b.Field("x", data.New(data.TypeFloat64).Build()).Field("y", data.New(data.TypeFloat64).Build())
		b.Field("wkb", data.New(data.TypeBytes).Optional().Build())
	} else {
		b.Name("io.debezium.data.geometry.Geometry").Doc("Geometry")
		b.Field("wkb", data.New(data.TypeBytes).Build())
	}
	b.Field("srid", optionalInt)
	return colType{schema: b, bind: func(schema *data.Schema) (convertFunc, data.Value) {
		return func(a *data.Arena, c *Cell) (data.Value, error) {
			return convertGeometry(a, c, schema, point)
		}, emptyGeometry(schema, point)
	}}
}

func emptyGeometry(schema *data.Schema, point bool) data.Value {
	s := data.NewStructValue(schema)
	wkb := data.Bytes(emptyCollection())
	if !point {
		s.Set(0, wkb)
		return data.StructOf(s)
	}
	s.Set(0, data.Float64(0))
	s.Set(1, data.Float64(0))
	s.Set(2, wkb)
	return data.StructOf(s)
}

func convertGeometry(a *data.Arena, c *Cell, schema *data.Schema, point bool) (data.Value, error) {
	if c.Kind != Bytes || len(c.Data) < 4 {
		return data.Value{}, errKind(c, "a geometry")
	}
	s := a.Struct(schema)
	f := s.Fields()
	wkb := c.Data[4:]
	at := 0
	if point {
		if len(wkb) != wkbPointSize {
			return data.Value{}, errors.New("a value of a POINT column is not a point")
		}
		order := byteOrder(wkb[0])
		f[0] = data.Float64(math.Float64frombits(order.Uint64(wkb[5:])))
		f[1] = data.Float64(math.Float64frombits(order.Uint64(wkb[13:])))
		at = 2
	}
	f[at] = data.Bytes(a.Copy(wkb))
	if srid := binary.LittleEndian.Uint32(c.Data); srid != 0 {
		f[at+1] = data.Int32(int32(srid))
	}
	return data.StructOf(s), nil
}

func byteOrder(mark byte) binary.ByteOrder {
	if mark == 0 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
