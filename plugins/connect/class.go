package connect

import "errors"

// Class says what may help against an error. It is decided where the error is
// born; a worker that restarts failed tasks goes by it.
type Class string

// The classes of errors.
const (
	ClassRetriable Class = "retriable" // it may pass by itself: a connection broke, a server was too slow
	ClassConfig    Class = "config"    // somebody must change a configuration, also one of another system: a login, a right
	ClassData      Class = "data"      // the same record would fail again
	ClassFatal     Class = "fatal"     // everything else, such as a panic of a plugin
)

// Classified is an error that knows its class; "" leaves it to its causes.
type Classified interface{ ErrorClass() Class }

// ClassOf is the class of the first error in a chain that has one; "" when none has.
func ClassOf(err error) Class {
	for err != nil {
		if c, ok := err.(Classified); ok { // not errors.As: its causes are asked by themselves
			if class := c.ErrorClass(); class != "" {
				return class
			}
		}
		if list, ok := err.(interface{ Unwrap() []error }); ok {
			for _, cause := range list.Unwrap() {
				if class := ClassOf(cause); class != "" {
					return class
				}
			}
			return ""
		}
		err = errors.Unwrap(err)
	}
	return ""
}

// ErrorClass implements Classified.
func (*RetriableError) ErrorClass() Class { return ClassRetriable }

// ErrorClass implements Classified.
func (*DataError) ErrorClass() Class { return ClassData }

// ErrorClass implements Classified.
func (*ConfigError) ErrorClass() Class { return ClassConfig }
