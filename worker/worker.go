package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/budget"
	"github.com/millrace/millrace/worker/metrics"
	"github.com/millrace/millrace/worker/tolerance"
)

// Config of a Worker.
type Config struct {
	Registry *registry.Registry
	// Properties are the worker's own, as given: clients, converters and
	// providers take theirs from them.
	Properties kafka.Properties
	// ClusterID of Kafka, for client ids; may be "".
	Offsets Offsets
	// OffsetTopic is offset.storage.topic with its settings: tasks that write in
	// transactions write their offsets there, and topics of connectors' own
	// (offsets.storage.topic) are made like it. Without a name, in standalone
	// mode, there is neither.
	OffsetTopic kafka.Topic
	// Listener hears of every change of state.
	Listener StatusListener
	// Reconfigurer and Topics are told of what connectors and tasks ask for and
	// use; Topics may be nil.
	Reconfigurer Reconfigurer
	Topics       TopicListener

	KeyConverter, ValueConverter, HeaderConverter string // classes; their properties are below KIND.converter.
	// OverridePolicy says which client properties connectors may set; nil allows all.
	OverridePolicy connect.OverridePolicy

	GracefulTimeout time.Duration // task.shutdown.graceful.timeout.ms
	FlushInterval   time.Duration // offset.flush.interval.ms
	FlushTimeout    time.Duration // offset.flush.timeout.ms
	// TaskMemory is how many bytes of records tasks may hold together, read and not yet
	// written (tasks.buffer.memory); 0 for DefaultTaskMemory.
	TaskMemory    int
	TopicCreation bool // topic.creation.enable
	// Metrics counts what happens; nil counts for nobody.
	Metrics *metrics.Registry
	// Redact takes secrets out of what dead letters tell of errors; nil for none.
	Redact func(string) string
	// Loggers gives the logger of a name.
	Loggers func(name string) *slog.Logger
	// Now is what time it is; nil for time.Now.
	Now func() time.Time
}

// DefaultTaskMemory is enough for one task to be as fast as it can, and for many to
// keep several cores busy.
const DefaultTaskMemory = 32 << 20

// Offsets keeps the offsets of source partitions (storage/offset.Store).
type Offsets interface {
	Get(ctx context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error)
	All(ctx context.Context, connector string) ([]connect.PartitionOffset, error)
	Set(ctx context.Context, connector string, offsets ...connect.PartitionOffset) error
}

// Worker runs connectors and tasks. Its maps are guarded by one lock, which is
// not held while anything is started or stopped.
type Worker struct {
	cfg     Config
	log     *slog.Logger
	clients *clients
	metrics *metrics.Worker
	memory  *budget.Budget   // of records on their way, which tasks share
	batches *connect.Batches // that source tasks fill
	buffers *producer.Pool   // of their producers

	mu         sync.Mutex
	connectors map[string]*connector
	tasks      map[state.TaskID]runner
	unbuilt    map[any]interface{ Close() } // metrics of connectors (by name) and tasks (by id) that could not be built
}

// runner is a running task.
type runner interface {
	// run starts the task's goroutines and returns.
	run()
	// setTarget pauses or resumes; it does not wait.
	setTarget(state.Target)
	// stop ends the task in good order, or gives it up when ctx ends.
	stop(ctx context.Context)
}

var _ Runtime = (*Worker)(nil)

// New makes a worker that runs nothing yet.
func New(cfg Config) *Worker {
	if cfg.Loggers == nil {
		cfg.Loggers = func(string) *slog.Logger { return slog.New(slog.DiscardHandler) }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.New(cfg.Now)
	}
	if cfg.TaskMemory <= 0 {
		cfg.TaskMemory = DefaultTaskMemory
	}
	log := cfg.Loggers("org.apache.kafka.connect.runtime.Worker")
	w := &Worker{
		cfg: cfg, log: log, clients: newClients(log),
		connectors: map[string]*connector{}, tasks: map[state.TaskID]runner{}, unbuilt: map[any]interface{ Close() }{},
	}
	w.memory, w.batches = budget.New(cfg.TaskMemory), connect.NewBatches(batchRecords, batchBytes)
	w.buffers = producer.NewPool(w.memory)
	w.metrics = cfg.Metrics.Worker(func() int { c, _ := w.Running(); return len(c) }, func() int { _, t := w.Running(); return len(t) })
	w.metrics.Memory(w.memory.Used, w.memory.Limit)
	return w
}

// StartConnector implements Runtime.
func (w *Worker) StartConnector(ctx context.Context, name string, config map[string]string, target state.Target) error {
	w.forgetUnbuilt(name)
	c, err := w.newConnector(name, config)
	if err != nil {
		w.mu.Lock()
		w.unbuilt[name] = c.metrics
		w.mu.Unlock()
	} else {
		w.mu.Lock()
		if _, running := w.connectors[name]; running {
			w.mu.Unlock()
			return fmt.Errorf("Connector with name %s already exists", name)
		}
		w.connectors[name] = c
		w.mu.Unlock()
		err = c.start(ctx, target)
	}
	w.metrics.ConnectorStarts.Count(err)
	if err != nil {
		err = fmt.Errorf("Failed to start connector %s: %w", name, err)
		c.state.Store(state.Failed)
		c.log.Error("the connector has failed; it will not recover until it is restarted", "error", err)
		w.cfg.Listener.ConnectorStatus(name, state.Status{State: state.Failed, Trace: trace(err), Version: c.version()})
	}
	return err
}

