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

	// The context of the waits within within. It serves until someone rings: a
	// stream that is as fast as its server waits some thousand times in a second.
	within, wait context.Context
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

// listen returns a context that ends when ctx does or someone rings. It may also
// end without a ring that answer has not reported yet.
func (l *bell) listen(ctx context.Context) context.Context {
	if l.within != ctx || l.wait.Err() != nil {
		if stop := l.stop.Load(); stop != nil {
			(*stop)(nil)
		}
		wait, stop := context.WithCancelCause(ctx)
		l.within, l.wait = ctx, wait
		l.stop.Store(&stop)
	}
	if l.rung.Load() {
		(*l.stop.Load())(errRung)
	}
	return l.wait
}
