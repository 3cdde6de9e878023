package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// repeatPause is how long the same failure is not told of again.
const repeatPause = time.Minute

// Repeats tells of failures of something that is tried again and again: once when
// it begins to fail, when the reason changes and once a minute. The zero value is
// ready; any goroutine may use it.
type Repeats struct {
	mu      sync.Mutex
	reason  string
	told    time.Time
	omitted int // lines since told
}

// Log writes a line about err, unless it has said so lately. args are further
// attributes.
func (r *Repeats) Log(log *slog.Logger, level slog.Level, message string, err error, args ...any) {
	omitted, due := r.Due(err, time.Now())
	if !due {
		return
	}
	args = append(args, "error", err)
	if omitted > 0 {
		args = append(args, "repeated", omitted)
	}
	log.Log(context.Background(), level, message, args...)
}

// Due reports whether it is time to tell of err, and how often it came since it
// was told of last.
func (r *Repeats) Due(err error, now time.Time) (omitted int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason := err.Error(); reason != r.reason {
		r.reason, r.omitted = reason, 0
	} else if now.Sub(r.told) < repeatPause {
		r.omitted++
		return 0, false
	}
	omitted, r.omitted, r.told = r.omitted, 0, now
	return omitted, true
}

// Over forgets the failure: it works again. failed reports whether there was one.
func (r *Repeats) Over() (failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed = r.reason != ""
	r.reason, r.omitted = "", 0
	return failed
}
