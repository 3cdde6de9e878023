package mysql

import (
	"context"
	"errors"
	"sync/atomic"
)

// errRung says that a wait was ended because someone rang.
var errRung = errors.New("a signal has come")

// bell ends a wait from another goroutine. Ring may be called by anyone, the rest
// by the goroutine that waits.
type bell struct {
	rung atomic.Bool
	stop atomic.Pointer[context.CancelCauseFunc]
}

// Ring ends the wait, or keeps the next one from beginning.
func (l *bell) Ring() {
	l.rung.Store(true)
	if stop := l.stop.Load(); stop != nil {
		(*stop)(errRung)
	}
}

// answer reports whether someone has rung since it was last asked.
func (l *bell) answer() bool { return l.rung.Load() && l.rung.Swap(false) }

// listen returns a context that ends when someone rings. The function must be
// called when the wait is over.
func (l *bell) listen(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.stop.Store(&cancel)
	if l.rung.Load() {
		cancel(errRung)
	}
	return ctx, func() {
		l.stop.Store(nil)
		cancel(nil)
	}
}
