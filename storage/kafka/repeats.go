package kafka

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// repeatPause is how long the same failure is not told of again.
const repeatPause = time.Minute

// Repeats tells of failures of something that is tried again and again: once for
// each reason, and once a minute as long as it goes on. The zero value is ready; any
// goroutine may use it.
type Repeats struct {
	mu      sync.Mutex
	reasons map[string]*repeated
}

type repeated struct {
	told    time.Time
	omitted int // lines since told
}

// mostReasons bounds what is remembered of one failure.
const mostReasons = 16

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
	reason := withoutNumbers(err.Error())
	known := r.reasons[reason]
	switch {
	case known == nil:
		if r.reasons == nil || len(r.reasons) >= mostReasons {
			r.reasons = map[string]*repeated{}
		}
		known = &repeated{}
		r.reasons[reason] = known
	case now.Sub(known.told) < repeatPause:
		known.omitted++
		return 0, false
	}
	omitted, known.omitted, known.told = known.omitted, 0, now
	return omitted, true
}

var numbers = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+`)

// withoutNumbers leaves times, ports, counts and ids of requests out: they do not
// make another reason.
func withoutNumbers(text string) string { return numbers.ReplaceAllString(text, "") }

// Over forgets the failure: it works again. failed reports whether there was one.
func (r *Repeats) Over() (failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed = r.reasons != nil
	r.reasons = nil
	return failed
}
