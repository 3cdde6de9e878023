// Package history keeps the schema history of a connector: the DDL that
// changed tables, with the position at which it did and the tables as they were
// afterwards. A connector that starts again recovers its tables from it.
//
// Records have the JSON form of Debezium's HistoryRecord byte for byte, so that
// Millrace and Debezium can take over each other's histories. A [Storage] holds
// them: a Kafka topic, a file, or memory.
//
// A [History] belongs to one goroutine, the one that owns the catalog.
package history
