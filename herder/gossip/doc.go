// Package gossip lets Millrace workers tell each other what Kafka's group cannot
// carry: how busy each is, and that one has gone. It uses memberlist (SWIM).
//
// # What gossip may do
//
// It never decides who is in the group or who owns work. A leader uses it for
// two choices that the group protocol leaves open:
//
//   - Work whose owner Kafka has dropped from the group waits, because its owner
//     may come back (scheduled.rebalance.max.delay.ms). A leader need not wait
//     for an owner that gossip knows to be gone.
//   - Among members with equally much work, new work goes to the least busy.
//
// So a false suspicion moves work earlier than Java would, and never makes
// anything run twice: as long as Kafka lists a member, nobody gets its work.
//
// # Who owns what
//
// state.go is pure: Book merges what was heard, in any order and any number of
// times. gossip.go guards one Book by a lock, since memberlist calls from
// goroutines of its own; the goroutine of Run publishes the worker's own state
// and reports to the herder.
package gossip
