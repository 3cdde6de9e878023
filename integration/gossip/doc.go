// Package gossip proves with worker processes what gossip may do, and what it may
// not: work of a worker that is gone moves as soon as Kafka's group has dropped
// its owner, and never before.
package gossip
