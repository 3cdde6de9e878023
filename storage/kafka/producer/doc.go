// Package producer writes records to Kafka along the hot path: a converter
// appends keys and values straight into the batch that goes to the broker, and
// nothing is allocated per record.
//
// # Life of a record
//
//  1. The appending goroutine calls Topic, Begin, Value, End (or Abandon).
//     Begin chooses the partition and waits while the producer's memory is used up:
//     buffer.memory, or its share of the Pool.
//  2. A batch is sealed when it is full, when Flush says that the input is idle,
//     or when memory is short. The sealed batch goes to the sender.
//  3. The sender merges small batches of a partition that wait for their turn,
//     gives the batch its sequence number and hands it to a connection, at most
//     one batch per partition in a request and five requests on their way.
//  4. The connection compresses, checksums and writes it.
//  5. When the answer is there the sender retries the batch, splits it, or
//     reports it to Acks with the tags of its records, and its buffer is free.
//
// # Who owns what
//
//	appending goroutine   open batches, topic handles, the record under construction
//	sender (one)          partitions' queues, sequence numbers, producer id,
//	                      retries, leaders, delivery timeouts, transactions
//	connection writer     socket's writing side, compressor, request buffers
//	connection reader     socket's reading side
//	short helpers         one metadata refresh, one coordinator request at a time
//
// A batch belongs to exactly one of them at a time: appending goroutine, then
// sender, then connection, then sender again. Goroutines talk through the
// sender's mailbox, which never blocks who posts to it; memory bounds how many
// batches can be in it.
//
// # Order and exactly once
//
// Producer is idempotent (KIP-98): batches of a partition carry consecutive
// sequence numbers and a broker accepts them in order only. When a batch fails,
// the partition is recovering: nothing more is sent to it until every batch on
// its way has come back, then the oldest goes first, one at a time until the
// fate of all of them is known: brokers recognise the last five batches of a
// producer, so none may be written behind one in doubt. When the leader moves, the
// new one gets nothing before the old one has answered. Until the first batch of a
// producer id has been acknowledged only one is on its way, because a broker
// accepts any first sequence number (KAFKA-15591).
//
// A batch that can never be written leaves a gap, which is closed by numbering
// the batches behind it anew; where a batch may have been written in spite of its
// error, or the broker has lost its state, the producer takes a new producer id
// (KIP-360), and delivery of the batches in doubt is at least once, as Java's.
//
// Transactions overlap: batches of the next one are taken while the end of the
// one before is under way, but none is sent before the coordinator has answered.
package producer
