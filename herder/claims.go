package herder

import (
	"sync"

	"github.com/millrace/millrace/storage/state"
)

// claims remembers what this worker has last said of the work that it has, so
// that it can say so again where another worker was late: a worker that gives work
// up, or dies, may have written that it runs it after the new owner did, and its
// word would stand. Java lets it stand.
type claims struct {
	mu         sync.Mutex
	of         map[state.TaskID]state.Status // a connector's own has task -1
	contradict map[state.TaskID]bool         // was seen at the last look
}

// say writes a status by put, and remembers it when it says what becomes of work
// here; work that ends or is in between is forgotten. What is said of the same
// work is written in the order in which it is said.
func (c *claims) say(id state.TaskID, s state.Status, put func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer put()
	switch s.State {
	case state.Running, state.Paused, state.Failed:
		if c.of == nil {
			c.of = map[state.TaskID]state.Status{}
		}
		c.of[id] = s
	default:
		delete(c.of, id)
	}
}

// repeat says anew what has been overwritten at this look and the one before: what
// was only just said may not have been read back yet.
func (c *claims) repeat(overwritten func(state.TaskID) bool, put func(state.TaskID, state.Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[state.TaskID]bool{}
	for id, s := range c.of {
		switch {
		case !overwritten(id):
		case c.contradict[id]:
			put(id, s)
		default:
			seen[id] = true
		}
	}
	c.contradict = seen
}

// Reassert writes anew the statuses of assigned work that another worker has
// overwritten and that are not of a later generation. It is called every few
// seconds; assigned reports whether the group has given work to this worker, a
// connector being task -1.
func (r *Reporter) Reassert(assigned func(state.TaskID) bool) {
	r.claims.repeat(func(id state.TaskID) bool {
		s, known := r.stored(id)
		return known && s.WorkerID != r.WorkerID && s.Generation <= r.Generation() && assigned(id)
	}, func(id state.TaskID, s state.Status) { r.put(id, r.complete(s), false) })
}

func (r *Reporter) stored(id state.TaskID) (state.Status, bool) {
	if id.Task < 0 {
		return r.Statuses.Connector(id.Connector)
	}
	s, known := r.Statuses.Tasks(id.Connector)[id.Task]
	return s, known
}

func (r *Reporter) put(id state.TaskID, s state.Status, safe bool) {
	if id.Task < 0 {
		r.Statuses.PutConnector(id.Connector, s, safe)
	} else {
		r.Statuses.PutTask(id, s, safe)
	}
}
