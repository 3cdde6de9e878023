package worker

import (
	"cmp"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/chain"
	"github.com/millrace/millrace/worker/metrics"
)

// taskInfo describes a task of a connector's plugin for the metrics.
func taskInfo(id state.TaskID, p *connect.Plugin) metrics.TaskInfo {
	return metrics.TaskInfo{Connector: id.Connector, Task: id.Task,
		Type: cmp.Or(string(p.Kind), "unknown"), Class: p.Class, TaskClass: p.TaskClass, Version: p.Version}
}

// watch tells the metrics of a task which plugins it uses, and gives those that
// want to the means to have metrics of their own (KIP-877).
func watch(m *metrics.Task, key, value converter, header headerConverter, links *chain.Chain) {
	m.Converter("key.converter", key.class, key.version)
	m.Converter("value.converter", value.class, value.version)
	m.Converter("header.converter", header.class, header.version)
	monitor(m, key.Converter, "converter", "key")
	monitor(m, value.Converter, "converter", "value")
	monitor(m, header.HeaderConverter, "converter", "header")
	for _, l := range links.Links() {
		tell := m.Transform
		if l.Kind == "predicate" {
			tell = m.Predicate
		}
		tell(l.Alias, l.Class, l.Version)
		monitor(m, l.Plugin, l.Kind, l.Alias)
	}
}

func monitor(m *metrics.Task, plugin any, labels ...string) {
	if p, wants := plugin.(connect.Monitorable); wants {
		p.UseMetrics(m.Plugin(labels...))
	}
}
