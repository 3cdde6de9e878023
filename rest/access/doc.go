// Package access decides who may do what with the REST API of a worker: it tells
// who makes a request (bearer tokens of an OpenID provider, client certificates,
// or what another door has let in) and what role that gives for a connector.
//
// It is Millrace's own and off unless rest.access.rules is given; then nobody
// has a role that no rule gives.
//
// Errors are herder.Errors: Unauthorised when it is not known who asks,
// Forbidden when it is known and not enough, Unavailable when the provider
// cannot be asked. They quote neither tokens nor passwords.
package access
