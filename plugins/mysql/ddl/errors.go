package ddl

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says where a text could not be understood.
type Error struct {
	// Line and Column count from 1; columns are characters.
	Line, Column int
	// Near is the beginning of the text at that place, at most 40 characters.
	Near string
	// Reason says what was found or expected.
	Reason string
}

// Error gives position, reason and excerpt on one line.
func (e *Error) Error() string {
	if e.Near == "" {
		return fmt.Sprintf("parsing DDL: line %d, column %d, at the end of the text: %s", e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("parsing DDL: line %d, column %d, near %q: %s", e.Line, e.Column, e.Near, e.Reason)
}

func newError(src string, offset int, format string, args ...any) *Error {
	before := src[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &Error{Line: line, Column: column, Near: excerpt(src[offset:]), Reason: fmt.Sprintf(format, args...)}
}

func excerpt(s string) string {
	const limit = 40
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
