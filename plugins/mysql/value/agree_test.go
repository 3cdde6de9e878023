package value_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// TestReadPathsAgree compares, column by column, what a SELECT and what the
// binlog gave for the same rows. The exceptions are what the package
// documentation lists, and FLOAT, of which the server prints six digits.
func TestReadPathsAgree(t *testing.T) {
	differ := map[string]bool{"j": true, "e": true, "y": true, "f7": true, "tsd": true, "tsd3": true}
	for _, file := range []string{"types", "types-modes-a", "types-modes-b", "types-modes-c"} {
		g := loadGolden(t, "testdata/"+file+".json")
		compared := 0
		for _, tab := range g.Tables {
			columns, compiled := compileGolden(t, g.Config, tab)
			rows := insertedRows(t, tab)
			text := value.NewTextDecoder(columns, value.TextOptions{})
			for i, row := range tab.Text {
				cells := make([]value.Cell, len(columns))
				if err := text.DecodeRow(unhex(t, row), cells); err != nil {
					t.Fatal(err)
				}
				for k, c := range compiled {
					if k == 0 || differ[c.Name] || tab.Name == "t_bin" && c.Name == "seq" {
						continue
					}
					if a, b := rendering(t, c, &cells[k]), rendering(t, c, &rows[i][k]); a != b {
						t.Errorf("%s %s row %d: %s is %s selected, %s streamed", file, tab.Name, i+1, c.Name, a, b)
					}
					compared++
				}
			}
		}
		if compared < 300 {
			t.Errorf("%s: %d values compared", file, compared)
		}
	}
}

func insertedRows(t *testing.T, tab *goldenTable) [][]value.Cell {
	t.Helper()
	d := goldenDecoder(t, tab)
	var rows [][]value.Cell
	for _, e := range tab.Events {
		for image := unhex(t, e.Data); e.Type == 30 && len(image) > 0; {
			var cells []value.Cell
			cells, image = decodeGolden(t, d, unhex(t, e.Present), image)
			rows = append(rows, cells)
		}
	}
	return rows
}

func rendering(t *testing.T, c *value.Column, cell *value.Cell) string {
	t.Helper()
	v, err := c.Convert(new(data.Arena), cell)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(plain(c.Schema, v))
}

func TestMalformedJSONColumn(t *testing.T) {
	col := column("JSON", 1111, -1)
	bad := value.Cell{Kind: value.JSONBinary, Data: []byte{0x0E}}
	if v := convert(t, compile(t, col, value.Options{}), bad); !v.IsNull() {
		t.Errorf("malformed JSON is %q", v.Str())
	}
	col.Optional = false
	if v := convert(t, compile(t, col, value.Options{}), bad); v.Str() != "{}" {
		t.Errorf("malformed JSON is %q where null is not allowed", v.Str())
	}
}

// TestNoAllocations decodes and converts real rows of every type.
func TestNoAllocations(t *testing.T) {
	for _, file := range []string{"types", "types-modes-a", "types-modes-b"} {
		g := loadGolden(t, "testdata/"+file+".json")
		for _, tab := range g.Tables {
			columns, compiled := compileGolden(t, g.Config, tab)
			text := value.NewTextDecoder(columns, value.TextOptions{})
			d := goldenDecoder(t, tab)
			row, event := unhex(t, tab.Text[0]), tab.Events[0]
			image, present := unhex(t, event.Data), unhex(t, event.Present)
			cells := make([]value.Cell, len(columns))
			var a data.Arena
			convertAll := func() {
				for i, c := range compiled {
					if _, err := c.Convert(&a, &cells[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
			n := testing.AllocsPerRun(50, func() {
				a.Reset()
				if err := text.DecodeRow(row, cells); err != nil {
					t.Fatal(err)
				}
				if tab.Name != "t_time" { // connect and isostring cannot express all its values
					convertAll()
				}
				if _, err := d.Decode(&a, present, image, cells); err != nil {
					t.Fatal(err)
				}
				if tab.Name != "t_time" {
					convertAll()
				}
			})
			if n != 0 {
				t.Errorf("%s %s: %v allocations a row", file, tab.Name, n)
			}
		}
	}
}
