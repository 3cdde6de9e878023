// Package kafka turns the client properties of Java's Kafka clients into
// connections, and does on them what Millrace's stores need: create and check
// topics, append records, and read compacted topics to their end.
//
// # Clients
//
// A Client is one set of connections made from one set of Java properties. A
// process opens three (producer, consumer, admin), because a consumer's long
// poll holds up every other request on the same connection.
//
// # Reading to the end
//
// A Reader owns its position in each partition of a topic and counts control
// records into it, which sarama's own consumer hides: the end of a topic that
// was written in transactions could never be recognised without. As Java's
// KafkaBasedLog does, the end is the high watermark even under read_committed,
// so that reading to the end waits for transactions that are still open.
package kafka
