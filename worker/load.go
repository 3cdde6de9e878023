package worker

import (
	"sync/atomic"
	"time"
)

// Load is how much a worker has to do.
type Load struct {
	Records int // on their way through its tasks
	// Lag is the longest that any task is behind: for a source how long a record
	// has been on its way, for a sink how old the records are that it gets.
	Lag time.Duration
}

// loaded is a task that knows how far it is behind.
type loaded interface{ load(now time.Time) Load }

// Load tells how much there is to do. It may be called from any goroutine.
func (w *Worker) Load() Load {
	w.mu.Lock()
	tasks := make([]loaded, 0, len(w.tasks))
	for _, t := range w.tasks {
		if l, ok := t.(loaded); ok {
			tasks = append(tasks, l)
		}
	}
	w.mu.Unlock()
	now := w.cfg.Now()
	var all Load
	for _, t := range tasks {
		l := t.load(now)
		all.Records += l.Records
		all.Lag = max(all.Lag, l.Lag)
	}
	return all
}

func (t *sourceTask) load(now time.Time) Load {
	return Load{Records: t.inflight.pending(), Lag: t.inflight.age(now)}
}

func (t *sinkTask) load(now time.Time) Load {
	return Load{Records: int(t.active.Load()), Lag: t.behind.lag(now)}
}

// pin is a record on its way, by whose end the age of what is on its way is
// known without noting the time of every record.
type pin struct {
	of    *prefix // nil for none
	seq   uint64
	since time.Time
}

// age is how long a record has been on its way at least; 0 when there is none.
func (f *inflight) age(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pin.of == nil {
		return 0
	}
	return max(0, now.Sub(f.pin.since))
}

// watch pins a record that was just submitted, unless another is pinned.
func (f *inflight) watch(p *prefix, seq uint64) {
	if f.pin.of == nil {
		f.pin = pin{p, seq, f.now()}
	}
}

// passed forgets the pin once its record is done.
func (f *inflight) passed() {
	if m := f.pin; m.of != nil && m.of.first > m.seq {
		f.pin = pin{}
	}
}

// behind remembers how old the newest delivered record was.
type behind struct{ at, age atomic.Int64 } // milliseconds

// lagHolds is how long a sink counts as behind without new records.
const lagHolds = 10 * time.Second

func (b *behind) note(now, record time.Time) {
	b.age.Store(max(0, now.Sub(record).Milliseconds()))
	b.at.Store(now.UnixMilli())
}

func (b *behind) lag(now time.Time) time.Duration {
	if now.UnixMilli()-b.at.Load() > lagHolds.Milliseconds() {
		return 0
	}
	return time.Duration(b.age.Load()) * time.Millisecond
}
