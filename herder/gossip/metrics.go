package gossip

import (
	"context"
	"time"

	"github.com/millrace/millrace/worker/metrics"
)

// Register shows at /metrics how many workers are heard, and of each what it
// says of itself.
func (g *Gossip) Register(ctx context.Context, r *metrics.Registry) {
	m := r.Group("gossip-metrics")
	m.Gauge("workers-alive", "The number of workers that answer by gossip, this one included.", func() float64 { return g.count(true) })
	m.Gauge("workers-gone", "The number of workers that have left or do not answer, and are still remembered.", func() float64 { return g.count(false) })
	go g.showWorkers(ctx, r)
}

func (g *Gossip) count(alive bool) float64 {
	n := 0.0
	for _, w := range g.Workers() {
		if w.Alive == alive {
			n++
		}
	}
	return n
}

// showWorkers has a group of metrics for each known worker, by its address.
func (g *Gossip) showWorkers(ctx context.Context, r *metrics.Registry) {
	shown := map[string]*metrics.Group{}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		known := map[string]bool{}
		for _, w := range g.Workers() {
			known[w.URL] = true
			if shown[w.URL] == nil {
				shown[w.URL] = g.showWorker(r, w.URL)
			}
		}
		for url, group := range shown {
			if !known[url] {
				group.Close()
				delete(shown, url)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (g *Gossip) showWorker(r *metrics.Registry, url string) *metrics.Group {
	m := r.Group("gossip-worker-metrics", "worker", url)
	gauge := func(name, help string, value func(Worker) float64) {
		m.Gauge(name, help, func() float64 { return value(g.newest(url)) })
	}
	gauge("alive", "Whether the worker answers by gossip.", func(w Worker) float64 {
		if w.Alive && !w.Left {
			return 1
		}
		return 0
	})
	gauge("busy-ratio", "The share of its CPUs that the worker uses.", func(w Worker) float64 { return w.Busy })
	gauge("lag-seconds", "How long the oldest record on its way through the worker has been there.", func(w Worker) float64 { return w.Lag.Seconds() })
	gauge("record-active-count", "The number of records on their way through the worker.", func(w Worker) float64 { return float64(w.Records) })
	gauge("assigned-connectors", "The number of connectors assigned to the worker.", func(w Worker) float64 { return float64(w.Connectors) })
	gauge("assigned-tasks", "The number of tasks assigned to the worker.", func(w Worker) float64 { return float64(w.Tasks) })
	return m
}

// newest gives the process that was found last at an address.
func (g *Gossip) newest(url string) (found Worker) {
	for _, w := range g.Workers() {
		if w.URL == url && (found.Version == 0 || w.Since.After(found.Since) && w.Alive || !found.Alive && w.Alive) {
			found = w
		}
	}
	return found
}
