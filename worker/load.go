package worker

import "time"

// Load is how much a worker has to do.
type Load struct {
	Records int // on their way through its tasks
	// Lag is the longest that any task is behind: for a source how long a record
	// has been on its way, for a sink how long records have been in Kafka when it puts them.
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

func (t *sinkTask) load(time.Time) Load {
	return Load{Records: int(t.active.Load()), Lag: t.metrics.Waiting.Value()}
}
