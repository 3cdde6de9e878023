package metrics

import (
	"strconv"
	"time"
)

// TaskInfo says which task metrics are of.
type TaskInfo struct {
	Connector string
	Task      int
	// Type is source or sink, Class the connector's, TaskClass the task's;
	// Version is that of both.
	Type, Class, TaskClass, Version string
}

func (i TaskInfo) labels() []string {
	return []string{"connector", i.Connector, "task", strconv.Itoa(i.Task)}
}

// Task are the metrics that source and sink tasks share (connector-task-metrics,
// task-error-metrics).
type Task struct {
	r             *Registry
	info          TaskInfo
	common        *Group // connector-task-metrics
	groups        []*Group
	plugins       []*Plugin
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
	for _, p := range t.plugins {
		p.Close()
	}
	t.r.forget(t)
}

// Converter tells which converter the task uses; name is the property that names
// it, such as key.converter.
func (t *Task) Converter(name, class, version string) {
	name = dashed(name)
	t.common.Text(name+"-class", "The fully qualified class name from "+dotted(name)+".", constant(class))
	t.common.Text(name+"-version", "The version instantiated for "+dotted(name)+". May be undefined.", constant(version))
}

// Transform tells of a transform of the task's chain (connector-transform-metrics).
func (t *Task) Transform(alias, class, version string) { t.link("transform", alias, class, version) }

// Predicate tells of a predicate of the task's chain (connector-predicate-metrics).
func (t *Task) Predicate(alias, class, version string) { t.link("predicate", alias, class, version) }

func (t *Task) link(what, alias, class, version string) {
	g := t.r.Group("connector-"+what+"-metrics", append(t.info.labels(), what, alias)...)
	g.Text(what+"-class", "The class name of the "+what+".", constant(class))
	g.Text(what+"-version", "The version of the "+what+".", constant(version))
	t.groups = append(t.groups, g)
}

// Plugin makes metrics for a plugin of the task, the task itself without labels
// (KIP-877). They end with the task's.
func (t *Task) Plugin(labels ...string) *Plugin {
	p := t.r.Plugin(append(t.info.labels(), labels...)...)
	t.plugins = append(t.plugins, p)
	return p
}

func (r *Registry) task(info TaskInfo) *Task {
	labels := info.labels()
	g, e := r.Group("connector-task-metrics", labels...), r.Group("task-error-metrics", labels...)
	t := &Task{r: r, info: info, common: g, groups: []*Group{g, e}, states: newStateTimes(r.now)}
	g.Text("connector-class", "The name of the connector class.", constant(info.Class))
	g.Text("connector-type", "The type of the connector. One of 'source' or 'sink'.", constant(info.Type))
	g.Text("connector-version", "The version of the connector class, as reported by the connector.", constant(info.Version))
	g.Text("task-class", "The class name of the task.", constant(info.TaskClass))
	g.Text("task-version", "The version of the task.", constant(info.Version))
	g.Text("status", "The status of the connector task. One of 'unassigned', 'running', 'paused', 'failed', or 'restarting'.", t.states.name)
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
	t.errors(e)
	r.remember(t)
	return t
}

func (t *Task) errors(e *Group) {
	t.Failures = e.Counter("total-record-failures", "The number of record processing failures in this task.")
	t.Errors = e.Counter("total-record-errors", "The number of record processing errors in this task.")
	t.Skipped = e.Counter("total-records-skipped", "The number of records skipped due to errors.")
	t.Retries = e.Counter("total-retries", "The number of operations retried.")
	t.Logged = e.Counter("total-errors-logged", "The number of errors that were logged.")
	t.DeadLetters = e.Counter("deadletterqueue-produce-requests", "The number of attempted writes to the dead letter queue.")
	t.LostLetters = e.Counter("deadletterqueue-produce-failures", "The number of failed writes to the dead letter queue.")
	t.lastError = &lastTime{now: t.r.now}
	e.Gauge("last-error-timestamp", "The epoch timestamp when this task last encountered an error.", t.lastError.value)
}

// Failed makes the metrics of a task that could not be built: it has nothing but
// its state.
func (r *Registry) Failed(info TaskInfo) *Task {
	t := r.task(info)
	t.State("failed")
	return t
}

// SourceTask are the metrics of a source task (source-task-metrics).
type SourceTask struct {
	*Task
	Polled, Written *Total
	PollTime        *Sample
	TransactionSize *Sample
	// Active samples the records that were polled and are not written yet.
	Active *Sample
	own    *Group
}

