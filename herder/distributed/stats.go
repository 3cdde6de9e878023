package distributed

import (
	"sync"
	"time"
)

// Stats describe this worker's part in its group, for metrics
// (connect-worker-rebalance-metrics, connect-coordinator-metrics).
type Stats struct {
	Protocol    string // connect-protocol: eager, compatible or sessioned
	Leader      string // leader-name: address of the leader, "" when unknown
	Epoch       int    // generation of the group; -1 for none
	Rebalancing bool
	// Rounds that have ended, and what they took.
	Completed  int
	Total      time.Duration
	Longest    time.Duration
	LastEnd    time.Time // zero when there was none
	Connectors int       // assigned to this worker
	Tasks      int
}

// Stats returns the present numbers. It may be called from any goroutine.
func (h *Herder) Stats() Stats {
	h.stats.mu.Lock()
	defer h.stats.mu.Unlock()
	return h.stats.now
}

type statistics struct {
	mu    sync.Mutex
	now   Stats
	began time.Time // of the round that is under way
}

// note looks at the core after a step.
func (s *statistics) note(c *Core, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &s.now
	x.Protocol, x.Leader, x.Epoch = c.protocol.String(), c.leaderURL(), int(c.generation)
	x.Connectors, x.Tasks = 0, 0
	if c.assignment != nil {
		x.Connectors, x.Tasks = len(c.assignment.Assigned.Connectors), len(c.assignment.Assigned.Tasks)
	}
	under := c.phase != settled && c.phase != starting
	switch {
	case under && !x.Rebalancing:
		s.began = now
	case !under && x.Rebalancing:
		took := now.Sub(s.began)
		x.Completed++
		x.Total += took
		x.Longest = max(x.Longest, took)
		x.LastEnd = now
	}
	x.Rebalancing = under
}
