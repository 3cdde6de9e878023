package incremental

import (
	"encoding/json"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// What a snapshot puts into offsets, as Debezium 3.6.1 wrote it.
func TestOffsetsAreThoseOfDebezium(t *testing.T) {
	var s state
	if s.offset() != nil {
		t.Error("an offset has fields though no snapshot runs")
	}
	s.add("run", []Collection{
		{ID: table.ID{Database: "snap", Name: "k"}},
		{ID: table.ID{Database: "snap", Name: "d"}, Condition: "d > 0", SurrogateKey: "x"},
	})
	want := `[{"incremental_snapshot_collections_id":"snap.k","incremental_snapshot_collections_additional_condition":null,"incremental_snapshot_collections_surrogate_key":null},` +
		`{"incremental_snapshot_collections_id":"snap.d","incremental_snapshot_collections_additional_condition":"(d > 0)","incremental_snapshot_collections_surrogate_key":"x"}]`
	got := s.offset()
	if got[fieldCollections] != want || got[fieldCorrelation] != "run" || got[fieldKey] != "aced000570" || got[fieldMaximum] != "aced000570" {
		t.Errorf("got %v", got)
	}
}

func TestStateComesBack(t *testing.T) {
	id := &table.Column{Name: "id", TypeName: "INT"}
	id.Derive()
	columns := []*table.Column{id}
	var s state
	s.add("", []Collection{{ID: table.ID{Database: "d", Name: "t.x"}, Condition: `a = "b" OR (c)`}})
	if err := s.until(columns, chunk.Key{{Text: "900"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.sent(columns, chunk.Key{{Text: "41"}}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s.offset())
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	back, err := load(fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.resolve(columns); err != nil {
		t.Fatal(err)
	}
	if len(back.collections) != 1 || back.collections[0] != s.collections[0] || back.last.values[0].Text != "41" || back.maximum.values[0].Text != "900" {
		t.Errorf("got %+v, want %+v", back, s)
	}
	again, _ := json.Marshal(back.offset())
	if string(again) != string(text) {
		t.Errorf("the offset is %s, and was %s", again, text)
	}
	back.next()
	if back.running() || back.offset() != nil {
		t.Error("the snapshot goes on behind its last table")
	}
	if _, err := load(map[string]any{fieldCollections: "nonsense"}); err == nil {
		t.Error("nonsense is taken for a list of tables")
	}
}

func TestKeyTexts(t *testing.T) {
	for _, k := range recordedKeys(t) {
		if k.Of != "the greatest key of the same table" {
			continue
		}
		columns, key := k.parse(t)
		want := "2,2,3,4,5,1.00,2020-01-01 00:00:00.0,2020-01-01 00:00:00.0,2020-02-02,PT11H22M33.44S,2020-01-01,0201,a,b,616263,ab"
		if got := keyText(columns, key); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for text, want := range map[string]string{"-11:22:33.00": "PT-11H-22M-33S", "00:00:00": "PT0S", "00:01:00.50": "PT1M0.5S", "100:00:00": "PT100H"} {
		if got := durationText(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