// SourceTask makes the metrics of a source task. active counts the records that
// were polled and are not written yet; age is how long the oldest of them has
// been waiting.
func (r *Registry) SourceTask(info TaskInfo, active func() int, age func() time.Duration) *SourceTask {
	common := r.task(info)
	g, own := r.Group("source-task-metrics", info.labels()...), r.OwnGroup("source-task", info.labels()...)
	common.groups = append(common.groups, g, own)
	own.Gauge("lag-seconds", "How long the oldest record has been waiting that this task has polled and that is not yet written to Kafka; 0 when there is none.",
		func() float64 { return age().Seconds() })
	const unwritten = "number of records that have been produced by this task but not yet completely written to Kafka."
	g.Gauge("source-record-active-count", "The "+unwritten, func() float64 { return float64(active()) })
	return &SourceTask{
		Task: common, own: own,
		Polled: g.Total("source-record-poll", "The total number of records produced/polled (before transformation) by this task belonging to the named source connector in this worker.",
			"The average per-second number of records produced/polled (before transformation) by this task belonging to the named source connector in this worker."),
		Written: g.Total("source-record-write", "The number of records output written to Kafka for this task belonging to the named source connector in this worker, since the task was last restarted. This is after transformations are applied, and excludes any records filtered out by the transformations.",
			"The average per-second number of records written to Kafka for this task belonging to the named source connector in this worker. This is after transformations are applied, and excludes any records filtered out by the transformations."),
		PollTime: g.Sample("poll-batch-avg-time-ms", "The average time in milliseconds taken by this task to poll for a batch of source records.",
			"poll-batch-max-time-ms", "The maximum time in milliseconds taken by this task to poll for a batch of source records."),
		TransactionSize: g.Sample("transaction-size-avg", "The average number of records in the transactions the task has committed so far.",
			"transaction-size-max", "The number of records in the largest transaction the task has committed so far.").
			withMin(g, "transaction-size-min", "The number of records in the smallest transaction the task has committed so far."),
		Active: g.Sample("source-record-active-count-avg", "The average "+unwritten, "source-record-active-count-max", "The maximum "+unwritten),
	}
}

// Progress is how far a task is with work that ends, such as a snapshot.
type Progress struct {
	Rows, EstimatedRows int64
	Percent             float64
	Remaining           time.Duration
}

// Progress adds gauges of how far the task is; all 0 when there is no such work.
func (s *SourceTask) Progress(now func() Progress) {
	s.own.Gauge("progress-rows", "How many rows this task has read in its snapshot.", func() float64 { return float64(now().Rows) })
	s.own.Gauge("progress-estimated-rows", "How many rows there are to read in the snapshot, as the source estimates.", func() float64 { return float64(now().EstimatedRows) })
	s.own.Gauge("progress-percent", "How much of the snapshot is done, by the estimate; 100 when it is complete.", func() float64 { return now().Percent })
	s.own.Gauge("progress-remaining-seconds", "How long the rest of the snapshot takes at the pace so far.", func() float64 { return now().Remaining.Seconds() })
}

// SinkTask are the metrics of a sink task (sink-task-metrics).
type SinkTask struct {
	*Task
	Read, Sent, Completed *Total
	Skipped               *Total // offset commits
	PutTime               *Sample
	CommitSeq             *Counter
	// Active samples the records that were read and are not committed yet, Behind
	// those of the partition that has most of them.
	Active *Sample
	Behind *Level
	// Waiting is how long records have been in Kafka when the task has put them.
	Waiting *Waiting
}

// SinkTask makes the metrics of a sink task. partitions counts those assigned,
// active the records that were read and are not committed yet.
func (r *Registry) SinkTask(info TaskInfo, partitions, active func() int) *SinkTask {
	common := r.task(info)
	g, own := r.Group("sink-task-metrics", info.labels()...), r.OwnGroup("sink-task", info.labels()...)
	common.groups = append(common.groups, g, own)
	g.Gauge("partition-count", "The number of topic partitions assigned to this task belonging to the named sink connector in this worker.",
		func() float64 { return float64(partitions()) })
	const uncommitted = "number of records that have been read from Kafka but not yet completely committed/flushed/acknowledged by the sink task."
	g.Gauge("sink-record-active-count", "The "+uncommitted, func() float64 { return float64(active()) })
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
		Active:    g.Sample("sink-record-active-count-avg", "The average "+uncommitted, "sink-record-active-count-max", "The maximum "+uncommitted),
		Behind:    &Level{},
		Waiting:   &Waiting{now: r.now},
	}
	g.Gauge("offset-commit-seq-no", "The current sequence number for offset commits.", t.CommitSeq.Value)
	g.Gauge("sink-record-lag-max", "The maximum lag in terms of number of records that the sink task is behind the consumer's position for any topic partitions.", t.Behind.Value)
	own.Gauge("lag-seconds", "How long ago the oldest record was written to Kafka that this task is putting or has just put; 0 when nothing has come for ten seconds.", func() float64 { return t.Waiting.Value().Seconds() })
	return t
}
