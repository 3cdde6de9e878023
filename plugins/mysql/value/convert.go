package value

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// convertFunc makes a value of a cell that is not null.
type convertFunc func(a *data.Arena, c *Cell) (data.Value, error)

// colType is what follows from a column's type: the schema so far, the value
// that stands for NULL where the column allows none (Debezium's fallback), and
// the conversion.
type colType struct {
	schema   *data.Builder
	fallback data.Value
	convert  convertFunc
	// bind, where there is one, makes fallback and convert for the final schema.
	bind func(*data.Schema) (convertFunc, data.Value)
	// nullIsFallback: the fallback stands for NULL even where NULL is allowed.
	nullIsFallback bool
	// bad stands for a value that cannot be converted; null for most types.
	bad data.Value
}

func simple(schema *data.Builder, fallback data.Value, convert convertFunc) colType {
	return colType{schema: schema, fallback: fallback, convert: convert}
}

func named(t data.Type, name string) *data.Builder { return data.New(t).Name(name).Version(1) }

func errKind(c *Cell, want string) error { return fmt.Errorf("%s where %s was expected", c.Kind, want) }

// typeOf finds the conversion of a column: by type name first, then by JDBC
// type, as BinlogValueConverters and JdbcValueConverters do. ok is false for
// types that change events leave out.
func typeOf(col *table.Column, o *Options) (t colType, ok bool) {
	switch col.Kind {
	case table.JSON:
		return jsonType(col), true
	case table.Geometry:
		return geometryType(col), true
	case table.Year:
		return yearType(), true
	case table.Enum, table.Set:
		return memberType(col), true
	case table.Vector:
		return vectorType(), true
	case table.UUID, table.Inet4, table.Inet6:
		return addressType(col.Kind), true
	case table.BigInt:
		if unsignedNamed(col, "BIGINT", "INT8") {
			return unsignedBigint(o), true
		}
	case table.TinyInt, table.SmallInt, table.MediumInt, table.Int:
		if t, ok := unsignedType(col); ok {
			return t, true
		}
	case table.Float:
		if isFloatNamed(col) && col.Scale == table.Unset && col.Length <= 24 {
			return float32Type(), true
		}
	}
	return jdbcType(col, o)
}

// unsignedNamed says whether the type is one of names with UNSIGNED.
func unsignedNamed(col *table.Column, names ...string) bool {
	upper := strings.ToUpper(col.TypeName)
	for _, n := range names {
		if upper == n+" UNSIGNED" || upper == n+" UNSIGNED ZEROFILL" || strings.HasPrefix(upper, n+" UNSIGNED(") {
			return true
		}
	}
	return false
}

func isFloatNamed(col *table.Column) bool {
	return strings.EqualFold(col.TypeName, "FLOAT") || strings.HasPrefix(strings.ToUpper(col.TypeName), "FLOAT(") ||
		unsignedNamed(col, "FLOAT")
}

func jdbcType(col *table.Column, o *Options) (colType, bool) {
	switch col.JDBCType {
	case table.JDBCBit:
		if col.Length > 1 {
			return bitsType(col.Length), true
		}
		return booleanType(), true
	case table.JDBCBoolean:
		return booleanType(), true
	case table.JDBCTinyInt:
		return intType(data.TypeInt8), true
	case table.JDBCSmallInt:
		return intType(data.TypeInt16), true
	case table.JDBCInteger:
		return intType(data.TypeInt32), true
	case table.JDBCBigInt:
		return intType(data.TypeInt64), true
	case table.JDBCReal:
		return float32Type(), true
	case table.JDBCFloat, table.JDBCDouble:
		return float64Type(), true
	case table.JDBCNumeric, table.JDBCDecimal:
		return decimalType(o.Decimal, col.Length, max(col.Scale, 0)), true
	case table.JDBCBlob, table.JDBCBinary, table.JDBCVarBinary, table.JDBCLongVarBinary:
		return binaryType(col, o.Binary), true
	case table.JDBCChar, table.JDBCVarChar, table.JDBCLongVarChar, table.JDBCNChar, table.JDBCNVarChar, jdbcLongNVarChar,
		jdbcClob, jdbcNClob:
		return stringType(col), true
	case table.JDBCDate:
		return dateType(o), true
	case table.JDBCTime:
		return timeType(o, col), true
	case table.JDBCTimestamp:
		return dateTimeType(o, col), true
	case table.JDBCTimestampWithTimezone:
		return timestampType(col), true
	}
	return colType{}, false
}

// JDBC types that only old schema histories contain.
const (
	jdbcLongNVarChar = -16
	jdbcClob         = 2005
	jdbcNClob        = 2011
)

func intType(t data.Type) colType {
	switch t {
	case data.TypeInt8:
		return simple(data.New(t), data.Int8(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			n, err := integer(c)
			return data.Int8(int8(n)), err
		})
	case data.TypeInt16:
		return simple(data.New(t), data.Int16(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			n, err := integer(c)
			return data.Int16(int16(n)), err
		})
	case data.TypeInt32:
		return simple(data.New(t), data.Int32(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			n, err := integer(c)
			return data.Int32(int32(n)), err
		})
	}
	return simple(data.New(data.TypeInt64), data.Int64(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
		n, err := integer(c)
		return data.Int64(n), err
	})
}

