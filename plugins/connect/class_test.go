package connect

import (
	"errors"
	"fmt"
	"testing"
)

func TestClassOf(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		err  error
		want Class
	}{
		{nil, ""},
		{plain, ""},
		{Retriable(plain), ClassRetriable},
		{fmt.Errorf("doing: %w", &DataError{plain}), ClassData},
		{&ConfigError{Key: "k", Err: Retriable(plain)}, ClassConfig},
		{errors.Join(plain, fmt.Errorf("and: %w", Retriable(plain)), &DataError{plain}), ClassRetriable},
		{fmt.Errorf("%w and %w", plain, plain), ""},
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("%v is of class %q, want %q", c.err, got, c.want)
		}
	}
}
