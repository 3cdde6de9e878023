package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Plugin are the metrics that a plugin makes for itself (KIP-877). It fits
// connect.PluginMetrics. Names are the plugin's own, as Prometheus has them.
type Plugin struct {
	r      *Registry
	labels prometheus.Labels

	mu   sync.Mutex
	made []prometheus.Collector
}

// Plugin makes the metrics of a plugin; labels are names and values in turn and
// are added to each metric.
func (r *Registry) Plugin(labels ...string) *Plugin {
	p := &Plugin{r: r, labels: prometheus.Labels{}}
	for i := 0; i+1 < len(labels); i += 2 {
		p.labels[labels[i]] = labels[i+1]
	}
	return p
}

// Counter makes a counter. A name that is taken, or no name for Prometheus, gives
// one that nobody sees.
func (p *Plugin) Counter(name, help string) interface{ Add(float64) } {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: p.labels})
	p.keep(c)
	return c
}

// Gauge makes a gauge, as Counter makes counters.
func (p *Plugin) Gauge(name, help string) interface{ Set(float64) } {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: p.labels})
	p.keep(g)
	return g
}

func (p *Plugin) keep(c prometheus.Collector) {
	if p.r.prom.Register(c) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made = append(p.made, c)
}

// Close removes the plugin's metrics.
func (p *Plugin) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.made {
		p.r.prom.Unregister(c)
	}
	p.made = nil
}