// integer is a cell's number without its fraction. Cells of other types than
// integers come where the schema history has another type than the server, as
// after ALTER TABLE ... ADD COLUMN IF NOT EXISTS of a column that exists.
// Source: JdbcValueConverters.convertInteger, Number.intValue.
func integer(c *Cell) (int64, error) {
	switch c.Kind {
	case Int:
		return c.Num, nil
	case Decimal:
		if int(c.Scale) >= len(pow10) {
			return 0, nil
		}
		return c.Num / pow10[c.Scale], nil
	case Float32, Float64:
		return int64(c.Float()), nil
	}
	return 0, errKind(c, "an integer")
}

func needInt(c *Cell) error {
	if c.Kind != Int {
		return errKind(c, "an integer")
	}
	return nil
}

// unsignedType converts unsigned integers of up to 32 bits, whose sign bit the
// binlog repeats, into the next larger signed type.
func unsignedType(col *table.Column) (colType, bool) {
	switch {
	case unsignedNamed(col, "TINYINT", "INT1"):
		return simple(data.New(data.TypeInt16), data.Int16(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return data.Int16(int16(uint8(c.Num))), needInt(c)
		}), true
	case unsignedNamed(col, "SMALLINT", "INT2"):
		return simple(data.New(data.TypeInt32), data.Int32(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return data.Int32(int32(uint16(c.Num))), needInt(c)
		}), true
	case unsignedNamed(col, "MEDIUMINT", "INT3", "MIDDLEINT"):
		return simple(data.New(data.TypeInt32), data.Int32(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return data.Int32(int32(c.Num) & 0xFFFFFF), needInt(c)
		}), true
	case unsignedNamed(col, "INT", "INTEGER", "INT4"):
		return simple(data.New(data.TypeInt64), data.Int64(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return data.Int64(int64(uint32(c.Num))), needInt(c)
		}), true
	}
	return colType{}, false
}

func unsignedBigint(o *Options) colType {
	if o.BigintUnsigned == BigintLong {
		return intType(data.TypeInt64)
	}
	return simple(decimalSchema(20, 0), data.Bytes([]byte{0}), func(a *data.Arena, c *Cell) (data.Value, error) {
		return uint64Decimal(a, uint64(c.Num)), needInt(c)
	})
}

func decimalSchema(precision, scale int) *data.Builder {
	return named(data.TypeBytes, "org.apache.kafka.connect.data.Decimal").
		Param("scale", strconv.Itoa(scale)).Param("connect.decimal.precision", strconv.Itoa(precision))
}

func decimalType(mode DecimalMode, precision, scale int) colType {
	switch mode {
	case DecimalString:
		zero := appendUnscaled(nil, 0, scale)
		return simple(data.New(data.TypeString), data.StringBytes(zero), stringDecimal)
	case DecimalDouble:
		return simple(data.New(data.TypeFloat64), data.Float64(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return doubleDecimal(c)
		})
	}
	return simple(decimalSchema(precision, scale), data.Bytes([]byte{0}), func(a *data.Arena, c *Cell) (data.Value, error) {
		return preciseDecimal(a, c, scale)
	})
}

func number(c *Cell) (float64, error) {
	switch c.Kind {
	case Float32, Float64:
		return c.Float(), nil
	case Int:
		return float64(c.Num), nil
	}
	return 0, errKind(c, "a number")
}

func float32Type() colType {
	return simple(data.New(data.TypeFloat32), data.Float32(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
		f, err := number(c)
		return data.Float32(float32(f)), err
	})
}

func float64Type() colType {
	return simple(data.New(data.TypeFloat64), data.Float64(0), func(_ *data.Arena, c *Cell) (data.Value, error) {
		f, err := number(c)
		return data.Float64(f), err
	})
}

func booleanType() colType {
	return simple(data.New(data.TypeBoolean), data.Boolean(false), func(_ *data.Arena, c *Cell) (data.Value, error) {
		switch c.Kind {
		case Int:
			return data.Boolean(c.Num != 0), nil
		case Bytes:
			return data.Boolean(len(c.Data) > 0 && c.Data[len(c.Data)-1]&1 != 0), nil
		}
		return data.Value{}, errKind(c, "a bit")
	})
}

// bitsType converts BIT(n), stored big-endian, to little-endian bytes.
func bitsType(n int) colType {
	size := (n + 7) / 8
	schema := named(data.TypeBytes, "io.debezium.data.Bits").Param("length", strconv.Itoa(n))
	return simple(schema, data.Bytes(nil), func(a *data.Arena, c *Cell) (data.Value, error) {
		if c.Kind != Bytes {
			return data.Value{}, errKind(c, "bits")
		}
		b := a.Bytes(max(size, len(c.Data)))
		clear(b)
		for i, v := range c.Data {
			b[len(c.Data)-1-i] = v
		}
		return data.Bytes(b), nil
	})
}
