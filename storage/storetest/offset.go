package storetest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/offset"
)

// OffsetStores makes stores for the offset suite; see ConfigStores.
type OffsetStores struct {
	New    func(t *testing.T) func() offset.Store
	Shared bool
}

// Offset runs the suite.
func Offset(t *testing.T, stores OffsetStores) {
	cases := map[string]func(*testing.T, func() offset.Store){
		"GetAndSet":  testGetAndSet,
		"Removal":    testOffsetRemoval,
		"Values":     testOffsetValues,
		"Refusals":   testOffsetRefusals,
		"Concurrent": testConcurrentOffsets,
	}
	if stores.Shared {
		cases["Reopened"] = testOffsetsReopened
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			open := stores.New(t)
			run(t, func() offset.Store {
				s := open()
				t.Cleanup(s.Close)
				return s
			})
		})
	}
}

type fields = map[string]any

func setOffset(t *testing.T, s offset.Store, connector string, partition, off fields) {
	t.Helper()
	if err := s.Set(t.Context(), connector, connect.PartitionOffset{Partition: partition, Offset: off}); err != nil {
		t.Fatal(err)
	}
}

func getOffset(t *testing.T, s offset.Store, connector string, partition fields) fields {
	t.Helper()
	o, err := s.Get(t.Context(), connector, partition)
	if err != nil {
		t.Fatal(err)
	}
	return o[0]
}

func testGetAndSet(t *testing.T, open func() offset.Store) {
	s := open()
	p, q := fields{"server": "x"}, fields{"server": "x", "database": "y", "n": int64(3)}
	if got := getOffset(t, s, "c", p); got != nil {
		t.Errorf("an offset from nowhere: %v", got)
	}
	setOffset(t, s, "c", p, fields{"pos": int64(1)})
	setOffset(t, s, "c", q, fields{"pos": int64(2)})
	setOffset(t, s, "other", p, fields{"pos": int64(3)})
	setOffset(t, s, "c", p, fields{"pos": int64(4)})
	got, err := s.Get(t.Context(), "c", q, fields{"server": "unknown"}, p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0]["pos"] != int64(2) || got[1] != nil || got[2]["pos"] != int64(4) {
		t.Errorf("offsets %v", got)
	}
	all, err := s.All(t.Context(), "c")
	if err != nil || len(all) != 2 {
		t.Fatalf("all offsets: %v %v", all, err)
	}
	if !slices.ContainsFunc(all, func(o connect.PartitionOffset) bool { return maps.Equal(o.Partition, q) }) {
		t.Errorf("partition %v is missing in %v", q, all)
	}
}

func testOffsetRemoval(t *testing.T, open func() offset.Store) {
	s := open()
	p := fields{"a": "1"}
	setOffset(t, s, "c", p, fields{"pos": int64(1)})
	setOffset(t, s, "c", p, nil)
	if got := getOffset(t, s, "c", p); got != nil {
		t.Errorf("a removed offset: %v", got)
	}
	if all, err := s.All(t.Context(), "c"); err != nil || len(all) != 0 {
		t.Errorf("all offsets: %v %v", all, err)
	}
	setOffset(t, s, "c", p, fields{"pos": int64(2)})
	if got := getOffset(t, s, "c", p); got["pos"] != int64(2) {
		t.Errorf("an offset after its removal: %v", got)
	}
}

func testOffsetValues(t *testing.T, open func() offset.Store) {
	s := open()
	want := fields{"s": "a \" b \\ ü \x01", "t": true, "max": int64(math.MaxInt64), "min": int64(math.MinInt64), "f": 1.5, "big": 1e300, "null": nil}
	setOffset(t, s, "c", want, want)
	if got := getOffset(t, s, "c", want); !maps.Equal(got, want) {
		t.Errorf("offset %v, want %v", got, want)
	}
	setOffset(t, s, "c", fields{}, fields{})
	if got := getOffset(t, s, "c", fields{}); got == nil || len(got) != 0 {
		t.Errorf("empty offset: %v", got)
	}
}

func testOffsetRefusals(t *testing.T, open func() offset.Store) {
	s := open()
	for _, o := range []connect.PartitionOffset{
		{Partition: fields{"m": fields{}}, Offset: fields{}},
		{Partition: fields{}, Offset: fields{"list": []any{1}}},
	} {
		if err := s.Set(t.Context(), "c", o); err == nil {
			t.Errorf("%v was written", o)
		}
	}
}

func testConcurrentOffsets(t *testing.T, open func() offset.Store) {
	s := open()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := fields{"task": fmt.Sprint(i)}
			w := offset.NewWriter(s, "c")
			for n := range 10 {
				if err := w.Put(p, fields{"n": int64(n)}); err != nil {
					t.Error(err)
				}
				if _, err := w.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
			got, err := offset.Reader{Store: s, Connector: "c"}.Offset(t.Context(), p)
			if err != nil || got["n"] != int64(9) {
				t.Errorf("task %d: %v %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

func testOffsetsReopened(t *testing.T, open func() offset.Store) {
	s := open()
	setOffset(t, s, "c", fields{"a": "1", "b": "2"}, fields{"pos": int64(7)})
	setOffset(t, s, "c", fields{"a": "gone"}, fields{"pos": int64(8)})
	setOffset(t, s, "c", fields{"a": "gone"}, nil)
	again := open() // beside the first
	if got := getOffset(t, again, "c", fields{"b": "2", "a": "1"}); got["pos"] != int64(7) {
		t.Errorf("offset after reopening: %v", got)
	}
	if all, err := again.All(t.Context(), "c"); err != nil || len(all) != 1 {
		t.Errorf("all offsets: %v %v", all, err)
	}
}
