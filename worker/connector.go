package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// connector is a running connector with its target state (WorkerConnector).
type connector struct {
	w      *Worker
	name   string
	config map[string]string
	plugin *connect.Plugin
	log    *slog.Logger

	silent  atomic.Bool  // abandoned: no more reports
	state   atomic.Value // state.State, for the metrics
	metrics *metrics.Group
	own     *metrics.Plugin // the connector's own metrics

	mu      sync.Mutex // one of the calls below at a time
	impl    connect.Connector
	started bool
	failed  bool
	ctx     context.Context // of what Start began
	cancel  context.CancelFunc
}

func (w *Worker) newConnector(name string, config map[string]string) (*connector, error) {
	c := &connector{w: w, name: name, config: config}
	c.state.Store(state.Unassigned)
	status := func() string { return string(c.state.Load().(state.State)) }
	var err error
	if c.plugin, err = w.cfg.Registry.Connector(config); err != nil {
		c.log = w.cfg.Loggers(config["connector.class"]).With("connector", name)
		c.metrics = w.cfg.Metrics.Connector(name, "unknown", config["connector.class"], "", status)
		return c, err
	}
	c.log = w.cfg.Loggers(c.plugin.Class).With("connector", name)
	c.impl = c.plugin.NewConnector()
	c.metrics = w.cfg.Metrics.Connector(name, string(c.plugin.Kind), c.plugin.Class, c.plugin.Version, status)
	c.own = w.cfg.Metrics.Plugin("connector", name)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// version is the plugin's version, "" when there is none.
func (c *connector) version() string {
	if c.plugin == nil {
		return ""
	}
	return c.plugin.Version
}

func (c *connector) start(ctx context.Context, target state.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bring(ctx, target)
}

// bring takes the connector to a target state and reports it; the lock is held.
func (c *connector) bring(_ context.Context, target state.Target) error {
	if target == state.TargetStarted && !c.started {
		start := func() error { return c.impl.Start(c.ctx, connectorContext{c}, maps.Clone(c.config)) }
		if err := guard(start); err != nil {
			c.failed = true
			return err
		}
		c.started = true
	}
	if target != state.TargetStarted && c.started {
		c.started = false
		if err := guard(func() error { return c.impl.Stop(c.ctx) }); err != nil {
			c.failed = true
			return err
		}
	}
	c.failed = false
	c.report(state.Status{State: reached(target)})
	return nil
}

func reached(target state.Target) state.State {
	switch target {
	case state.TargetPaused:
		return state.Paused
	case state.TargetStopped:
		return state.Stopped
	}
	return state.Running
}

func (c *connector) report(s state.Status) {
	if c.silent.Load() {
		return
	}
	c.state.Store(s.State)
	s.Version = c.version()
	c.w.cfg.Listener.ConnectorStatus(c.name, s)
}

func (c *connector) setTarget(ctx context.Context, target state.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed {
		return nil // a failed connector stays so until it is restarted
	}
	err := c.bring(ctx, target)
	if err != nil {
		c.report(state.Status{State: state.Failed, Trace: trace(err)})
	}
	return err
}

// stop ends the connector, or gives it up when ctx ends.
func (c *connector) stop(ctx context.Context) {
	c.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end(ctx)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		c.silent.Store(true)
		c.log.Warn("the connector did not end within task.shutdown.graceful.timeout.ms and is abandoned")
	}
	c.metrics.Close()
	c.own.Close()
}

// end is stop with the lock held.
func (c *connector) end(ctx context.Context) {
	if c.started {
		if err := guard(func() error { return c.impl.Stop(ctx) }); err != nil {
			c.log.Error("the connector did not stop well", "error", err)
		}
		c.started = false
	}
	if !c.failed {
		c.report(state.Status{State: state.Unassigned})
	}
}

// taskConfigs asks for the tasks' configurations (Worker.connectorTaskConfigs).
func (c *connector) taskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var configs []map[string]string
	err := guard(func() (err error) {
		configs, err = c.impl.TaskConfigs(ctx, maxTasks)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(configs) > maxTasks && !strings.EqualFold(strings.TrimSpace(c.config["tasks.max.enforce"]), "false") {
		return nil, &TooManyTasksError{Connector: c.name, Generated: len(configs), Max: maxTasks}
	}
	for i := range configs {
		configs[i] = maps.Clone(configs[i])
		configs[i]["task.class"] = c.plugin.TaskClass
		for _, key := range []string{"topics", "topics.regex"} {
			if v, given := c.config[key]; given && c.plugin.Kind == connect.KindSink {
				configs[i][key] = v
			}
		}
	}
	return configs, nil
}

// connectorContext is what a connector may ask of the worker.
type connectorContext struct{ c *connector }

func (x connectorContext) RequestTaskReconfiguration() {
	x.c.w.cfg.Reconfigurer.RequestTaskReconfiguration(x.c.name)
}

func (x connectorContext) RaiseError(err error) {
	go func() { // the connector may hold the lock
		x.c.mu.Lock()
		defer x.c.mu.Unlock()
		if x.c.ctx.Err() == nil {
			x.c.failed = true
			x.c.report(state.Status{State: state.Failed, Trace: trace(fmt.Errorf("the connector has failed: %w", err))})
		}
	}()
}

func (x connectorContext) Name() string                   { return x.c.name }
func (x connectorContext) Logger() *slog.Logger           { return x.c.log }
func (x connectorContext) Metrics() connect.PluginMetrics { return x.c.own }
