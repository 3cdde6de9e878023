package metrics

import (
	"strings"
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

// Memory makes the metrics of the memory that tasks share.
func (w *Worker) Memory(used, limit func() int) {
	g := w.r.OwnGroup("worker")
	g.Gauge("buffer-memory-bytes", "The number of bytes of records that the tasks of this worker hold, read and not yet written.", func() float64 { return float64(used()) })
	g.Gauge("buffer-memory-limit-bytes", "The number of bytes of records that the tasks of this worker share (tasks.buffer.memory).", func() float64 { return float64(limit()) })
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
// state, in the words of the REST API.
func (r *Registry) Connector(name, kind, class, version string, status func() string) *Group {
	g := r.Group("connector-metrics", "connector", name)
	g.Text("connector-type", "The type of the connector. One of 'source' or 'sink'.", constant(kind))
	g.Text("connector-class", "The name of the connector class.", constant(class))
	g.Text("connector-version", "The version of the connector class, as reported by the connector.", constant(version))
	g.Text("status", "The status of the connector. One of 'unassigned', 'running', 'paused', 'stopped', 'failed', or 'restarting'.", lower(status))
	return g
}

func constant(s string) func() string { return func() string { return s } }

func lower(status func() string) func() string {
	return func() string { return strings.ToLower(status()) }
}

// crew are the tasks of a connector on this worker, with the numbers of those in
// each state (connect-worker-metrics of a connector). The registry's lock guards
// it.
type crew struct {
	group *Group
	tasks map[*Task]bool
}

// remember adds a task to its connector's.
func (r *Registry) remember(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.crews[t.info.Connector]
	if c == nil {
		c = &crew{r.newGroup(javaPrefix, "connect-worker-metrics", "connector", t.info.Connector), map[*Task]bool{}}
		r.crews[t.info.Connector] = c
		c.count(r, "total", "The number of tasks of the connector on the worker.")
		for _, state := range []string{"destroyed", "failed", "paused", "restarting", "running", "unassigned"} {
			c.count(r, state, "The number of "+state+" tasks of the connector on the worker.")
		}
	}
	for old := range c.tasks {
		if old.info.Task == t.info.Task {
			delete(c.tasks, old)
		}
	}
	c.tasks[t] = true
}

func (c *crew) count(r *Registry, state, help string) {
	c.group.Gauge("connector-"+state+"-task-count", help, func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		n := 0
		for t := range c.tasks {
			if state == "total" || t.states.name() == state {
				n++
			}
		}
		return float64(n)
	})
}

// forget takes a task away from its connector's.
func (r *Registry) forget(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.crews[t.info.Connector]
	if c == nil {
		return
	}
	if delete(c.tasks, t); len(c.tasks) == 0 {
		delete(r.crews, t.info.Connector)
		delete(r.groups, c.group.id)
	}
}
