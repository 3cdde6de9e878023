package mysql

import (
	"math/big"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// A decimal key is compared with a number: with text the server would compare both
// as floating-point numbers, and find neighbours as well.
func TestRowsAreFoundByLongDecimals(t *testing.T) {
	id := &table.Column{Name: "id", TypeName: "DECIMAL", Kind: table.Decimal}
	of := &table.Table{ID: table.ID{Database: "d", Name: "t"}, Columns: []*table.Column{id}, PrimaryKey: []string{"id"}}
	unscaled, _ := new(big.Int).SetString("-123456789012345678905", 10)
	for _, cell := range []value.Cell{
		{Kind: value.DecimalText, Data: []byte("-12345678901234567890.5")},
		{Kind: value.DecimalBig, Data: data.AppendUnscaledBig(nil, unscaled), Scale: 1},
	} {
		got, err := selectRow(of, []value.Cell{cell})
		if want := "SELECT `id` FROM `d`.`t` WHERE `id` = -12345678901234567890.5"; err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", cell.Kind, got, err, want)
		}
	}
}
