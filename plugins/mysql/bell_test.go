package mysql

import (
	"context"
	"errors"
	"testing"
)

// Waits in which nobody rings cost nothing, and a ring ends one wait: that in progress, or the next.
func TestBell(t *testing.T) {
	var l bell
	ctx, cancel := context.WithCancel(t.Context())
	first := l.listen(ctx)
	if n := testing.AllocsPerRun(100, func() { l.listen(ctx) }); n > 0 {
		t.Errorf("%v allocations for a wait", n)
	}
	l.Ring()
	if err := context.Cause(first); !errors.Is(err, errRung) {
		t.Errorf("the wait in progress ends with %v", err)
	}
	if err := context.Cause(l.listen(ctx)); !errors.Is(err, errRung) {
		t.Errorf("a wait begins while nobody has answered: %v", err)
	}
	if !l.answer() || l.answer() {
		t.Error("a ring is answered once")
	}
	next := l.listen(ctx)
	if err := next.Err(); err != nil {
		t.Errorf("a wait behind the answer ends with %v", err)
	}
	cancel()
	if err := context.Cause(next); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the task ends a wait with %v", err)
	}
	if l.listen(t.Context()).Err() != nil {
		t.Error("a wait within another context has ended")
	}
}
