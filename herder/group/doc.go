// Package group speaks the group protocol of Kafka Connect's workers, so that
// our workers and Java's (2.3 to 4.3) can share one group. protocol.go holds
// the wire forms, member.go keeps a worker in the group, eager.go and
// incremental.go divide connectors and tasks when our worker leads it.
//
// # A round
//
//  1. The owner of a Member calls Join with the config offset it has read and
//     the work it holds. Under the eager protocol it must have stopped that
//     work before.
//  2. The member that Kafka elects gets Elected with everybody's metadata,
//     computes the assignments and calls Sync. All others sync by themselves.
//  3. Everybody gets Assigned. Under the compatible and sessioned protocols it
//     holds only what is new and what must be given up; a member that was asked
//     to give something up stops it and calls Join again at once.
//  4. Rebalance says that somebody joined, left or rejoins: back to 1. Work goes
//     on meanwhile, except under the eager protocol.
//  5. Lost says that the coordinator has not been reached for the length of a
//     session, so others may have been given our work: stop all of it, then
//     Join with nothing.
package group
