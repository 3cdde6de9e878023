package data

import (
	"cmp"
	"slices"
	"testing"
)

// The orders are those in which a Java worker wrote these offsets.
func TestHashMapOrder(t *testing.T) {
	for _, want := range [][]string{
		{"ts_sec", "file", "pos", "gtids", "snapshot"},
		{"ts_sec", "file", "pos", "gtids", "row", "server_id", "event"},
		{"ts_sec", "file", "pos", "gtids"},
		{"transaction_id", "ts_sec", "file", "transaction_data_collection_order_tx.a", "pos", "transaction_data_collection_order_tx.b", "gtids", "server_id", "event"},
	} {
		m := map[string]any{}
		for _, k := range want {
			m[k] = nil
		}
		if got := HashMapOrder(m); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// The orders in which a HashMap iterates over what was put into it by putAll, one entry at a time.
func TestHashBucketByOne(t *testing.T) {
	for _, want := range [][]string{
		{"zzz.red", "zzz.pink", "zzz.amber", "zzz.blue", "zzz.green"},
		{"aaa.u", "aaa.t"},
		{"aaa.t"},
	} {
		got := slices.Sorted(slices.Values(want))
		slices.SortStableFunc(got, func(a, b string) int {
			return cmp.Compare(HashBucketByOne(a, len(want)), HashBucketByOne(b, len(want)))
		})
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
