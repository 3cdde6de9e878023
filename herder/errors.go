package herder

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error where it is born; the REST API derives the HTTP
// status from it and shows the message as it is.
type Kind int

// The kinds, with the status that a client sees.
const (
	Internal     Kind = iota // 500: the worker failed
	NotFound                 // 404
	Exists                   // 409: the connector exists already
	Conflict                 // 409: a rebalance or another change is under way; try again
	BadRequest               // 400: the request makes no sense
	BadConfig                // 400: the connector's configuration is invalid
	Forbidden                // 403: a signature does not match, or a feature is switched off
	Unavailable              // 503: the worker is still starting, or the session key is not known yet
	Timeout                  // 500: the worker did not finish in time
	Unauthorised             // 401: another worker's certificate or password was refused
)

// Error is an error with a kind and the message that clients see.
type Error struct {
	Kind    Kind
	Message string
	Err     error // the cause, for logs; may be nil
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error; a %w verb keeps the cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf returns the kind of err: that of the first Error in its chain, Timeout
// for a deadline, Internal otherwise.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Internal
}

// NotTarget says that another worker must handle the request: the leader, or
// the owner of the connector or task. The REST API forwards the request to URL,
// at most twice; without a URL, or after two hops, the answer is 409
// (RequestTargetException, HerderRequestHandler.completeOrForwardRequest).
type NotTarget struct {
	Message string // why
	URL     string // base address of the worker to ask, "" when unknown
}

func (e *NotTarget) Error() string { return e.Message }

// The messages of a request that could not be forwarded.
const (
	NoLeaderMessage = "Cannot complete request momentarily due to no known leader URL, " +
		"likely because a rebalance was underway."
	TooManyHopsMessage = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
	StaleMessage       = "Cannot complete request momentarily due to stale configuration " +
		"(typically caused by a concurrent config change)"
	StoppedFirstMessage = "Connectors must be in the STOPPED state before their offsets can be modified. " +
		"This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint"
	validateHint = "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
)

// ErrNotFound says that a connector is not configured.
func ErrNotFound(connector string) *Error {
	return Errorf(NotFound, "Connector %s not found", connector)
}

// ErrNameMismatch says that the name in a configuration differs from the one in
// the request.
func ErrNameMismatch(inConfig, inURL string) *Error {
	return Errorf(BadRequest, "Connector name configuration (%s) doesn't match connector name in the URL (%s)", inConfig, inURL)
}

// ErrInvalidConfig turns the errors of a validation into the answer to a request
// that creates or changes a connector; nil when there are none
// (AbstractHerder.maybeAddConfigErrors).
func ErrInvalidConfig(infos ConfigInfos) error {
	if infos.ErrorCount == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Connector configuration is invalid and contains the following %d error(s):", infos.ErrorCount)
	for _, c := range infos.Configs {
		if c.Value == nil {
			continue
		}
		for _, e := range c.Value.Errors {
			b.WriteByte('\n')
			b.WriteString(e)
		}
	}
	b.WriteString(validateHint)
	return &Error{Kind: BadConfig, Message: b.String()}
}
