package rest

import "github.com/millrace/millrace/herder"

// Herder answers the requests. Any error of its methods may be a
// herder.NotTarget, which has the request sent on to another worker.
type Herder interface {
	herder.Reader
	herder.Writer
	herder.Lifecycle
	herder.Signals
	herder.Offsets
	herder.Plugins
	herder.Loggers
	herder.Internals
}
