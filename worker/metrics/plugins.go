package metrics

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Plugin are the metrics that a plugin makes for itself (KIP-877). It fits
// connect.PluginMetrics. Names are the plugin's own, as Prometheus has them.
type Plugin struct {
	r      *Registry
	group  *Group
	labels []string

	mu       sync.Mutex
	labelled map[string]*Group // groups with further labels, by these
}

// Plugin makes the metrics of a plugin; labels are names and values in turn and
// are added to each metric.
func (r *Registry) Plugin(labels ...string) *Plugin {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Plugin{r: r, group: r.newGroup("", "", labels...), labels: labels, labelled: map[string]*Group{}}
}

// Counter makes a counter. A name that is no name for Prometheus, that the
// plugin has used before or another plugin for a gauge, gives one that nobody
// sees.
func (p *Plugin) Counter(name, help string) interface{ Add(float64) } {
	v := &Level{}
	p.add(p.group, metric{name: name, help: help, kind: prometheus.CounterValue, value: v.Value})
	return v
}

// Gauge makes a gauge, as Counter makes counters.
func (p *Plugin) Gauge(name, help string) interface{ Set(float64) } {
	v := &Level{}
	p.add(p.group, metric{name: name, help: help, kind: prometheus.GaugeValue, value: v.Value})
	return v
}

// Func makes a gauge that is computed when somebody looks. Labels are names and
// values in turn.
func (p *Plugin) Func(name, help string, value func() float64, labels ...string) {
	p.add(p.with(labels), metric{name: name, help: help, kind: prometheus.GaugeValue, value: value})
}

// Text makes a gauge of 1 with a text, which is computed when somebody looks, in a
// label.
func (p *Plugin) Text(name, help, in string, value func() string, labels ...string) {
	p.add(p.with(labels), metric{name: name, help: help, kind: prometheus.GaugeValue, text: value, label: in})
}

// with is the group with further labels.
func (p *Plugin) with(labels []string) *Group {
	if len(labels) == 0 {
		return p.group
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id := strings.Join(labels, "\x00")
	if p.labelled[id] == nil {
		p.r.mu.Lock()
		p.labelled[id] = p.r.newGroup("", "", append(slices.Clone(p.labels), labels...)...)
		p.r.mu.Unlock()
	}
	return p.labelled[id]
}

// add adds a metric, under the help text of the first plugin that used its name:
// all metrics of a name must have the same.
func (p *Plugin) add(g *Group, m metric) {
	if !isName(m.name) {
		return
	}
	p.r.mu.Lock()
	first, known := p.r.taken[m.name]
	if !known {
		first = m
		p.r.taken[m.name] = metric{name: m.name, help: m.help, kind: m.kind}
	}
	p.r.mu.Unlock()
	if first.kind != m.kind || g.has(m.name) {
		return
	}
	m.help = first.help
	g.add(m)
}

// isName reports whether a plugin may use a name: one for Prometheus that is not
// among those of the runtime.
func isName(name string) bool {
	if name == "" || strings.HasPrefix(name, javaPrefix) || strings.HasPrefix(name, ownPrefix) ||
		strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
		return false
	}
	for i, r := range name {
		if r != '_' && r != ':' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// Close removes the plugin's metrics.
func (p *Plugin) Close() {
	p.group.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.labelled {
		g.Close()
	}
}

// Level is a number that is set or added to.
type Level struct{ bits atomic.Uint64 }

// Set sets the number.
func (l *Level) Set(v float64) { l.bits.Store(math.Float64bits(v)) }

// Add adds to the number.
func (l *Level) Add(v float64) {
	for {
		old := l.bits.Load()
		if l.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// Value is the number.
func (l *Level) Value() float64 { return math.Float64frombits(l.bits.Load()) }
