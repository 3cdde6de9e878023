// Package offset keeps the offsets of source connectors (KafkaOffsetBackingStore).
//
// A record's key is ["connector",{source partition}] and its value the offset, a
// JSON object of primitive values; a tombstone removes it. Several Kafka
// partitions share the load, and a key always goes to the same one.
//
// A task that writes in transactions encodes its offsets with Key and Value and
// sends them itself, in the transaction that holds their records.
package offset
