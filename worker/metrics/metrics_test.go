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

func noAge() time.Duration { return 0 }

func TestSourceTask(t *testing.T) {
	r, c := newTestRegistry()
	m := r.SourceTask(TaskInfo{Connector: "orders", Task: 1}, func() int { return 3 }, noAge)
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

func TestProgress(t *testing.T) {
	r, _ := newTestRegistry()
	m := r.SourceTask(TaskInfo{Connector: "orders"}, func() int { return 0 }, noAge)
	m.Progress(func() Progress {
		return Progress{Rows: 5, EstimatedRows: 20, Percent: 25, Remaining: 1500 * time.Millisecond}
	})
	have := strings.Join(shown(t, r, "millrace_source_task_progress"), "\n")
	const at = `{connector="orders",task="0"} `
	want := "millrace_source_task_progress_estimated_rows" + at + "20\nmillrace_source_task_progress_percent" + at + "25\n" +
		"millrace_source_task_progress_remaining_seconds" + at + "1.5\nmillrace_source_task_progress_rows" + at + "5"
	if have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
}

func TestRatesAndSamplesForget(t *testing.T) {
	r, c := newTestRegistry()
	m := r.SourceTask(TaskInfo{Connector: "a"}, func() int { return 0 }, noAge)
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
	old := r.SinkTask(TaskInfo{Connector: "s"}, func() int { return 1 }, func() int { return 0 })
	old.Read.Add(5)
	r.SinkTask(TaskInfo{Connector: "s"}, func() int { return 4 }, func() int { return 0 })
	old.Close() // too late to remove what took its place
	mustShow(t, r,
		`kafka_connect_sink_task_metrics_partition_count{connector="s",task="0"} 4`,
		`kafka_connect_sink_task_metrics_sink_record_read_total{connector="s",task="0"} 0`,
	)
}

func TestTasksAreCountedByState(t *testing.T) {
	r, _ := newTestRegistry()
	one := r.SourceTask(TaskInfo{Connector: "orders"}, func() int { return 0 }, noAge)
	one.State("RUNNING")
	failed := r.Failed(TaskInfo{Connector: "orders", Task: 1})
	again := r.SourceTask(TaskInfo{Connector: "orders"}, func() int { return 0 }, noAge) // takes the place of the first
	again.State("PAUSED")
	const of = `{connector="orders"} `
	mustShow(t, r,
		"kafka_connect_connect_worker_metrics_connector_total_task_count"+of+"2",
		"kafka_connect_connect_worker_metrics_connector_running_task_count"+of+"0",
		"kafka_connect_connect_worker_metrics_connector_paused_task_count"+of+"1",
		"kafka_connect_connect_worker_metrics_connector_failed_task_count"+of+"1",
		`kafka_connect_connector_task_metrics_status{connector="orders",status="failed",task="1"} 1`,
	)
	one.Close()
	failed.Close()
	again.Close()
	if left := shown(t, r, "kafka_connect_"); len(left) > 0 {
		t.Errorf("left after Close: %s", left)
	}
}

func TestPluginsOfATask(t *testing.T) {
	r, _ := newTestRegistry()
	m := r.SourceTask(TaskInfo{Connector: "orders", Type: "source", Class: "x.C", TaskClass: "x.T", Version: "3"}, func() int { return 0 }, noAge)
	m.Converter("key.converter", "x.Key", "1")
	m.Transform("mask", "x.Mask", "2")
	m.Predicate("isBig", "x.Big", "4")
	m.Plugin("transform", "mask").Counter("masked_total", "Masked.").Add(2)
	mustShow(t, r,
		`kafka_connect_connector_task_metrics_key_converter_class{connector="orders",key_converter_class="x.Key",task="0"} 1`,
		`kafka_connect_connector_task_metrics_task_class{connector="orders",task="0",task_class="x.T"} 1`,
		`kafka_connect_connector_transform_metrics_transform_version{connector="orders",task="0",transform="mask",transform_version="2"} 1`,
		`kafka_connect_connector_predicate_metrics_predicate_class{connector="orders",predicate="isBig",predicate_class="x.Big",task="0"} 1`,
	)
	if have := shown(t, r, "masked_total"); !slices.Equal(have, []string{`masked_total{connector="orders",task="0",transform="mask"} 2`}) {
		t.Errorf("got %s", have)
	}
	m.Close()
	if left := append(shown(t, r, "kafka_connect_"), shown(t, r, "masked")...); len(left) > 0 {
		t.Errorf("left after Close: %s", left)
	}
}

func TestMinimumOverBothWindows(t *testing.T) {
	r, c := newTestRegistry()
	m := r.SourceTask(TaskInfo{Connector: "a"}, func() int { return 0 }, noAge)
	for _, n := range []float64{40, 20} {
		m.TransactionSize.Note(n)
	}
	c.pass(40 * time.Second)
	m.TransactionSize.Note(30)
	if got := m.TransactionSize.min(); got != 20 {
		t.Errorf("minimum %f, want 20", got)
	}
	c.pass(40 * time.Second)
	m.TransactionSize.Note(35)
	if got := m.TransactionSize.min(); got != 30 {
		t.Errorf("minimum %f, want 30", got)
	}
}

func TestWaiting(t *testing.T) {
	_, c := newTestRegistry()
	w := &Waiting{now: c.now}
	for _, step := range []struct {
		do   func()
		want float64
	}{
		{func() {}, 0},
		{func() { w.Begin(c.now().Add(-3 * time.Second)) }, 3},
		{func() { c.pass(2 * time.Second) }, 5},
		{w.End, 5},
		{func() { c.pass(9 * time.Second) }, 5},
		{func() { c.pass(time.Second) }, 0},
		{func() { w.Begin(time.Time{}); w.End() }, 0}, // an empty batch
	} {
		if step.do(); w.Value().Seconds() != step.want {
			t.Errorf("waiting for %f s, want %f", w.Value().Seconds(), step.want)
		}
	}
}

func TestPluginMetrics(t *testing.T) {
	r, _ := newTestRegistry()
	p := r.Plugin("connector", "orders", "task", "0")
	p.Counter("debezium_events", "Events.").Add(3)
	p.Gauge("debezium_lag", "Lag.").Set(7)
	p.Counter("debezium_events", "Events.").Add(1) // taken: counts for nobody
	p.Counter("not a name", "").Add(1)
	p.Counter("go_goroutines", "").Add(1)
	other := r.Plugin("connector", "orders", "task", "1", "transform", "x")
	other.Counter("debezium_events", "Events, in other words.").Add(9)
	other.Gauge("debezium_events", "No counter.").Set(9)
	for i, context := range []string{"snapshot", "streaming", "streaming"} { // the third is taken
		p.Func("debezium_seen", "Seen.", func() float64 { return float64(i) }, "context", context)
	}
	p.Text("debezium_file", "File.", "name", func() string { return "mysql-bin.1" }, "context", "streaming")
	have := shown(t, r, "debezium_")
	want := []string{`debezium_events{connector="orders",task="0"} 3`, `debezium_events{connector="orders",task="1",transform="x"} 9`, `debezium_file{connector="orders",context="streaming",name="mysql-bin.1",task="0"} 1`, `debezium_lag{connector="orders",task="0"} 7`,
		`debezium_seen{connector="orders",context="snapshot",task="0"} 0`, `debezium_seen{connector="orders",context="streaming",task="0"} 1`}
	if !slices.Equal(have, want) {
		t.Errorf("got %s, want %s", have, want)
	}
	p.Close()
	other.Close()
	if left := shown(t, r, "debezium_"); len(left) > 0 {
		t.Errorf("left after Close: %s", left)
	}
}
