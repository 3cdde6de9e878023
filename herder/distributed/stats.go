package distributed

import (
	"math"
	"sync"
	"time"

	"github.com/millrace/millrace/worker/metrics"
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

// Register shows the numbers of the group to who watches the worker, under
// Java's names.
func (h *Herder) Register(r *metrics.Registry) {
	g := r.Group("connect-worker-rebalance-metrics")
	g.Text("connect-protocol", "The Connect protocol used by this cluster", func() string { return h.Stats().Protocol })
	g.Text("leader-name", "The name of the group leader.", func() string { return h.Stats().Leader })
	g.Gauge("epoch", "The epoch or generation number of this worker.", func() float64 { return float64(h.Stats().Epoch) })
	g.Gauge("completed-rebalances-total", "The total number of rebalances completed by this worker.",
		func() float64 { return float64(h.Stats().Completed) })
	g.Gauge("rebalancing", "Whether this worker is currently rebalancing.", func() float64 {
		if h.Stats().Rebalancing {
			return 1
		}
		return 0
	})
	g.Gauge("rebalance-avg-time-ms", "The average time in milliseconds spent by this worker to rebalance.", func() float64 {
		s := h.Stats()
		return milliseconds(s.Total) / float64(max(s.Completed, 1))
	})
	g.Gauge("rebalance-max-time-ms", "The maximum time in milliseconds spent by this worker to rebalance.",
		func() float64 { return milliseconds(h.Stats().Longest) })
	g.Gauge("time-since-last-rebalance-ms", "The time in milliseconds since this worker completed the most recent rebalance.", func() float64 {
		if last := h.Stats().LastEnd; !last.IsZero() {
			return milliseconds(time.Since(last))
		}
		return math.Inf(1)
	})
	c := r.Group("connect-coordinator-metrics")
	c.Gauge("assigned-connectors", "The number of connector instances currently assigned to this worker",
		func() float64 { return float64(h.Stats().Connectors) })
	c.Gauge("assigned-tasks", "The number of tasks currently assigned to this worker", func() float64 { return float64(h.Stats().Tasks) })
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
