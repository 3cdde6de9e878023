package event_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// script runs the four kinds of change and a truncation on a table with the
// primary key id, and returns one word for each record: its operation and key.
func script(t *testing.T, cfg event.Config) []string {
	t.Helper()
	cfg.Topics, cfg.Connector = event.TopicConfig{Prefix: "p", Delimiter: "."}, "mysql"
	b, err := event.NewBuilder(cfg, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Plan(sbtest())
	if err != nil {
		t.Fatal(err)
	}
	row := func(id int64) []value.Cell {
		return []value.Cell{{Kind: value.Int, Num: id}, {Kind: value.Int}, {Kind: value.Null}, {Kind: value.Null}}
	}
	var batch connect.Batch
	var src event.Source
	for _, err := range []error{
		p.Insert(&batch, &src, connect.Offset{}, row(1)),
		p.Update(&batch, &src, event.Offsets{}, row(1), row(1), nil),
		p.Update(&batch, &src, event.Offsets{}, row(1), row(2), nil),
		p.Delete(&batch, &src, event.Offsets{}, row(2)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Truncate(&batch, &src, connect.Offset{})
	return words(batch.Records)
}

func words(records []connect.SourceRecord) []string {
	var out []string
	for _, r := range records {
		word := "tombstone"
		if s := r.Value.Struct(); s != nil {
			op, _ := s.Get("op")
			word = op.Str()
		}
		if r.KeySchema != nil {
			word += toJSON(plain(r.KeySchema, r.Key))
		}
		out = append(out, strings.NewReplacer(`"id":`, "", "{", "", "}", "").Replace(word))
	}
	return out
}

func TestOperations(t *testing.T) {
	for _, c := range []struct {
		name, skipped string
		tombstones    bool
		want          string
	}{
		{"all", "none", true, "c1 u1 d1 tombstone1 c2 d2 tombstone2 t"},
		{"default", "t", true, "c1 u1 d1 tombstone1 c2 d2 tombstone2"},
		{"no tombstones", "t", false, "c1 u1 d1 c2 d2"},
		{"no inserts and deletions", "c, d,t", true, "u1 d1 tombstone1 c2"}, // a changed key is an update
		{"no updates", "u", false, "c1 d2 t"},
	} {
		got := script(t, event.Config{Skipped: c.skipped, Tombstones: c.tombstones})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

// An offset that counts a row as done stands in the last of its records alone.
func TestOnlyTheLastRecordOfARowCountsIt(t *testing.T) {
	before, after, both := connect.Offset{N: 1}, connect.Offset{N: 2}, connect.Offset{N: 3}
	row := func(id int64) []value.Cell {
		return []value.Cell{{Kind: value.Int, Num: id}, {Kind: value.Int}, {Kind: value.Null}, {Kind: value.Null}}
	}
	for _, c := range []struct {
		tombstones bool
		want       []connect.Offset
	}{
		{true, []connect.Offset{before, before, both, before, after}},
		{false, []connect.Offset{before, both, after}},
	} {
		b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, Connector: "mysql", Tombstones: c.tombstones}, &connect.SourcePartition{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.Plan(sbtest())
		if err != nil {
			t.Fatal(err)
		}
		var batch connect.Batch
		at := event.Offsets{Before: before, After: after}
		if err := p.Update(&batch, &event.Source{}, at, row(1), row(2), func(*event.Source) connect.Offset { return both }); err != nil {
			t.Fatal(err)
		}
		if err := p.Delete(&batch, &event.Source{}, at, row(2)); err != nil {
			t.Fatal(err)
		}
		var got []connect.Offset
		for _, r := range batch.Records {
			got = append(got, r.Offset)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("tombstones %t: %v, want %v", c.tombstones, got, c.want)
		}
	}
}

func TestWidth(t *testing.T) {
	_, p, row := newPlan(t, value.Options{})
	var batch connect.Batch
	err := p.Insert(&batch, &event.Source{}, connect.Offset{}, row[1:])
	if err == nil || !strings.Contains(err.Error(), "shop.orders") || len(batch.Records) != 0 {
		t.Errorf("%v, %d records", err, len(batch.Records))
	}
}

// TestFailingConversion checks that no half of a change is left in the batch.
func TestFailingConversion(t *testing.T) {
	b, err := event.NewBuilder(event.Config{
		Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, Connector: "mysql", Value: value.Options{OnError: value.ErrorFail},
	}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Plan(sbtest())
	if err != nil {
		t.Fatal(err)
	}
	good := []value.Cell{{Kind: value.Int, Num: 1}, {Kind: value.Int}, {Kind: value.Null}, {Kind: value.Null}}
	bad := []value.Cell{{Kind: value.Int, Num: 2}, {Kind: value.Int}, {Kind: value.Int}, {Kind: value.Null}}
	var batch connect.Batch
	err = p.Update(&batch, &event.Source{}, event.Offsets{}, good, bad, nil)
	if err == nil || !strings.Contains(err.Error(), "sb.sbtest1.c") || len(batch.Records) != 0 {
		t.Errorf("%v, %d records", err, len(batch.Records))
	}
}

func TestSnapshotMarkers(t *testing.T) {
	_, p, row := newPlan(t, value.Options{})
	var batch connect.Batch
	src := &event.Source{Marker: event.MarkFirst}
	if err := p.Read(&batch, src, connect.FixedOffset(map[string]any{"snapshot": "INITIAL"}), row); err != nil {
		t.Fatal(err)
	}
	r := &batch.Records[0]
	marker := func() string {
		source, _ := r.Value.Struct().Get("source")
		m, _ := source.Struct().Get("snapshot")
		return m.Str()
	}
	if marker() != "first" {
		t.Errorf("marker %s", marker())
	}
	p.SetLastOfTable(r)
	if marker() != "last_in_data_collection" || r.Offset.Map()["snapshot"] != "INITIAL" {
		t.Errorf("marker %s, offset %v", marker(), r.Offset.Map())
	}
	event.SetLast(r, connect.FixedOffset(map[string]any{}))
	if marker() != "last" || len(r.Offset.Map()) != 0 {
		t.Errorf("marker %s, offset %v", marker(), r.Offset.Map())
	}
}

func TestKeyColumns(t *testing.T) {
	for list, want := range map[string]string{
		"":                      "id",
		"sb.sbtest1:k,id":       "k,id",
		`sb\.sbtest\d:pad`:      "pad",
		"sb.other:k":            "id",
		"sb.sbtest1:k;.*:id,c":  "k,id,c",
		"SB.SBTEST1:K":          "k",
		"sb.sbtest1:k;.*:k,id":  "k,id",
		" sb.sbtest1 : k , id ": "k,id",
	} {
		b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, KeyColumns: list}, nil)
		if err != nil {
			t.Errorf("%q: %v", list, err)
			continue
		}
		p, err := b.Plan(sbtest())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range p.Key.Fields() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, ","); got != want {
			t.Errorf("%q: key %s, want %s", list, got, want)
		}
	}
	if _, err := event.NewBuilder(event.Config{KeyColumns: "sb.t"}, nil); err == nil || !strings.Contains(err.Error(), "message.key.columns") {
		t.Errorf("a table without columns: %v", err)
	}
}

func TestUnknownTypesAreLeftOut(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tab := sbtest()
	tab.Columns[1] = &table.Column{Name: "k", TypeName: "MYSTERY", JDBCType: table.JDBCOther}
	p, err := b.Plan(tab)
	if err != nil {
		t.Fatal(err)
	}
	if p.Value.Field("k") != nil || p.Value.Field("pad") == nil || p.Value.Type() != data.TypeStruct {
		t.Errorf("fields %v", p.Value.Fields())
	}
}

// TestFieldNameCollision checks that two names which become the same give an
// error that says how to mend it.
func TestFieldNameCollision(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, FieldNames: event.AdjustAvro}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tab := sbtest()
	for i, name := range []string{"a-b", "a_b"} {
		c := *tab.Columns[i]
		c.Name = name
		tab.Columns[i] = &c
	}
	tab.PrimaryKey = []string{"a-b"}
	if _, err := b.Plan(tab); err == nil || !strings.Contains(err.Error(), "field.name.adjustment.mode") {
		t.Errorf("error %v", err)
	}
}

// Debezium 1.x knows no markers but true, last and false.
func TestRelease1Markers(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p"}, Connector: "mysql", Release1: true}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Plan(sbtest())
	if err != nil {
		t.Fatal(err)
	}
	row := []value.Cell{{Kind: value.Int, Num: 1}, {Kind: value.Int}, {Kind: value.Null}, {Kind: value.Null}}
	var batch connect.Batch
	if err := p.Read(&batch, &event.Source{Marker: event.MarkFirst}, connect.Offset{}, row); err != nil {
		t.Fatal(err)
	}
	r := &batch.Records[0]
	check := func(want string) {
		t.Helper()
		source, err := r.Value.Struct().Get("source")
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := source.Struct().Get("snapshot"); m.Str() != want {
			t.Errorf("marker %q, want %q", m.Str(), want)
		}
	}
	check("true")
	p.SetLastOfTable(r)
	check("true")
	event.SetLast(r, connect.Offset{})
	check("last")
	schema := r.ValueSchema.Field("source").Schema.Field("snapshot").Schema
	if got, _ := schema.Param("allowed"); got != "true,last,false" {
		t.Errorf("allowed %q", got)
	}
}

// Cells are used again for other rows, so what a kind does not use may be left of another table's row: it does not make
// a key another one.
func TestKeyIsTheSameWhateverCellsHeldBefore(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, KeyColumns: "sb.sbtest1:c"}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Plan(sbtest())
	if err != nil {
		t.Fatal(err)
	}
	row := func(left int64, key string) []value.Cell {
		return []value.Cell{{Kind: value.Int, Num: 1}, {Kind: value.Int}, {Kind: value.Text, Data: []byte(key), Num: left, Scale: uint8(left)}, {Kind: value.Null, Num: left}}
	}
	var batch connect.Batch
	for _, after := range []string{"same", "other"} {
		if err := p.Update(&batch, &event.Source{}, event.Offsets{}, row(1, "same"), row(2, after), nil); err != nil {
			t.Fatal(err)
		}
	}
	var ops []string
	for i := range batch.Records {
		op, err := batch.Records[i].Value.Struct().Get("op")
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, op.Str())
	}
	if got := strings.Join(ops, " "); got != "u d c" {
		t.Errorf("operations %s, want u d c", got)
	}
}
