// Package rest is the HTTP side of a worker: the REST API of Kafka Connect, by
// which users manage connectors and workers of a group talk to one another.
//
// It holds no state of its own. A request is routed (routes.go), decoded by the
// file of its resource, answered by the herder, and written in one place
// (answer.go for results, errors.go for errors). A herder that is not the one
// to ask answers with a herder.NotTarget, and the request is sent on to the
// worker that is (forward.go, rest/client).
//
// A worker reads its Config with ParseConfig, opens the listeners with New,
// starts to answer with Start, and ends with Shutdown before it stops the
// herder: requests under way still ask it. The herder reaches other workers by
// Server.Client or a client.Client of its own.
package rest
