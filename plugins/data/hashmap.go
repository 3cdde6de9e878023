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
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(HashBucket(a, len(m)), HashBucket(b, len(m))),
			cmp.Compare(added(a), added(b)),
			cmp.Compare(a, b),
		)
	})
}

// HashBucket is the bucket into which a string, or an object that hashes as this
// string does, falls in a java.util.HashMap or HashSet that has grown to n entries.
func HashBucket(key string, n int) uint32 { return hashBucket(key, n, 16) }

// HashBucketByOne is HashBucket of a HashMap that maps of one entry were put into
// (HashMap.putAll): it begins with two buckets.
func HashBucketByOne(key string, n int) uint32 { return hashBucket(key, n, 2) }

func hashBucket(key string, n int, buckets uint32) uint32 {
	for uint32(n)*4 > buckets*3 {
		buckets *= 2
	}
	var h uint32 // String.hashCode
	for _, unit := range utf16.Encode([]rune(key)) {
		h = 31*h + uint32(unit)
	}
	return (h ^ h>>16) & (buckets - 1)
}

// added is the rank of a key among those of a Debezium offset.
func added(key string) int {
	const tableOrder = "transaction_data_collection_order_"
	if strings.HasPrefix(key, tableOrder) {
		key = tableOrder
	}
	order := [...]string{"server_id", "gtids", "file", "pos", "event", "row", "ts_sec", "snapshot", "snapshot_completed",
		"transaction_id", tableOrder, "incremental_snapshot_primary_key", "incremental_snapshot_maximum_key",
		"incremental_snapshot_collections", "incremental_snapshot_correlation_id"}
	for i, name := range order {
		if name == key {
			return i
		}
	}
	return len(order)
}
