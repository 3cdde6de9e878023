package position

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/quick"
)

func fromJSON(t testing.TB, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Offsets that Debezium 3.6.1 wrote (MariaDB: 3.5.0), and some of older releases.
func TestOffsetsOfDebezium(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Offset
		out  string // "" when it is rendered as it came
	}{
		"streaming": {
			in: `{"ts_sec":1795367287,"file":"mysql-bin.000001","pos":2783,"gtids":"` + uuidA + `:1-6","row":1,"server_id":223344,"event":3}`,
			want: Offset{File: "mysql-bin.000001", Pos: 2783, GTIDs: uuidA + ":1-6", Event: 3, Row: 1,
				Time: 1795367287, HasTime: true, ServerID: 223344},
		},
		"transaction metadata": {
			in: `{"transaction_id":"` + uuidA + `:11","ts_sec":1795367655,"file":"mysql-bin.000001","transaction_data_collection_order_tx.a":2,"pos":3226,"transaction_data_collection_order_tx.b":1,"gtids":"` + uuidA + `:1-10","server_id":223344,"event":7}`,
			want: Offset{File: "mysql-bin.000001", Pos: 3226, GTIDs: uuidA + ":1-10", Event: 7, Time: 1795367655, HasTime: true,
				ServerID: 223344, Transaction: &Transaction{ID: uuidA + ":11", Orders: map[string]int64{"tx.a": 2, "tx.b": 1}}},
		},
		"mariadb": {
			in: `{"transaction_id":"0-223345-84","ts_sec":1700000100,"file":"mariadb-bin.000001","pos":32873,"gtids":"0-223345-83,7-223345-1","transaction_data_collection_order_types.t_seq":1,"server_id":223345,"event":3}`,
			want: Offset{File: "mariadb-bin.000001", Pos: 32873, GTIDs: "0-223345-83,7-223345-1", Event: 3, Time: 1700000100, HasTime: true,
				ServerID: 223345, Transaction: &Transaction{ID: "0-223345-84", Orders: map[string]int64{"types.t_seq": 1}}},
		},
		"snapshot": {
			in:   `{"ts_sec":1,"file":"b.1","pos":157,"snapshot":"INITIAL"}`,
			want: Offset{File: "b.1", Pos: 157, Time: 1, HasTime: true, Snapshot: SnapshotInitial},
		},
		"snapshot of a release before 3.0": {
			in:   `{"file":"b.1","pos":157,"snapshot":true}`,
			want: Offset{File: "b.1", Pos: 157, Snapshot: SnapshotInitial},
			out:  `{"file":"b.1","pos":157,"snapshot":"INITIAL"}`,
		},
		"text values": {
			in:   `{"file":"b.1","pos":"157","row":"3","snapshot":"true","snapshot_completed":"true","gtids":"` + uuidA + ":1,\\n" + uuidB + `:1"}`,
			want: Offset{File: "b.1", Pos: 157, Row: 3, GTIDs: uuidA + ":1," + uuidB + ":1", Snapshot: SnapshotInitial, SnapshotCompleted: true},
			out:  `{"file":"b.1","gtids":"` + uuidA + ":1," + uuidB + `:1","pos":157,"row":3,"snapshot":"INITIAL"}`,
		},
		"incremental snapshot": {
			in: `{"file":"b.1","pos":4,"incremental_snapshot_maximum_key":"aced","incremental_snapshot_collections":"[]","incremental_snapshot_primary_key":null}`,
			want: Offset{File: "b.1", Pos: 4, Incremental: map[string]any{"incremental_snapshot_maximum_key": "aced",
				"incremental_snapshot_collections": "[]", "incremental_snapshot_primary_key": nil}},
		},
		"empty file": {in: `{"file":"","pos":0}`, want: Offset{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOffset(fromJSON(t, c.in))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if c.out == "" {
				c.out = c.in
			}
			if got, want := toJSON(t, got.Map()), toJSON(t, fromJSON(t, c.out)); got != want {
				t.Errorf("rendered %s\nwant     %s", got, want)
			}
		})
	}
}

func TestParseOffsetRejects(t *testing.T) {
	for _, in := range []string{`{}`, `{"pos":4}`, `{"file":7,"pos":4}`, `{"file":"b.1","pos":"x"}`, `{"file":"b.1","pos":-4}`,
		`{"file":"b.1","pos":[]}`, `{"file":"b.1","snapshot":"LATER"}`, `{"file":"b.1","snapshot":1}`, `{"file":"b.1","gtids":5}`,
		`{"file":"b.1","transaction_data_collection_order_a.b":"x"}`} {
		if o, err := ParseOffset(fromJSON(t, in)); err == nil {
			t.Errorf("%s was read as %+v", in, o)
		}
	}
}

