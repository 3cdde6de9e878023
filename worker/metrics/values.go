package metrics

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Counter is a number that grows.
type Counter struct{ n atomic.Int64 }

// Add adds n.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Value is the sum.
func (c *Counter) Value() float64 { return float64(c.n.Load()) }

// window is what happened in a span of time.
type window struct {
	start         time.Time
	count         float64
	sum, min, max float64
}

// The windows of rates, averages and maxima.
const windowLength = 30 * time.Second

// windows are the present window and the one before it.
type windows struct {
	mu   sync.Mutex
	w    [2]window // w[0] is the present one
	made bool
}

// add notes a value. The lock is held.
func (x *windows) add(now time.Time, count, sum, value float64) {
	x.turn(now)
	w := &x.w[0]
	if w.count == 0 || value < w.min {
		w.min = value
	}
	w.count += count
	w.sum += sum
	w.max = max(w.max, value)
}

// turn begins a new window when the present one is over.
func (x *windows) turn(now time.Time) {
	switch age := now.Sub(x.w[0].start); {
	case !x.made, age >= 2*windowLength:
		x.w = [2]window{{start: now}, {start: now}}
		x.made = true
	case age >= windowLength:
		x.w[1] = x.w[0]
		x.w[0] = window{start: now}
	}
}

// total is the sum over both windows.
func (x *windows) total(now time.Time) window {
	x.turn(now)
	both := window{
		start: x.w[1].start, count: x.w[0].count + x.w[1].count,
		sum: x.w[0].sum + x.w[1].sum, min: x.w[0].min, max: max(x.w[0].max, x.w[1].max),
	}
	if x.w[0].count == 0 || x.w[1].count > 0 && x.w[1].min < both.min {
		both.min = x.w[1].min
	}
	return both
}

// Total counts events and knows their rate.
type Total struct {
	Counter
	now   func() time.Time
	since time.Time
	windows
}

// Add counts n events.
func (t *Total) Add(n int64) {
	t.Counter.Add(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(t.now(), 0, float64(n), 0)
}

func (t *Total) value() float64 { return t.Counter.Value() }

// rate is the number of events per second. A window that has only begun counts
// for its whole length, as in Java, lest the first events show as a burst.
func (t *Total) rate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	w := t.total(now)
	elapsed := max(now.Sub(w.start), windowLength)
	return w.sum / elapsed.Seconds()
}

// Sample notes values and knows their average and maximum; both are NaN while
// there are none.
type Sample struct {
	now func() time.Time
	windows
}

// Note notes a value.
func (s *Sample) Note(v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(s.now(), 1, v, v)
}

// NoteSince notes the milliseconds since a time.
func (s *Sample) NoteSince(start time.Time) { s.Note(float64(s.now().Sub(start)) / 1e6) }

func (s *Sample) mean() float64 { return s.of(func(w window) float64 { return w.sum / w.count }) }

func (s *Sample) max() float64 { return s.of(func(w window) float64 { return w.max }) }

func (s *Sample) min() float64 { return s.of(func(w window) float64 { return w.min }) }

func (s *Sample) of(figure func(window) float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.total(s.now())
	if w.count == 0 {
		return math.NaN()
	}
	return figure(w)
}

// Waiting is how long records have been waiting that are being worked on.
type Waiting struct {
	now func() time.Time

	mu     sync.Mutex
	oldest time.Time     // of those being worked on; zero for none
	last   time.Duration // of those that were done last
	done   time.Time     // when that was
}

// remembered is how long Waiting tells of what is done, lest it seem that
// nothing waits whenever one looks between two batches.
const remembered = 10 * time.Second

// Begin notes that records are being worked on, the oldest of that time.
func (w *Waiting) Begin(oldest time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.oldest = oldest
}

// End notes that they are done.
func (w *Waiting) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.oldest.IsZero() {
		return
	}
	w.done = w.now()
	w.last, w.oldest = w.done.Sub(w.oldest), time.Time{}
}

// Value is the wait.
func (w *Waiting) Value() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	switch {
	case !w.oldest.IsZero():
		return max(now.Sub(w.oldest), 0)
	case now.Sub(w.done) < remembered:
		return max(w.last, 0)
	}
	return 0
}
