package mysql

import (
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// A decimal key is compared with a number: with text the server would compare both
// as floating-point numbers, and find neighbours as well.
func TestRowsAreFoundByLongDecimals(t *testing.T) {
	id := &table.Column{Name: "id", TypeName: "DECIMAL", Kind: table.Decimal}
	of := &table.Table{ID: table.ID{Database: "d", Name: "t"}, Columns: []*table.Column{id}, PrimaryKey: []string{"id"}}
	cells := []value.Cell{{Kind: value.DecimalText, Data: []byte("-12345678901234567890.5")}}
	got, err := selectRow(of, cells)
	if want := "SELECT `id` FROM `d`.`t` WHERE `id` = -12345678901234567890.5"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
