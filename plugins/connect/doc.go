// Package connect is what the author of a plugin sees: the interfaces that
// connectors, tasks, converters, transforms, predicates, config providers and
// override policies implement, and the records that pass between them.
//
// # Life of a source task
//
//  1. Start is called once. It reads its last offsets through the context.
//  2. Poll is called from one goroutine, again and again, each time with an
//     empty batch. It fills the batch with what is ready, waiting for the first
//     record only, and returns. Everything put into the batch (records and the
//     memory of its arena) belongs to the runtime until it calls Poll with the
//     same batch again: a task must not keep references to it.
//  3. Committed (optional, see Committer) is called after offsets were durably
//     written, from another goroutine than Poll.
//  4. Stop is called once, after Poll has returned for the last time or when
//     Start failed; the context given to Poll is cancelled before it.
//
// # What the runtime promises
//
// Records of one task that go to the same Kafka partition are written in the
// order in which they stand in their batches. The offset of a record is written
// only after the record, and all records of the same source partition before
// it, have been acknowledged by every in-sync replica, or were dropped by a
// transform or a tolerance rule.
package connect