// StopConnectors implements Runtime.
func (w *Worker) StopConnectors(ctx context.Context, names ...string) {
	stopAll(ctx, w, w.connectors, names)
}

// ConnectorTaskConfigs implements Runtime.
func (w *Worker) ConnectorTaskConfigs(ctx context.Context, name string, maxTasks int) ([]map[string]string, error) {
	w.mu.Lock()
	c := w.connectors[name]
	w.mu.Unlock()
	if c == nil {
		return nil, fmt.Errorf("Connector %s not found in this worker.", name)
	}
	return c.taskConfigs(ctx, maxTasks)
}

// StartTask implements Runtime.
func (w *Worker) StartTask(ctx context.Context, start TaskStart) error {
	w.mu.Lock()
	_, running := w.tasks[start.ID]
	w.mu.Unlock()
	if running {
		return fmt.Errorf("Task already exists in this worker: %s", start.ID)
	}
	w.forgetUnbuilt(start.ID)
	var t runner
	err := guard(func() (err error) {
		t, err = w.newTask(ctx, start)
		return err
	})
	w.metrics.TaskStarts.Count(err)
	if err != nil {
		err = fmt.Errorf("Failed to start task %s: %w", start.ID, err)
		w.notBuilt(start, err)
		return err
	}
	w.mu.Lock()
	w.tasks[start.ID] = t
	w.mu.Unlock()
	t.run()
	return nil
}

// notBuilt tells of a task that could not be built; it has no version, as in Java.
func (w *Worker) notBuilt(start TaskStart, err error) {
	config := start.ConnectorConfig
	p, unknown := w.cfg.Registry.Connector(config)
	if unknown != nil {
		p = &connect.Plugin{Class: config["connector.class"]}
	}
	w.mu.Lock()
	w.unbuilt[start.ID] = w.cfg.Metrics.Failed(taskInfo(start.ID, p))
	w.mu.Unlock()
	w.cfg.Loggers(p.Class).Error("the task has failed; it will not recover until it is restarted",
		"connector", start.ID.Connector, "task", start.ID.Task, "error", err)
	w.cfg.Listener.TaskStatus(start.ID, state.Status{State: state.Failed, Trace: trace(err), Class: string(ClassOf(err))})
}

// forgetUnbuilt ends what metrics say of a connector or task that could not be
// built.
func (w *Worker) forgetUnbuilt(id any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.unbuilt[id]; m != nil {
		m.Close()
		delete(w.unbuilt, id)
	}
}

// asRunner keeps a nil task from becoming a runner that is not nil.
func asRunner[T runner](t T, err error) (runner, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// newTask makes a task of the connector's kind.
func (w *Worker) newTask(ctx context.Context, start TaskStart) (runner, error) {
	p, err := w.cfg.Registry.Connector(start.ConnectorConfig)
	if err != nil {
		return nil, err
	}
	if err := w.checkOverrides(start.ID.Connector, p.Class, start.ConnectorConfig); err != nil {
		return nil, err
	}
	if p.Kind == connect.KindSink {
		return asRunner(w.newSinkTask(ctx, p, start))
	}
	return asRunner(w.newSourceTask(ctx, p, start))
}

// StopTasks implements Runtime.
func (w *Worker) StopTasks(ctx context.Context, ids ...state.TaskID) { stopAll(ctx, w, w.tasks, ids) }

// stopAll stops some of what runs, all at the same time, and forgets it.
func stopAll[K comparable, T interface{ stop(context.Context) }](ctx context.Context, w *Worker, running map[K]T, keys []K) {
	var stopping []T
	for _, key := range keys {
		w.forgetUnbuilt(key)
	}
	w.mu.Lock()
	for _, key := range keys {
		if x, ok := running[key]; ok {
			stopping = append(stopping, x)
			delete(running, key)
		}
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, w.cfg.GracefulTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, x := range stopping {
		wg.Go(func() { x.stop(ctx) })
	}
	wg.Wait()
}

// SetTarget implements Runtime.
func (w *Worker) SetTarget(ctx context.Context, name string, target state.Target) error {
	w.mu.Lock()
	c := w.connectors[name]
	var tasks []runner
	for id, t := range w.tasks {
		if id.Connector == name {
			tasks = append(tasks, t)
		}
	}
	w.mu.Unlock()
	for _, t := range tasks {
		t.setTarget(target)
	}
	if c == nil {
		return nil
	}
	return c.setTarget(ctx, target)
}

// Running implements Runtime.
func (w *Worker) Running() (connectors []string, tasks []state.TaskID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.connectors {
		connectors = append(connectors, name)
	}
	for id := range w.tasks {
		tasks = append(tasks, id)
	}
	slices.Sort(connectors)
	slices.SortFunc(tasks, func(a, b state.TaskID) int {
		return slices.Compare([]string{a.String()}, []string{b.String()})
	})
	return connectors, tasks
}

// Progress implements Runtime.
func (w *Worker) Progress(name string) map[int]connect.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[int]connect.Progress{}
	for id, t := range w.tasks {
		if id.Connector != name {
			continue
		}
		if s, ok := t.(*sourceTask); ok {
			if p, ok := s.progress(); ok {
				out[id.Task] = p
			}
		}
	}
	return out
}

// Stop implements Runtime.
func (w *Worker) Stop(ctx context.Context) {
	connectors, tasks := w.Running()
	w.StopConnectors(ctx, connectors...)
	w.StopTasks(ctx, tasks...)
	w.clients.close()
}

// trace is what a status says of a failure.
func trace(err error) string { return tolerance.Trace(err) }
