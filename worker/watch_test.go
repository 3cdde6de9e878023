package worker

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// measured makes the rig's worker count in a registry that the test can look at.
func measured(r *metrics.Registry) rigOption { return func(_ *rig, c *Config) { c.Metrics = r } }

func scrape(r *metrics.Registry) string {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// TestFailedTasksKeepTheirMetrics until they are stopped, those included that could not be built.
func TestFailedTasksKeepTheirMetrics(t *testing.T) {
	s := newListSink()
	s.onPut = func(*listSink, []connect.SinkRecord) error { return errBad }
	m := metrics.New(nil)
	r := newRig(t, listSinks(s), measured(m))
	r.write("in", "a")
	id := r.start("list", sinkConfig())
	r.seen.await(t, "list-0", state.Failed)
	bad := state.TaskID{Connector: "list", Task: 1}
	config := sinkConfig("value.converter", "no.Such")
	if err := r.worker.StartTask(testContext(t), TaskStart{ID: bad, ConnectorConfig: config, TaskConfig: config}); err == nil {
		t.Fatal("a task without converter was started")
	}
	if err := r.worker.StartConnector(testContext(t), "lost", map[string]string{"connector.class": "no.Such"}, state.TargetStarted); err == nil {
		t.Fatal("a connector without class was started")
	}
	shows(t, m, true,
		`kafka_connect_connector_task_metrics_status{connector="list",status="failed",task="0"} 1`,
		`kafka_connect_connector_task_metrics_status{connector="list",status="failed",task="1"} 1`,
		`kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="list"} 2`,
		`kafka_connect_connector_metrics_status{connector="lost",status="failed"} 1`,
	)
	r.worker.StopTasks(testContext(t), id, bad)
	r.worker.StopConnectors(testContext(t), "lost")
	shows(t, m, false, `connector="list"`, `connector="lost"`)
}

func shows(t *testing.T, m *metrics.Registry, want bool, parts ...string) {
	t.Helper()
	text := scrape(m)
	for _, part := range parts {
		if strings.Contains(text, part) != want {
			t.Errorf("shown %t, want %t: %s\n%s", !want, want, part, text)
		}
	}
}

// countingConverter counts what it converts in a metric of its own.
type countingConverter struct {
	textConverter
	converted interface{ Add(float64) }
}

func (c *countingConverter) UseMetrics(m connect.PluginMetrics) {
	c.converted = m.Counter("test_converted_total", "Converted values.")
}

func (c *countingConverter) Append(dst []byte, topic string, h *[]connect.Header, schema *data.Schema, v data.Value) ([]byte, bool, error) {
	c.converted.Add(1)
	return c.textConverter.Append(dst, topic, h, schema, v)
}

func TestPluginsHaveMetricsOfTheirOwn(t *testing.T) {
	m := metrics.New(nil)
	s := &listSource{topic: "out", values: words(3), size: 1}
	counting := func(r *rig, _ *Config) {
		r.plugins = append(r.plugins, connect.Plugin{Class: "test.Counting", Version: "2", Kind: connect.KindConverter, Def: configdef.New(),
			NewConverter: func(map[string]string, bool) (connect.Converter, error) { return &countingConverter{}, nil }})
	}
	r := newRig(t, listSources(s), measured(m), counting)
	id := r.start("list", sourceConfig("value.converter", "test.Counting", "transforms", "e", "transforms.e.type", "test.Edit"))
	r.awaitOffset("list", 2)
	shows(t, m, true,
		`test_converted_total{connector="list",converter="value",task="0"} 3`,
		`kafka_connect_connector_task_metrics_value_converter_version{connector="list",task="0",value_converter_version="2"} 1`,
		`kafka_connect_connector_transform_metrics_transform_class{connector="list",task="0",transform="e",transform_class="test.Edit"} 1`,
		`millrace_source_task_lag_seconds{connector="list",task="0"} 0`,
	)
	r.stop(id)
	shows(t, m, false, "test_converted_total", `connector="list"`)
}

func tagsOf(tag uint64) []producer.Tags { return []producer.Tags{{First: tag, N: 1}} }

func TestAgeOfTheOldestRecord(t *testing.T) {
	f := newInflight()
	start := time.Unix(1000, 0)
	source := &connect.SourcePartition{}
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	age := func(now, want int) {
		t.Helper()
		if got := f.age(at(now)); got != time.Duration(want)*time.Second {
			t.Errorf("after %d s the oldest record is %s old, want %d s", now, got, want)
		}
	}
	age(0, 0)
	f.began(at(1))
	one := f.submit(source, connect.Offset{})
	two := f.submit(source, connect.Offset{})
	f.began(at(4))
	three := f.submit(source, connect.Offset{})
	age(5, 4)
	f.Done(tagsOf(one), nil)
	age(5, 4)
	f.Done(tagsOf(two), nil)
	age(5, 1)
	f.Done(tagsOf(three), nil)
	age(9, 0)
	f.began(at(10))
	f.drop(source, connect.Offset{})
	age(11, 0)
}
