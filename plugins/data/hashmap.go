package data

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// HashMapOrder lists the keys of a map in the order in which a java.util.HashMap
// iterates over them. Kafka Connect and Debezium write such maps to topics, where
// the bytes of a key decide about its partition, and show them to users.
//
// Keys that fall into the same bucket come in the order in which they were
// added, which a Go map does not remember: here it is that of Debezium's offsets
// (BinlogOffsetContext), and for other keys the order of their names.
func HashMapOrder[V any](m map[string]V) []string {
	buckets := uint32(16)
	for uint32(len(m))*4 > buckets*3 {
		buckets *= 2
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(spreadHash(a)&(buckets-1), spreadHash(b)&(buckets-1)),
			cmp.Compare(added(a), added(b)),
			cmp.Compare(a, b),
		)
	})
}

// spreadHash is String.hashCode as HashMap spreads it.
func spreadHash(s string) uint32 {
	var h uint32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h ^ h>>16
}

// added is the rank of a key among those of a Debezium offset.
func added(key string) int {
	const tableOrder = "transaction_data_collection_order_"
	if strings.HasPrefix(key, tableOrder) {
		key = tableOrder
	}
	order := [...]string{"server_id", "gtids", "file", "pos", "event", "row", "ts_sec", "snapshot", "snapshot_completed",
		"transaction_id", tableOrder, "incremental_snapshot_primary_key", "incremental_snapshot_maximum_key",
		"incremental_snapshot_collections", "incremental_snapshot_signal_correlation_id"}
	for i, name := range order {
		if name == key {
			return i
		}
	}
	return len(order)
}
