// Package herder decides what runs where in a worker cluster. It holds what its
// two implementations share: the results and kinds of errors that the REST API
// shows, the method set they offer, restart plans and the validation of
// connector configurations. herder/distributed runs a cluster on a Kafka group,
// herder/standalone a single worker.
package herder
