package value_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/value"
)

type partialFile struct {
	Types, Meta string
	Events      []goldenEvent
}

// TestDecodePartial reads updates that a server wrote with
// binlog_row_value_options=PARTIAL_JSON. A row after one update is, in full,
// the row before the next.
func TestDecodePartial(t *testing.T) {
	raw, err := os.ReadFile("testdata/partial-json.json")
	if err != nil {
		t.Fatal(err)
	}
	var f partialFile
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	d := goldenDecoder(t, &goldenTable{Types: f.Types, Meta: f.Meta})
	last := map[int64][]string{} // row after the latest update by id
	compared, refused := 0, 0
	for _, e := range f.Events {
		for image := unhex(t, e.Data); len(image) > 0; {
			var before []value.Cell
			before, image = decodeGolden(t, d, unhex(t, e.Present), image)
			if want := last[before[0].Num]; want != nil && e.Present == "ff" {
				compared++
				if got := texts(t, before); strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("row\n got %q\nwant %q", want, got)
				}
			}
			after := make([]value.Cell, d.Columns())
			image, err = d.DecodePartial(new(data.Arena), unhex(t, e.Present2), image, before, after)
			if err != nil {
				t.Fatal(err)
			}
			// Without the row before, a difference says too little.
			if slices.ContainsFunc(after, func(c value.Cell) bool { return c.Kind == value.Missing && c.Num == 1 }) {
				if e.Present == "ff" {
					t.Error("the row before is there")
				}
				refused++
				last[before[0].Num], image = nil, nil
				continue
			}
			last[after[0].Num] = texts(t, after)
		}
	}
	if compared < 6 || refused != 3 {
		t.Errorf("%d rows compared, %d refused", compared, refused)
	}
	if got := last[1][2]; !strings.Contains(got, `"added":[1,"2"]`) {
		t.Errorf("last b = %s", got)
	}
}

func texts(t *testing.T, cells []value.Cell) []string {
	t.Helper()
	var out []string
	for _, c := range cells {
		s := string(c.Data)
		if c.Kind == value.JSONBinary {
			b, err := value.AppendJSON(nil, c.Data)
			if err != nil {
				t.Fatal(err)
			}
			s = string(b)
		}
		out = append(out, s)
	}
	return out
}
