package worker

import (
	"fmt"
	"runtime/debug"
)

// guard calls a plugin's code and makes an error of a panic, so that it ends one
// task or connector and not the worker.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{value: r, stack: debug.Stack()}
		}
	}()
	return f()
}

// panicError is a panic of a plugin.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("the plugin panicked: %v", e.value) }

// JavaClass and Stack are for tolerance.Trace.
func (e *panicError) JavaClass() string { return "java.lang.RuntimeException" }

// Stack is where it happened.
func (e *panicError) Stack() string { return string(e.stack) }
