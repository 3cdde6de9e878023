package metrics

import (
	"strings"
	"sync"
	"time"
)

// stateTimes is a state with the time spent in each.
type stateTimes struct {
	now func() time.Time

	mu    sync.Mutex
	state string
	since time.Time
	spent map[string]time.Duration
	whole time.Duration
}

func newStateTimes(now func() time.Time) *stateTimes {
	return &stateTimes{now: now, since: now(), state: "unassigned", spent: map[string]time.Duration{}}
}

func (s *stateTimes) change(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.spent[s.state] += now.Sub(s.since)
	s.whole += now.Sub(s.since)
	s.state, s.since = strings.ToLower(state), now
}

func (s *stateTimes) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *stateTimes) share(state string) func() float64 {
	return func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		present := s.now().Sub(s.since)
		spent := s.spent[state]
		if s.state == state {
			spent += present
		}
		return ratio(spent.Seconds(), (s.whole + present).Seconds())
	}
}

// lastTime is when something happened last, in milliseconds since 1970.
type lastTime struct {
	now func() time.Time
	mu  sync.Mutex
	ms  int64
}

func (l *lastTime) set() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ms = l.now().UnixMilli()
}

func (l *lastTime) value() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.ms)
}