func randomOffset(r *rand.Rand) Offset {
	o := Offset{File: "b.000001", Pos: r.Int64N(1000), Event: r.Int64N(3), Row: r.Int64N(3), ServerID: r.Int64N(2)}
	if r.IntN(2) == 0 {
		o.Time, o.HasTime = r.Int64N(2), true
	}
	switch r.IntN(4) {
	case 0:
		o.Snapshot = SnapshotBlocking
	case 1:
		o.Transaction = &Transaction{ID: "x", Orders: map[string]int64{"a.b": 1}}
	case 2:
		o.Incremental = map[string]any{"incremental_snapshot_maximum_key": "00"}
		o.GTIDs = uuidA + ":1-7"
	}
	return o
}

func TestOffsetRoundTrip(t *testing.T) {
	err := quick.Check(func(seed uint64) bool {
		o := randomOffset(rand.New(rand.NewPCG(seed, 3)))
		got, err := ParseOffset(fromJSON(t, toJSON(t, o.Map())))
		return err == nil && reflect.DeepEqual(got, o)
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestBase(t *testing.T) {
	var slab Slab
	b := slab.New(Base{File: "b.000001", Pos: 4, GTIDs: mustSet(t, MySQL, uuidA+":1-6").Text(), Event: 2, Time: 9, HasTime: true,
		ServerID: 1, Extra: &Extra{TransactionID: "tx", Orders: []TableOrder{{"d.a", 4}, {"d.b", 1}}, RowTable: 1, FirstRow: 2}})
	want := `{"event":2,"file":"b.000001","gtids":"` + uuidA + `:1-6","pos":4,"row":5,"server_id":1,` +
		`"transaction_data_collection_order_d.a":4,"transaction_data_collection_order_d.b":4,"transaction_id":"tx","ts_sec":9}`
	if got := toJSON(t, b.SourceOffset(5)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := testing.AllocsPerRun(640, func() { slab.New(*b) }); n > 0.05 {
		t.Errorf("a base costs %v allocations", n)
	}
}

func FuzzParseOffset(f *testing.F) {
	f.Add(`{"file":"b.1","pos":157,"snapshot":true}`)
	f.Add(`{"file":"b.1","pos":"1","transaction_data_collection_order_a":3,"transaction_id":null}`)
	f.Fuzz(func(t *testing.T, s string) {
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil {
			return
		}
		o, err := ParseOffset(m)
		if err != nil {
			return
		}
		if again, err := ParseOffset(o.Map()); err != nil || again.Pos != o.Pos || again.GTIDs != o.GTIDs {
			t.Errorf("%s: %+v, %v", s, again, err)
		}
	})
}

// A checkpoint comes back as it was, through an offset as JSON; Debezium's fields
// are not touched by it, and too long a one is left out.
func TestCheckpoint(t *testing.T) {
	o := Offset{File: "b.1", Pos: 157, Event: 2, Row: 1, Snapshot: SnapshotInitial, Checkpoint: &Checkpoint{
		Done: []string{"shop.a", "shop.ü"}, Table: "shop.b", Structure: "x", Key: [][]byte{[]byte("\xff'"), nil, {}}, Rows: 7, Total: 70,
	}}
	back, err := ParseOffset(fromJSON(t, toJSON(t, o.Map())))
	if err != nil || !reflect.DeepEqual(back, o) {
		t.Errorf("%+v, %v, want %+v", back, err, o)
	}
	plain := HistoryPosition(o.Map())
	if toJSON(t, plain) != `{"event":2,"file":"b.1","pos":157,"row":1}` {
		t.Errorf("in the history it is %s", toJSON(t, plain))
	}
	for len(o.Checkpoint.Done) < 20_000 {
		o.Checkpoint.Done = append(o.Checkpoint.Done, "a_database_with_a_name.a_table_with_a_name")
	}
	if m := o.Map(); m["snapshot"] != "INITIAL" || m["millrace_snapshot"] != nil {
		t.Errorf("too long: %d fields", len(m))
	}
	for _, malformed := range []any{"", "{", 7, nil} {
		back, err := ParseOffset(map[string]any{"file": "b.1", "pos": 4, "snapshot": "INITIAL", "millrace_snapshot": malformed})
		if err != nil || back.Checkpoint != nil || !back.SnapshotRunning() {
			t.Errorf("%v: %+v, %v", malformed, back, err)
		}
	}
}

func TestSnapshotRunning(t *testing.T) {
	for _, c := range []struct {
		snapshot  any
		completed bool
		want      bool
	}{
		{nil, false, false}, {true, false, true}, {"INITIAL", false, true}, {"INITIAL", true, false},
		{"BLOCKING", false, false}, {"INCREMENTAL", false, false},
	} {
		o, err := ParseOffset(map[string]any{"file": "b.1", "pos": 4, "snapshot": c.snapshot, "snapshot_completed": c.completed})
		if err != nil || o.SnapshotRunning() != c.want {
			t.Errorf("%v: %+v, %v", c, o, err)
		}
	}
}
