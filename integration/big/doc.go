// Package big proves that a worker's memory depends on nothing that is sent to it: neither on the size of a transaction,
// plain or compressed, nor on how slowly the broker takes what it writes. `make big` runs it at the size that GB says; the
// suite has a small size of the same.
package big
