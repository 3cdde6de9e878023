package metrics

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds the groups of a process. Its methods may be called from any
// goroutine.
type Registry struct {
	now  func() time.Time
	prom *prometheus.Registry

	mu     sync.Mutex // guards all below
	groups map[string]*Group
	crews  map[string]*crew  // by connector
	taken  map[string]metric // names of plugins' metrics, with their first use
}

// Prefixes of names: of Java's metrics and of those that Java does not have.
const (
	javaPrefix = "kafka_connect_"
	ownPrefix  = "millrace_"
)

// New makes a Registry; now is the clock, nil for time.Now.
func New(now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	r := &Registry{now: now, prom: prometheus.NewRegistry(), groups: map[string]*Group{}, crews: map[string]*crew{}, taken: map[string]metric{}}
	r.prom.MustRegister(collector{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler serves GET /metrics.
func (r *Registry) Handler() http.Handler { return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{}) }

// Gatherer gives what Handler serves.
func (r *Registry) Gatherer() prometheus.Gatherer { return r.prom }

// Group is a set of metrics with the same labels. A group that is made again
// takes the place of the old one.
type Group struct {
	r      *Registry
	id     string
	prefix string // of names, with the type
	typ    string // Java's; "" for metrics of a plugin
	labels prometheus.Labels

	mu      sync.Mutex
	metrics []metric
}

// metric is a named value, read when somebody looks.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func() float64
	text       func() string // for metrics that are texts
	label      string        // that shows the text; "" for one called like the metric
}

// Group makes a group. typ is Java's type, such as source-task-metrics; labels
// are names and values in turn.
func (r *Registry) Group(typ string, labels ...string) *Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newGroup(javaPrefix, typ, labels...)
}

// OwnGroup is Group for metrics that Java does not have.
func (r *Registry) OwnGroup(typ string, labels ...string) *Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newGroup(ownPrefix, typ, labels...)
}

// newGroup is Group with the lock held.
func (r *Registry) newGroup(prefix, typ string, labels ...string) *Group {
	g := &Group{r: r, prefix: prefix, typ: typ, id: prefix + typ + "\x00" + strings.Join(labels, "\x00"), labels: prometheus.Labels{}}
	for i := 0; i+1 < len(labels); i += 2 {
		g.labels[labels[i]] = labels[i+1]
	}
	r.groups[g.id] = g
	return g
}

// Close removes the group, unless another has taken its place.
func (g *Group) Close() {
	g.r.mu.Lock()
	defer g.r.mu.Unlock()
	if g.r.groups[g.id] == g {
		delete(g.r.groups, g.id)
	}
}

func (g *Group) add(m ...metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.metrics = append(g.metrics, m...)
}

// has reports whether the group has a metric of a name.
func (g *Group) has(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.metrics, func(m metric) bool { return m.name == name })
}

// Gauge adds a value that is computed when somebody looks.
func (g *Group) Gauge(name, help string, value func() float64) {
	g.add(metric{name: name, help: help, kind: prometheus.GaugeValue, value: value})
}

// Text adds a text; label is what Prometheus shows it in.
func (g *Group) Text(name, help string, value func() string) {
	g.add(metric{name: name, help: help, kind: prometheus.GaugeValue, text: value})
}

// Counter adds a number that grows.
func (g *Group) Counter(name, help string) *Counter {
	c := &Counter{}
	g.add(metric{name: name, help: help, kind: prometheus.CounterValue, value: c.Value})
	return c
}

// Total adds name-total with name-rate.
func (g *Group) Total(name, help, rateHelp string) *Total {
	t := &Total{now: g.r.now, since: g.r.now()}
	g.add(metric{name: name + "-total", help: help, kind: prometheus.CounterValue, value: t.value},
		metric{name: name + "-rate", help: rateHelp, kind: prometheus.GaugeValue, value: t.rate})
	return t
}

// Sample adds an average and a maximum, as avg and max name them.
func (g *Group) Sample(avg, avgHelp, most, maxHelp string) *Sample {
	s := &Sample{now: g.r.now}
	g.add(metric{name: avg, help: avgHelp, kind: prometheus.GaugeValue, value: s.mean},
		metric{name: most, help: maxHelp, kind: prometheus.GaugeValue, value: s.max})
	return s
}

// withMin adds the minimum of the same values.
func (s *Sample) withMin(g *Group, name, help string) *Sample {
	g.add(metric{name: name, help: help, kind: prometheus.GaugeValue, value: s.min})
	return s
}

// collector shows all groups to Prometheus. It is unchecked: metrics come and go.
type collector struct{ r *Registry }

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.r.mu.Lock()
	groups := slices.Collect(maps.Values(c.r.groups))
	c.r.mu.Unlock()
	for _, g := range groups {
		g.collect(out)
	}
}

func (g *Group) collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	list := slices.Clone(g.metrics)
	g.mu.Unlock()
	for _, m := range list {
		name, labels, value := g.name(m), g.labels, 1.0
		if m.text != nil {
			labels = maps.Clone(labels)
			labels[cmp.Or(m.label, underscored(m.name))] = m.text()
		} else {
			value = m.value()
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, m.help, nil, labels), m.kind, value)
	}
}

// name is the full name of a metric of the group.
func (g *Group) name(m metric) string {
	if g.typ == "" {
		return m.name
	}
	return g.prefix + underscored(g.typ) + "_" + underscored(m.name)
}

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

func dashed(name string) string { return strings.ReplaceAll(name, ".", "-") }

func dotted(name string) string { return strings.ReplaceAll(name, "-", ".") }
