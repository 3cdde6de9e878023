package gossip

import "github.com/millrace/millrace/worker/metrics"

// Register shows at /metrics how many workers are heard, and of each what it
// says of itself. Groups of other workers come and go as they are heard.
func (g *Gossip) Register(r *metrics.Registry) {
	m := r.OwnGroup("gossip")
	m.Gauge("workers-alive", "The number of workers that answer by gossip, this one included.", func() float64 { return g.count(true) })
	m.Gauge("workers-gone", "The number of workers that have left or do not answer, and are still remembered.", func() float64 { return g.count(false) })
	g.metrics = r
	g.shown = map[string]*metrics.Group{g.cfg.URL: g.showWorker(g.cfg.URL)}
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
func (g *Gossip) showWorkers() {
	if g.metrics == nil {
		return
	}
	known := map[string]bool{}
	for _, w := range g.Workers() {
		known[w.URL] = true
		if g.shown[w.URL] == nil {
			g.shown[w.URL] = g.showWorker(w.URL)
		}
	}
	for url, group := range g.shown {
		if !known[url] {
			group.Close()
			delete(g.shown, url)
		}
	}
}

func (g *Gossip) showWorker(url string) *metrics.Group {
	m := g.metrics.OwnGroup("gossip-worker", "worker", url)
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
	gauge("lag-seconds", "The longest that any of the worker's tasks is behind (source-task and sink-task lag-seconds).",
		func(w Worker) float64 { return w.Lag.Seconds() })
	gauge("record-active-count", "The number of records on their way through the worker.", func(w Worker) float64 { return float64(w.Records) })
	gauge("assigned-connectors", "The number of connectors assigned to the worker.", func(w Worker) float64 { return float64(w.Connectors) })
	gauge("assigned-tasks", "The number of tasks assigned to the worker.", func(w Worker) float64 { return float64(w.Tasks) })
	return m
}

// newest gives the process that was found last at an address.
func (g *Gossip) newest(url string) (found Worker) {
	for _, w := range g.Workers() {
		if w.URL == url && (found.Version == 0 || w.Alive && (!found.Alive || w.Since.After(found.Since))) {
			found = w
		}
	}
	return found
}
