package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/gossip"
	mysqlplugin "github.com/millrace/millrace/plugins/mysql"
	"github.com/millrace/millrace/worker/metrics"
)

var updateMetrics = flag.Bool("update", false, "write docs/metrics.md anew")

// described lists all metrics that a worker of a cluster can show.
func described() []metrics.Description {
	r := metrics.New(nil)
	none, text := func() int { return 0 }, func() string { return "" }
	r.Worker(none, none).Memory(none, none)
	r.Connector("c", "source", "", "", text)
	source := r.SourceTask(metrics.TaskInfo{Connector: "c"}, none, func() time.Duration { return 0 })
	for _, kind := range []string{"key", "value", "header"} {
		source.Converter(kind+".converter", "", "")
	}
	source.Transform("t", "", "")
	source.Predicate("p", "", "")
	r.SinkTask(metrics.TaskInfo{Connector: "s"}, none, none)
	(&distributed.Herder{}).Register(r)
	(&gossip.Gossip{}).Register(r)
	return r.Describe()
}

// TestEveryMetricOfJavaIsThere compares with the list that Java documents, which its class
// org.apache.kafka.connect.runtime.ConnectMetrics prints.
func TestEveryMetricOfJavaIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "worker", "metrics", "testdata", "connect-4.3.1.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, d := range described() {
		have[d.Type+" "+strings.Join(d.Labels, ",")+" "+d.Attribute] = d.Java
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		field := strings.Split(strings.TrimRight(line, "\n"), "\t")
		labels := strings.Split(field[1], ",")
		slices.Sort(labels)
		if want := field[0] + " " + strings.Join(labels, ",") + " " + field[2]; !have[want] {
			t.Errorf("there is no %s", want)
		}
		n++
	}
	if n < 90 {
		t.Errorf("the list has only %d metrics", n)
	}
}

func TestMetricsAreDocumented(t *testing.T) {
	file, want := filepath.Join("..", "docs", "metrics.md"), page(described())
	if *updateMetrics {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what the code says; run go test ./integration -run %s -update", file, t.Name())
	}
}

const pageHead = `# Metrics

A worker serves its metrics to Prometheus at ` + "`GET /metrics`" + `. Each of Kafka Connect's metrics has the name that the usual
rules of Prometheus' JMX exporter make of it, so that dashboards made for Java workers go on working:
` + "`kafka.connect:type=source-task-metrics,connector=orders,task=0`" + ` with its attribute ` + "`source-record-poll-total`" + ` is
` + "`kafka_connect_source_task_metrics_source_record_poll_total{connector=\"orders\",task=\"0\"}`" + `.

- A metric of kind *text*, such as a status, is a gauge of value 1 with the text in a label that is called like the
  attribute: ` + "`kafka_connect_connector_task_metrics_status{connector=\"orders\",task=\"0\",status=\"failed\"} 1`" + `.
- Connectors and tasks that have failed, or could not even be started, stay until they are restarted, moved or deleted.
- Rates, averages and maxima cover the last 30 to 60 seconds, as Java's do by default.
- Averages, minima and maxima are NaN while there is nothing to tell of.
- Metrics of plugins (KIP-877) have the plugin's own names, with labels for connector, task and, where they apply,
  ` + "`converter`" + ` (key, value or header), ` + "`transform`" + ` or ` + "`predicate`" + ` (the alias).
- The Go runtime and the process are described by the usual ` + "`go_*`" + ` and ` + "`process_*`" + ` metrics.

This page is made from the code: ` + "`go test ./integration -run TestMetricsAreDocumented -update`" + `.
`

const connectorHead = `
## Debezium's (plugin, name, context, connector, task)

The attributes of the MBeans of Debezium's MySQL and MariaDB connectors, under the names that its monitoring example gives them;
` + "`name`" + ` is ` + "`topic.prefix`" + `. Attributes whose text changes with each event (GtidSet, LastEvent, LastTransactionId,
SourceEventPosition, the keys of chunks) would be a new series each time, and lists of tables are left out as well:
` + "`GET /connectors/NAME/offsets`" + ` and ` + "`.../progress`" + ` have them.

| Prometheus | context | kind | meaning |
| --- | --- | --- | --- |
`

// metricTable writes down the metrics that a plugin shows.
type metricTable struct {
	b *strings.Builder
}

func (metricTable) Counter(string, string) interface{ Add(float64) } { return &metrics.Level{} }
func (metricTable) Gauge(string, string) interface{ Set(float64) }   { return &metrics.Level{} }

func (l metricTable) Func(name, help string, _ func() float64, labels ...string) {
	l.line(name, "gauge", help, labels)
}

func (l metricTable) Text(name, help, _ string, _ func() string, labels ...string) {
	l.line(name, "text", help, labels)
}

func (l metricTable) line(name, kind, help string, labels []string) {
	fmt.Fprintf(l.b, "| `%s` | %s | %s | %s |\n", name, labels[len(labels)-1], kind, help)
}

// page renders docs/metrics.md.
func page(all []metrics.Description) string {
	var b strings.Builder
	b.WriteString(pageHead)
	group := ""
	for _, own := range []bool{false, true} {
		for _, d := range all {
			if d.Java == own {
				continue
			}
			if title := title(d); title != group {
				group = title
				fmt.Fprintf(&b, "\n## %s\n\n| Prometheus | attribute | kind | meaning |\n| --- | --- | --- | --- |\n", title)
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", d.Name, d.Attribute, d.Kind, strings.ReplaceAll(strings.TrimSpace(d.Help), "|", "\\|"))
		}
	}
	b.WriteString(connectorHead)
	mysqlplugin.ShowMetrics(metricTable{&b})
	return b.String()
}

func title(d metrics.Description) string {
	title := d.Type
	if !d.Java {
		title = "Not in Java: " + d.Type
	}
	if len(d.Labels) > 0 {
		title += " (" + strings.Join(d.Labels, ", ") + ")"
	}
	return title
}
