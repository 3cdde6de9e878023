package metrics

import (
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// clock is a clock that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }

func newTestRegistry() (*Registry, *clock) {
	c := &clock{time.UnixMilli(1_700_000_000_000)}
	return New(c.now), c
}

// shown are the lines that Prometheus gets of a type of group.
func shown(t *testing.T, r *Registry, prefix string) []string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v: %s", w.Code, err, body)
	}
	var out []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func mustShow(t *testing.T, r *Registry, lines ...string) {
	t.Helper()
	have := shown(t, r, "kafka_connect_")
	for _, want := range lines {
		if !slices.Contains(have, want) {
			t.Errorf("missing %s\nin\n%s", want, strings.Join(have, "\n"))
		}
	}
}

func TestSourceTask(t *testing.T) {
	r, c := newTestRegistry()
	m := r.SourceTask("orders", 1, func() int { return 3 })
	m.State("RUNNING")
	m.Polled.Add(600)
	m.Written.Add(550)
	m.BatchSize.Note(100)
	m.BatchSize.Note(500)
	start := c.now()
	c.pass(20 * time.Millisecond)
	m.PollTime.NoteSince(start)
	m.Committed(start, nil)
	m.Committed(start, errors.New("no"))
	c.pass(60*time.Second - 20*time.Millisecond - time.Second)
	m.State("PAUSED")
	c.pass(time.Second)
	const at = `{connector="orders",task="1"} `
	mustShow(t, r,
		"kafka_connect_source_task_metrics_source_record_poll_total"+at+"600",
		"kafka_connect_source_task_metrics_source_record_write_total"+at+"550",
		"kafka_connect_source_task_metrics_source_record_active_count"+at+"3",
		`kafka_connect_connector_task_metrics_status{connector="orders",status="paused",task="1"} 1`,
		"kafka_connect_connector_task_metrics_offset_commit_failure_percentage"+at+"0.5",
		"kafka_connect_task_error_metrics_total_record_errors"+at+"0",
	)
	if share := m.states.share("running")(); share < 0.98 || share > 0.984 {
		t.Errorf("running for %f of the time", share)
	}
	m.Close()
	if left := shown(t, r, "kafka_connect_"); len(left) > 0 {
		t.Errorf("left after Close: %s", left)
	}
}

func TestRatesAndSamplesForget(t *testing.T) {
	r, c := newTestRegistry()
	m := r.SourceTask("a", 0, func() int { return 0 })
	m.Polled.Add(300)
	m.BatchSize.Note(10)
	m.BatchSize.Note(30)
	if rate := m.Polled.rate(); rate != 10 {
		t.Errorf("rate %f at once, want 10 over a window", rate)
	}
	if mean, most := m.BatchSize.mean(), m.BatchSize.max(); mean != 20 || most != 30 {
		t.Errorf("mean %f, max %f", mean, most)
	}
	c.pass(40 * time.Second)
	m.Polled.Add(100)
	if rate := m.Polled.rate(); rate != 10 {
		t.Errorf("rate %f after 40 s, want 400/40", rate)
	}
	c.pass(2 * time.Minute)
	if rate := m.Polled.rate(); rate != 0 {
		t.Errorf("rate %f after a long while", rate)
	}
	if mean := m.BatchSize.mean(); mean == mean {
		t.Errorf("mean %f of nothing", mean)
	}
}

func TestWorkerAndConnector(t *testing.T) {
	r, _ := newTestRegistry()
	w := r.Worker(func() int { return 2 }, func() int { return 5 })
	w.TaskStarts.Count(nil)
	w.TaskStarts.Count(nil)
	w.TaskStarts.Count(errors.New("no"))
	state := "RUNNING"
	r.Connector("orders", "source", "x.Y", "1.0", func() string { return state })
	state = "FAILED"
	mustShow(t, r,
		"kafka_connect_connect_worker_metrics_connector_count 2",
		"kafka_connect_connect_worker_metrics_task_count 5",
		"kafka_connect_connect_worker_metrics_task_startup_attempts_total 3",
		"kafka_connect_connect_worker_metrics_task_startup_success_total 2",
		`kafka_connect_connector_metrics_status{connector="orders",status="failed"} 1`,
		`kafka_connect_connector_metrics_connector_class{connector="orders",connector_class="x.Y"} 1`,
	)
}

func TestSinkTaskMadeAgainReplaces(t *testing.T) {
	r, _ := newTestRegistry()
	old := r.SinkTask("s", 0, func() int { return 1 }, func() int { return 0 })
	old.Read.Add(5)
	r.SinkTask("s", 0, func() int { return 4 }, func() int { return 0 })
	old.Close() // too late to remove what took its place
	mustShow(t, r,
		`kafka_connect_sink_task_metrics_partition_count{connector="s",task="0"} 4`,
		`kafka_connect_sink_task_metrics_sink_record_read_total{connector="s",task="0"} 0`,
	)
}

func TestPluginMetrics(t *testing.T) {
	r, _ := newTestRegistry()
	p := r.Plugin("connector", "orders", "task", "0")
	p.Counter("debezium_events", "Events.").Add(3)
	p.Gauge("debezium_lag", "Lag.").Set(7)
	p.Counter("debezium_events", "Events.").Add(1) // taken: counts for nobody
	p.Counter("not a name", "").Add(1)
	have := shown(t, r, "debezium_")
	want := []string{`debezium_events{connector="orders",task="0"} 3`, `debezium_lag{connector="orders",task="0"} 7`}
	if !slices.Equal(have, want) {
		t.Errorf("got %s, want %s", have, want)
	}
	p.Close()
	if left := shown(t, r, "debezium_"); len(left) > 0 {
		t.Errorf("left after Close: %s", left)
	}
}
