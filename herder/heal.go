package herder

import (
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// HealPolicy says which failed tasks are restarted, and when. The zero value
// restarts none, as Java does.
type HealPolicy struct {
	// Classes are those of errors after which a task is restarted
	// (task.restart.policy).
	Classes map[connect.Class]bool
	// First is how long the first restart waits (task.restart.backoff.ms); each
	// further one waits twice as long, up to Longest (task.restart.backoff.max.ms).
	First, Longest time.Duration
	// Attempts bounds the restarts in a row; negative for no bound
	// (task.restart.max.attempts).
	Attempts int
	// Reset is how long a task must have run for its attempts to be forgotten
	// (task.restart.reset.ms).
	Reset time.Duration
}

// On reports whether any task is ever restarted.
func (p HealPolicy) On() bool { return len(p.Classes) > 0 }

// wait is how long the given attempt, from 1 on, waits. A part that depends on
// the task keeps those that failed together from restarting together.
func (p HealPolicy) wait(id state.TaskID, attempt int) time.Duration {
	d := p.First
	for i := 1; i < attempt && d < p.Longest; i++ {
		d *= 2
	}
	d = min(d, p.Longest)
	h := fnv.New32a()
	_, _ = h.Write([]byte(id.String())) // never fails
	return d + d/5*time.Duration(h.Sum32()%1000)/1000
}

// Healer restarts failed tasks of this worker as a policy says. It decides when
// the failure is reported, so that the status can tell, and asks for the restart
// when its time has come. It may be used from any goroutine.
type Healer struct {
	policy HealPolicy
	now    func() time.Time
	// restart asks for the restart of a task; the number names the failure, for Due.
	restart func(id state.TaskID, failure int)

	mu      sync.Mutex
	courses map[state.TaskID]*course
	count   int
}

// course is the illness of a task.
type course struct {
	attempts int       // restarts so far
	running  time.Time // since when it runs; zero when it does not
	failure  int       // the failure that waits for a restart; 0 for none
	timer    *time.Timer
}

// NewHealer makes a Healer.
func NewHealer(policy HealPolicy, restart func(id state.TaskID, failure int)) *Healer {
	return &Healer{policy: policy, now: time.Now, restart: restart, courses: map[state.TaskID]*course{}}
}

// Failed takes the failure of a task and returns what its status shall say of
// the restart, "" when tasks are never restarted.
func (h *Healer) Failed(id state.TaskID, class connect.Class) string {
	if !h.policy.On() {
		return ""
	}
	if class == "" {
		class = connect.ClassFatal
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	c := h.courses[id]
	if c == nil || !c.running.IsZero() && now.Sub(c.running) >= h.policy.Reset {
		c = &course{}
		h.courses[id] = c
	}
	c.running = time.Time{}
	c.stop()
	switch {
	case !h.policy.Classes[class]:
		return fmt.Sprintf("No restart: task.restart.policy does not name errors of class %s.\n", class)
	case h.policy.Attempts >= 0 && c.attempts >= h.policy.Attempts:
		return fmt.Sprintf("No restart: the error is of class %s, and %d restarts in a row have not helped (task.restart.max.attempts).\n", class, c.attempts)
	}
	c.attempts++
	h.count++
	wait, failure := h.policy.wait(id, c.attempts), h.count
	c.failure = failure
	c.timer = time.AfterFunc(wait, func() { h.restart(id, failure) })
	budget := ""
	if h.policy.Attempts >= 0 {
		budget = fmt.Sprintf(" of %d", h.policy.Attempts)
	}
	return fmt.Sprintf("Restart: the error is of class %s; attempt %d%s at %s.\n", class, c.attempts, budget, now.Add(wait).UTC().Format(time.RFC3339))
}

// Running notes that a task runs.
func (h *Healer) Running(id state.TaskID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.courses[id]; c != nil {
		c.stop()
		c.running = h.now()
	}
}

// Forget ends the course of a task that this worker was told to stop or to
// restart, or that it does not have any more.
func (h *Healer) Forget(id state.TaskID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.courses[id]; c != nil {
		c.stop()
		delete(h.courses, id)
	}
}

// Due reports whether a failure still waits for its restart.
func (h *Healer) Due(id state.TaskID, failure int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.courses[id]
	return c != nil && c.failure == failure
}

// Postpone asks again for a restart that cannot be made now.
func (h *Healer) Postpone(id state.TaskID, failure int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.courses[id]; c != nil && c.failure == failure {
		c.timer = time.AfterFunc(postponement, func() { h.restart(id, failure) })
	}
}

// postponement is how long a restart waits for a rebalance, or for a paused
// connector to be resumed.
const postponement = time.Second

// Begun notes that a restart has begun.
func (h *Healer) Begun(id state.TaskID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.courses[id]; c != nil {
		c.stop()
	}
}

// Stop ends all waiting.
func (h *Healer) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.courses {
		c.stop()
	}
}

func (c *course) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
	c.timer, c.failure = nil, 0
}
