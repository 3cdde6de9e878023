package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Description says what a metric of a group is.
type Description struct {
	Type      string   // Java's, such as source-task-metrics, or our own
	Java      bool     // Java has it
	Attribute string   // its name there
	Name      string   // its name for Prometheus
	Labels    []string // in order
	Kind      string   // counter, gauge or text
	Help      string
}

// Describe lists the metrics of all groups, each once, without those of plugins.
func (r *Registry) Describe() []Description {
	r.mu.Lock()
	groups := slices.Collect(maps.Values(r.groups))
	r.mu.Unlock()
	seen := map[string]bool{}
	var out []Description
	for _, g := range groups {
		if g.typ == "" {
			continue
		}
		for _, d := range g.describe() {
			if key := d.Name + strings.Join(d.Labels, ","); !seen[key] {
				seen[key] = true
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, func(a, b Description) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), slices.Compare(a.Labels, b.Labels), strings.Compare(a.Name, b.Name))
	})
	return out
}

func (g *Group) describe() []Description {
	g.mu.Lock()
	defer g.mu.Unlock()
	labels := slices.Sorted(maps.Keys(g.labels))
	var out []Description
	for _, m := range g.metrics {
		d := Description{Type: g.typ, Java: g.prefix == javaPrefix, Attribute: m.name, Name: g.name(m), Labels: labels, Kind: "gauge", Help: m.help}
		switch {
		case m.text != nil:
			d.Kind = "text"
		case m.kind == prometheus.CounterValue:
			d.Kind = "counter"
		}
		out = append(out, d)
	}
	return out
}
