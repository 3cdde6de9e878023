package registry

import "errors"

// pathError says in which field of a struct an error arose.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.err.Error() + " (field " + e.path + ")" }
func (e *pathError) Unwrap() error { return e.err }

// Within adds a field's name to the path of an error.
func Within(field string, err error) error {
	var p *pathError
	if errors.As(err, &p) {
		p.path = field + "." + p.path
		return err
	}
	return &pathError{field, err}
}
