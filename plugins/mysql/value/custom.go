package value

import (
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Custom is one of Debezium's own implementations of CustomConverter for
// MySQL, as the property converters names them. Make one with TinyIntOneToBoolean,
// JDBCSinkTypes or ZeroDateFallback.
type Custom struct {
	typeOf func(id table.ID, col *table.Column, o *Options) (colType, bool)
}

// TinyIntOneToBoolean is io.debezium.connector.binlog.converters.TinyIntOneToBooleanConverter
// (also under mysql and mariadb): TINYINT(1) becomes a boolean. checkLength is
// its property length.checker, default true; selector nil matches all columns.
func TinyIntOneToBoolean(selector func(table.ID, *table.Column) bool, checkLength bool) Custom {
	return Custom{func(id table.ID, col *table.Column, _ *Options) (colType, bool) {
		if col.TypeName != "TINYINT" && col.TypeName != "TINYINT UNSIGNED" || checkLength && col.Length != 1 ||
			selector != nil && !selector(id, col) {
			return colType{}, false
		}
		return simple(data.New(data.TypeBoolean), data.Boolean(false), func(_ *data.Arena, c *Cell) (data.Value, error) {
			return data.Boolean(c.Num > 0), needInt(c)
		}), true
	}}
}

// JDBCSinkConfig holds the selectors of JdbcSinkDataTypesConverter; nil matches none.
type JDBCSinkConfig struct {
	Boolean, Real, String func(table.ID, *table.Column) bool
	// RealAsDouble is treat.real.as.double, default true.
	RealAsDouble bool
}

// JDBCSinkTypes is io.debezium.connector.binlog.converters.JdbcSinkDataTypesConverter.
func JDBCSinkTypes(cfg JDBCSinkConfig) Custom {
	selects := func(f func(table.ID, *table.Column) bool, id table.ID, col *table.Column) bool {
		return f != nil && f(id, col)
	}
	return Custom{func(id table.ID, col *table.Column, _ *Options) (colType, bool) {
		switch {
		case selects(cfg.Boolean, id, col):
			return simple(data.New(data.TypeInt16), data.Int16(0), zeroOrOne), true
		case selects(cfg.Real, id, col) && cfg.RealAsDouble:
			return float64Type(), true
		case selects(cfg.Real, id, col):
			return float32Type(), true
		case selects(cfg.String, id, col):
			t := stringType(col)
			t.schema.Param("__debezium.source.column.character_set", col.Charset)
			return t, true
		}
		return colType{}, false
	}}
}

func zeroOrOne(a *data.Arena, c *Cell) (data.Value, error) {
	v, err := booleanType().convert(a, c)
	if v.Bool() && !(c.Kind == Int && c.Num < 0) {
		return data.Int16(1), err
	}
	return data.Int16(0), err
}

// ZeroDateConfig configures ZeroDateFallbackConverter.
type ZeroDateConfig struct {
	Selector func(table.ID, *table.Column) bool // nil matches all columns
	// Fallback gives what stands for a zero date in the column, with ok false
	// when the column's type is not among target.types. The text is a date
	// (2000-01-01), a date and time (2000-01-01 00:00:00) or an instant
	// (2000-01-01T00:00:00Z) by the column's type; "" stands for null.
	Fallback func(table.ID, *table.Column) (text string, ok bool)
}

// ZeroDateFallback is io.debezium.connector.binlog.converters.ZeroDateFallbackConverter:
// zero dates, and NULL with them, become a date of the user's choice.
func ZeroDateFallback(cfg ZeroDateConfig) Custom {
	return Custom{func(id table.ID, col *table.Column, _ *Options) (colType, bool) {
		if cfg.Selector != nil && !cfg.Selector(id, col) {
			return colType{}, false
		}
		t, ok := zeroDateType(col)
		if !ok {
			return colType{}, false
		}
		text, ok := cfg.Fallback(id, col)
		if !ok {
			return colType{}, false
		}
		t.nullIsFallback, t.fallback = true, data.Null()
		if text == "" {
			t.schema.Optional()
		} else if t.fallback, ok = zeroDateFallback(col, t, text); !ok {
			return colType{}, false
		}
		return t, true
	}}
}

func zeroDateType(col *table.Column) (colType, bool) {
	switch {
	case col.JDBCType == table.JDBCDate:
		return dateType(&Options{}), true
	case col.JDBCType == table.JDBCTimestamp && strings.EqualFold(col.TypeName, "DATETIME"):
		return dateTimeType(&Options{}, col), true
	case col.JDBCType == table.JDBCTimestampWithTimezone:
		return timestampType(&table.Column{}), true
	}
	return colType{}, false
}

func zeroDateFallback(col *table.Column, t colType, text string) (data.Value, bool) {
	required := *col
	required.Optional = false
	cell, ok, err := defaultCell(&required, text)
	if !ok || err != nil {
		return data.Null(), false
	}
	v, err := t.convert(new(data.Arena), &cell)
	return v, err == nil
}

// CheckZeroDate says whether text can be a fallback for columns of a type:
// DATE, DATETIME or TIMESTAMP.
func CheckZeroDate(typeName, text string) bool {
	text = strings.TrimSpace(text)
	layout := map[string]string{"DATE": time.DateOnly, "DATETIME": time.DateTime, "TIMESTAMP": time.RFC3339Nano}[typeName]
	_, err := time.Parse(layout, text)
	return layout != "" && err == nil
}
