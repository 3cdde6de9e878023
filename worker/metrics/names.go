package metrics

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Worker are the metrics of a worker (connect-worker-metrics).
type Worker struct {
	*Group
	ConnectorStarts, TaskStarts Starts
}

// Starts counts attempts to start something.
type Starts struct{ attempts, failures, successes *Counter }

// Count counts one attempt.
func (s Starts) Count(err error) {
	s.attempts.Add(1)
	if err != nil {
		s.failures.Add(1)
	} else {
		s.successes.Add(1)
	}
}

// Worker makes the metrics of a worker. The functions count what runs.
func (r *Registry) Worker(connectors, tasks func() int) *Worker {
	g := r.Group("connect-worker-metrics")
	g.Gauge("connector-count", "The number of connectors run in this worker.", func() float64 { return float64(connectors()) })
	g.Gauge("task-count", "The number of tasks run in this worker.", func() float64 { return float64(tasks()) })
	return &Worker{g, g.starts("connector"), g.starts("task")}
}

func (g *Group) starts(what string) Starts {
	s := Starts{
		attempts:  g.Counter(what+"-startup-attempts-total", "The total number of "+what+" startups that this worker has attempted."),
		failures:  g.Counter(what+"-startup-failure-total", "The total number of "+what+" starts that failed."),
		successes: g.Counter(what+"-startup-success-total", "The total number of "+what+" starts that succeeded."),
	}
	share := func(part *Counter) func() float64 {
		return func() float64 { return ratio(part.Value(), s.attempts.Value()) }
	}
	g.Gauge(what+"-startup-failure-percentage", "The average percentage of this worker's "+what+"s starts that failed.", share(s.failures))
	g.Gauge(what+"-startup-success-percentage", "The average percentage of this worker's "+what+"s starts that succeeded.", share(s.successes))
	return s
}

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// Connector makes the metrics of a connector (connector-metrics). status is its
// state.
func (r *Registry) Connector(name, kind, class, version string, status func() string) *Group {
	g := r.Group("connector-metrics", "connector", name)
	constant := func(s string) func() string { return func() string { return s } }
	g.Text("connector-type", "The type of the connector. One of 'source' or 'sink'.", constant(kind))
	g.Text("connector-class", "The name of the connector class.", constant(class))
	g.Text("connector-version", "The version of the connector class, as reported by the connector.", constant(version))
	g.Text("status", "The status of the connector. One of 'unassigned', 'running', 'paused', 'stopped', 'failed', or 'restarting'.", lower(status))
	return g
}

func lower(status func() string) func() string {
	return func() string { return strings.ToLower(status()) }
}

// Task are the metrics that source and sink tasks share (connector-task-metrics,
// task-error-metrics).
type Task struct {
	groups        []*Group
	BatchSize     *Sample
	CommitTime    *Sample
	commits, good *Counter
	states        *stateTimes

	Logged, Errors, Failures, Skipped, Retries *Counter
	DeadLetters, LostLetters                   *Counter
	lastError                                  *lastTime
}

// Committed notes the fate of a commit of offsets.
func (t *Task) Committed(start time.Time, err error) {
	t.commits.Add(1)
	if err == nil {
		t.good.Add(1)
		t.CommitTime.NoteSince(start)
	}
}

// State notes that the task has a new state, in the words of the REST API.
func (t *Task) State(state string) { t.states.change(state) }

// Failed notes that an operation on a record has failed.
func (t *Task) Failed() {
	t.Errors.Add(1)
	t.lastError.set()
}

// Close removes the metrics.
func (t *Task) Close() {
	for _, g := range t.groups {
		g.Close()
	}
}

func (r *Registry) task(connector string, task int) (*Task, []string) {
	labels := []string{"connector", connector, "task", strconv.Itoa(task)}
	g, e := r.Group("connector-task-metrics", labels...), r.Group("task-error-metrics", labels...)
	t := &Task{groups: []*Group{g, e}, states: &stateTimes{now: r.now, since: r.now(), state: "unassigned", spent: map[string]time.Duration{}}}
	g.Text("status", "The status of the connector task. One of 'unassigned', 'running', 'paused', 'failed', or 'restarting'.", lower(t.states.name))
	g.Gauge("running-ratio", "The fraction of time this task has spent in the running state.", t.states.share("running"))
	g.Gauge("pause-ratio", "The fraction of time this task has spent in the pause state.", t.states.share("paused"))
	t.BatchSize = g.Sample("batch-size-avg", "The average number of records in the batches the task has processed so far.",
		"batch-size-max", "The number of records in the largest batch the task has processed so far.")
	t.CommitTime = g.Sample("offset-commit-avg-time-ms", "The average time in milliseconds taken by this task to commit offsets.",
		"offset-commit-max-time-ms", "The maximum time in milliseconds taken by this task to commit offsets.")
	t.commits, t.good = &Counter{}, &Counter{}
	g.Gauge("offset-commit-success-percentage", "The average percentage of this task's offset commit attempts that succeeded.",
		func() float64 { return ratio(t.good.Value(), t.commits.Value()) })
	g.Gauge("offset-commit-failure-percentage", "The average percentage of this task's offset commit attempts that failed.",
		func() float64 { return ratio(t.commits.Value()-t.good.Value(), t.commits.Value()) })
	t.errors(r, e)
	return t, labels
}

