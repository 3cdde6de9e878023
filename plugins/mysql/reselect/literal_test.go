package reselect

import (
	"math"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		typeName, charset string
		cell              value.Cell
		want              string
	}{
		{"INT", "", value.Cell{Kind: value.Int, Num: -5}, "-5"},
		{"TINYINT UNSIGNED", "", value.Cell{Kind: value.Int, Num: -1}, "255"},
		{"BIGINT UNSIGNED", "", value.Cell{Kind: value.Int, Num: -1}, "18446744073709551615"},
		{"ENUM", "utf8mb4", value.Cell{Kind: value.Int, Num: 2}, "2"},
		{"DOUBLE", "", value.Cell{Kind: value.Float64, Num: int64(math.Float64bits(-0.1))}, "-1e-01"},
		{"DECIMAL", "", value.Cell{Kind: value.Decimal, Num: -5, Scale: 3}, "-0.005"},
		{"DECIMAL", "", value.Cell{Kind: value.DecimalText, Data: []byte("12345678901234567890.5")}, "12345678901234567890.5"},
		{"DECIMAL", "", value.Cell{Kind: value.DecimalBig, Data: []byte{0xFE, 0, 0, 0, 0, 0, 0, 0, 0}, Scale: 1}, "-3689348814741910323.2"},
		{"DATE", "", value.Cell{Kind: value.Date, Num: value.PackDateTime(2020, 2, 3, 0, 0, 0, 0)}, "'2020-02-03'"},
		{"DATETIME", "", value.Cell{Kind: value.DateTime, Num: value.PackDateTime(2020, 2, 3, 4, 5, 6, 7)}, "'2020-02-03 04:05:06.000007'"},
		{"TIMESTAMP", "", value.Cell{Kind: value.Timestamp, Num: 1_500_000}, "'1970-01-01 00:00:01.500000'"},
		{"TIMESTAMP", "", value.Cell{Kind: value.Timestamp}, "'0000-00-00 00:00:00'"},
		{"TIME", "", value.Cell{Kind: value.Time, Num: -3_723_400_000}, "'-01:02:03.400000'"},
		{"VARCHAR", "latin1", value.Cell{Kind: value.Bytes, Data: []byte{0xe4}}, "_latin1 x'e4'"},
		{"VARBINARY", "", value.Cell{Kind: value.Bytes, Data: []byte{0, 1}}, "x'0001'"},
		{"BIT", "", value.Cell{Kind: value.Bytes, Data: []byte{1, 2}}, "258"},
		{"INT", "", value.Cell{Kind: value.Null}, "NULL"},
	} {
		column := &table.Column{Name: "c", TypeName: c.typeName, Charset: c.charset}
		column.Derive()
		got, err := literal(column, &c.cell)
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.typeName, got, err, c.want)
		}
	}
	for _, typeName := range []string{"FLOAT", "GEOMETRY", "JSON"} {
		column := &table.Column{Name: "c", TypeName: typeName}
		column.Derive()
		kind := map[string]value.Kind{"FLOAT": value.Float32, "GEOMETRY": value.Bytes, "JSON": value.JSONBinary}[typeName]
		if got, err := literal(column, &value.Cell{Kind: kind}); err == nil {
			t.Errorf("%s: got %s, want an error", typeName, got)
		}
	}
}
