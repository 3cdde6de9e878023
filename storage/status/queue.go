package status

import (
	"context"
	"sync"

	"github.com/millrace/millrace/storage/kafka"
)

// write is a record on its way to the topic, or a mark that Flush waits for.
type write struct {
	record  kafka.Record
	repeat  func() bool   // whether it should be sent, when that was not clear before or sending has failed
	unsure  bool          // repeat decides once everything in the topic has been read
	number  int           // counts what was put
	reached chan struct{} // of a mark
}

// queue holds writes in order. It has no bound: statuses are few, and who reports
// them must not wait. One goroutine takes.
type queue struct {
	mu     sync.Mutex
	writes []write
	puts   int
	signal chan struct{} // holds a token while there may be writes
}

func newQueue() *queue {
	return &queue{signal: make(chan struct{}, 1)}
}

func (q *queue) put(w write) {
	q.mu.Lock()
	q.puts++
	w.number = q.puts
	q.writes = append(q.writes, w)
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// count is the number of the newest write.
func (q *queue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.puts
}

// take waits for a write; ok is false when ctx has ended.
func (q *queue) take(ctx context.Context) (w write, ok bool) {
	for {
		q.mu.Lock()
		if len(q.writes) > 0 {
			w, q.writes = q.writes[0], q.writes[1:]
			q.mu.Unlock()
			return w, true
		}
		q.writes = nil // lets go of what was taken
		q.mu.Unlock()
		select {
		case <-q.signal:
		case <-ctx.Done():
			return write{}, false
		}
	}
}