func (t *Task) errors(r *Registry, e *Group) {
	t.Failures = e.Counter("total-record-failures", "The number of record processing failures in this task.")
	t.Errors = e.Counter("total-record-errors", "The number of record processing errors in this task.")
	t.Skipped = e.Counter("total-records-skipped", "The number of records skipped due to errors.")
	t.Retries = e.Counter("total-retries", "The number of operations retried.")
	t.Logged = e.Counter("total-errors-logged", "The number of errors that were logged.")
	t.DeadLetters = e.Counter("deadletterqueue-produce-requests", "The number of attempted writes to the dead letter queue.")
	t.LostLetters = e.Counter("deadletterqueue-produce-failures", "The number of failed writes to the dead letter queue.")
	t.lastError = &lastTime{now: r.now}
	e.Gauge("last-error-timestamp", "The epoch timestamp when this task last encountered an error.", t.lastError.value)
}

// SourceTask are the metrics of a source task (source-task-metrics).
type SourceTask struct {
	*Task
	Polled, Written *Total
	PollTime        *Sample
	TransactionSize *Sample
}

// SourceTask makes the metrics of a source task. active counts the records that
// were polled and are not written yet.
func (r *Registry) SourceTask(connector string, task int, active func() int) *SourceTask {
	common, labels := r.task(connector, task)
	g := r.Group("source-task-metrics", labels...)
	common.groups = append(common.groups, g)
	g.Gauge("source-record-active-count", "The number of records that have been produced by this task but not yet completely written to Kafka.",
		func() float64 { return float64(active()) })
	return &SourceTask{
		Task: common,
		Polled: g.Total("source-record-poll", "The total number of records produced/polled (before transformation) by this task belonging to the named source connector in this worker.",
			"The average per-second number of records produced/polled (before transformation) by this task belonging to the named source connector in this worker."),
		Written: g.Total("source-record-write", "The number of records output written to Kafka for this task belonging to the named source connector in this worker, since the task was last restarted. This is after transformations are applied, and excludes any records filtered out by the transformations.",
			"The average per-second number of records written to Kafka for this task belonging to the named source connector in this worker. This is after transformations are applied, and excludes any records filtered out by the transformations."),
		PollTime: g.Sample("poll-batch-avg-time-ms", "The average time in milliseconds taken by this task to poll for a batch of source records.",
			"poll-batch-max-time-ms", "The maximum time in milliseconds taken by this task to poll for a batch of source records."),
		TransactionSize: g.Sample("transaction-size-avg", "The average number of records in the transactions the task has committed so far.",
			"transaction-size-max", "The number of records in the largest transaction the task has committed so far."),
	}
}

// SinkTask are the metrics of a sink task (sink-task-metrics).
type SinkTask struct {
	*Task
	Read, Sent, Completed *Total
	Skipped               *Total // offset commits
	PutTime               *Sample
	CommitSeq             *Counter
}

// SinkTask makes the metrics of a sink task. partitions counts those assigned,
// active the records that were read and are not put yet.
func (r *Registry) SinkTask(connector string, task int, partitions, active func() int) *SinkTask {
	common, labels := r.task(connector, task)
	g := r.Group("sink-task-metrics", labels...)
	common.groups = append(common.groups, g)
	g.Gauge("partition-count", "The number of topic partitions assigned to this task belonging to the named sink connector in this worker.",
		func() float64 { return float64(partitions()) })
	g.Gauge("sink-record-active-count", "The number of records that have been read from Kafka but not yet completely committed/flushed/acknowledged by the sink task.",
		func() float64 { return float64(active()) })
	t := &SinkTask{
		Task: common,
		Read: g.Total("sink-record-read", "The total number of records read from Kafka by this task belonging to the named sink connector in this worker, since the task was last restarted.",
			"The average per-second number of records read from Kafka for this task belonging to the named sink connector in this worker. This is before transformations are applied."),
		Sent: g.Total("sink-record-send", "The total number of records output from the transformations and sent/put to this task belonging to the named sink connector in this worker, since the task was last restarted.",
			"The average per-second number of records output from the transformations and sent/put to this task belonging to the named sink connector in this worker. This is after transformations are applied and excludes any records filtered out by the transformations."),
		Completed: g.Total("offset-commit-completion", "The total number of offset commit completions that were completed successfully.",
			"The average per-second number of offset commit completions that were completed successfully."),
		Skipped: g.Total("offset-commit-skip", "The total number of offset commit completions that were received too late and skipped/ignored.",
			"The average per-second number of offset commit completions that were received too late and skipped/ignored."),
		PutTime: g.Sample("put-batch-avg-time-ms", "The average time taken by this task to put a batch of sinks records.",
			"put-batch-max-time-ms", "The maximum time taken by this task to put a batch of sinks records."),
		CommitSeq: &Counter{},
	}
	g.Gauge("offset-commit-seq-no", "The current sequence number for offset commits.", t.CommitSeq.Value)
	return t
}

// stateTimes is a state with the time spent in each.
type stateTimes struct {
	now func() time.Time

	mu    sync.Mutex
	state string
	since time.Time
	spent map[string]time.Duration
	whole time.Duration
}

func (s *stateTimes) change(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.spent[s.state] += now.Sub(s.since)
	s.whole += now.Sub(s.since)
	s.state, s.since = strings.ToLower(state), now
}

func (s *stateTimes) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *stateTimes) share(state string) func() float64 {
	return func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		present := s.now().Sub(s.since)
		spent := s.spent[state]
		if s.state == state {
			spent += present
		}
		return ratio(spent.Seconds(), (s.whole + present).Seconds())
	}
}

// lastTime is when something happened last, in milliseconds since 1970.
type lastTime struct {
	now func() time.Time
	mu  sync.Mutex
	ms  int64
}

func (l *lastTime) set() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ms = l.now().UnixMilli()
}

func (l *lastTime) value() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.ms)
}
