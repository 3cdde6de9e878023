package gossip

import (
	"runtime"
	"time"
)

// Meter measures the share of the process's CPUs that is in use, smoothed over
// some calls. One goroutine may use it.
type Meter struct {
	at    time.Time
	spent time.Duration
	busy  float64
}

// smoothing is the weight of what happened before.
const smoothing = 0.7

// Busy returns the share, 0 to 1.
func (m *Meter) Busy() float64 {
	now, spent := time.Now(), cpuTime()
	if passed := now.Sub(m.at); !m.at.IsZero() && passed > 0 {
		share := float64(spent-m.spent) / float64(passed) / float64(runtime.GOMAXPROCS(0))
		m.busy = smoothing*m.busy + (1-smoothing)*min(max(share, 0), 1)
	}
	m.at, m.spent = now, spent
	return m.busy
}
