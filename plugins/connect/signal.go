package connect

import "errors"

// SignalTaker is implemented by source tasks that take orders while they run, such
// as to read a table anew. Signal is called from any goroutine, after Start has
// returned and until Stop is called; it does not wait until the order is carried
// out. An error says why the task does not take it: ErrTooManySignals, or what is
// wrong with the signal or the connector's configuration.
type SignalTaker interface {
	Signal(s Signal) error
}

// Signal is an order to a task.
type Signal struct {
	ID   string // chosen by who sends it
	Type string // what to do
	Data string // JSON, "" for none
}

// ErrTooManySignals says that a task has not come to carry out those that it has.
var ErrTooManySignals = errors.New("too many signals wait; send it again later")
