package history

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf16"
)

// hashOrder gives the keys of a map in the order in which a java.util.HashMap
// filled by Debezium iterates over them, because that is the order of the
// fields of a recorded position. Buckets are those of the size that the map
// grows to; keys that share one stand in the order in which Debezium puts them.
func hashOrder(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	buckets := uint32(16)
	for len(keys)*4 > int(buckets)*3 {
		buckets *= 2
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(javaHash(a)&(buckets-1), javaHash(b)&(buckets-1)),
			cmp.Compare(putRank(a), putRank(b)),
			cmp.Compare(a, b),
		)
	})
	return keys
}

// javaHash is String.hashCode as HashMap spreads it.
func javaHash(s string) uint32 {
	var h uint32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h ^ h>>16
}

// putRank is the order in which BinlogOffsetContext.getOffset puts its fields.
func putRank(key string) int {
	const tableOrder = "transaction_data_collection_order_"
	order := []string{"server_id", "gtids", "file", "pos", "event", "row", "ts_sec", "snapshot", "snapshot_completed",
		"transaction_id", tableOrder, "incremental_snapshot_primary_key", "incremental_snapshot_maximum_key",
		"incremental_snapshot_collections", "incremental_snapshot_signal_correlation_id"}
	if strings.HasPrefix(key, tableOrder) {
		key = tableOrder
	}
	if i := slices.Index(order, key); i >= 0 {
		return i
	}
	return len(order)
}
