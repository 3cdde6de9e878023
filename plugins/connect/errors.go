package connect

import "errors"

// RetriableError marks a failure that may pass by itself: the runtime calls
// again, within the limits of errors.retry.timeout.
type RetriableError struct{ Err error }

func (e *RetriableError) Error() string { return e.Err.Error() }
func (e *RetriableError) Unwrap() error { return e.Err }

// Retriable wraps err as a RetriableError.
func Retriable(err error) error { return &RetriableError{err} }

// IsRetriable reports whether err is marked as retriable.
func IsRetriable(err error) bool {
	var r *RetriableError
	return errors.As(err, &r)
}

// DataError marks data that a converter or transform cannot handle
// (org.apache.kafka.connect.errors.DataException): error tolerance applies to it.
type DataError struct{ Err error }

func (e *DataError) Error() string { return e.Err.Error() }
func (e *DataError) Unwrap() error { return e.Err }

// fieldError says in which field of a struct an error arose.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return e.err.Error() + " (field " + e.path + ")" }
func (e *fieldError) Unwrap() error { return e.err }

// Within adds the name of the field that a value lies in to an error about it;
// fields of fields become a path.
func Within(field string, err error) error {
	var f *fieldError
	if errors.As(err, &f) {
		f.path = field + "." + f.path
		return err
	}
	return &fieldError{field, err}
}

// JavaError is an error that stands for a particular Java exception, for those who
// look for its name in dead letters and traces.
type JavaError struct {
	Class string // such as java.lang.IllegalArgumentException
	Err   error
}

func (e *JavaError) Error() string { return e.Err.Error() }
func (e *JavaError) Unwrap() error { return e.Err }

// JavaClass is the name of the exception.
func (e *JavaError) JavaClass() string { return e.Class }

// ConfigError marks a configuration that cannot work, with the property at fault.
type ConfigError struct {
	Key string
	Err error
}

func (e *ConfigError) Error() string {
	if e.Key == "" {
		return e.Err.Error()
	}
	return e.Key + ": " + e.Err.Error()
}
func (e *ConfigError) Unwrap() error { return e.Err }
