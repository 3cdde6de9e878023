package distributed

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

func (c *Core) configsRead(e ConfigsRead) {
	c.configs = e.Snapshot
	if e.Key != nil {
		c.keyChanged(*e.Key)
	}
	if c.phase == starting {
		c.phase, c.rejoin = settled, true
	}
}

// configsChanged takes over the new state and does what the changes ask for.
// New and deleted connectors and new task configurations need a round, so that
// work is divided anew (DistributedHerder.ConfigUpdateListener).
func (c *Core) configsChanged(e ConfigsChanged) {
	before := c.configs
	c.configs = e.Snapshot
	for _, ch := range e.Changes {
		switch ch := ch.(type) {
		case ConnectorAdded:
			c.changed = true
			c.connectorChanged(ch.Name) // deleted and created again before it was stopped
		case ConnectorRemoved:
			c.changed, c.stale, c.staleAt = true, true, c.configs.Offset()
			c.forget(ch.Name)
		case ConnectorChanged:
			c.connectorChanged(ch.Name)
		case TasksChanged:
			if before == nil || before.TaskCount(ch.Name) > c.configs.TaskCount(ch.Name) {
				c.stale, c.staleAt = true, c.configs.Offset()
			}
			c.tasksChanged(ch.Name)
		case TargetChanged:
			c.targetChanged(ch.Name)
		case RestartRequested:
			c.restartRequested(ch.RestartRequest)
		case KeyChanged:
			c.keyChanged(ch.Key)
		case LevelChanged:
			c.do(SetLevel(ch))
		}
	}
	switch {
	case c.phase == catchingUp:
		if c.configs.Offset() >= c.assignment.Offset {
			c.resolve()
		}
	case c.phase == outside && c.configs.Offset() >= c.reached:
		c.phase, c.rejoin = settled, true // once the work has stopped
	}
}

// connectorChanged restarts a connector that runs here; it may then ask for
// other tasks.
func (c *Core) connectorChanged(name string) {
	if c.running.connector(name) {
		c.log(slog.LevelInfo, "restarting a connector, because its configuration changed", "connector", name)
		c.restart(group.Work{Connectors: []string{name}}, false)
	}
}

// tasksChanged stops a connector's tasks. Those that are still this worker's
// after the next round start again then, when no worker runs a former one.
func (c *Core) tasksChanged(name string) {
	c.changed = true
	c.unsettled[name] = c.configs.Offset()
	c.failFencing(name)
	if tasks := c.running.tasks(name); len(tasks) > 0 {
		c.log(slog.LevelInfo, "stopping tasks, because their configurations changed", "connector", name, "tasks", len(tasks))
		c.stop(group.Work{Tasks: tasks}, nil)
	}
	if c.configs.Inconsistent(name) {
		c.reconfigure(name, false)
	}
}

// forget drops what is kept about a connector that is gone.
func (c *Core) forget(name string) {
	delete(c.restarts, name)
	delete(c.unsettled, name)
	if g := c.generating[name]; g != nil {
		c.cancel(g.retry)
		delete(c.generating, name)
	}
}

// reconfiguration is the making of task configurations of a connector. One step of
// it is under way at a time.
type reconfiguration struct {
	busy     bool
	again    bool // asked for once more meanwhile
	force    bool // write them even if they are the same
	attempts int
	first    time.Time // when the series of attempts began
	retry    *timer
}

func (c *Core) reconfig(name string) *reconfiguration {
	g := c.generating[name]
	if g == nil {
		g = &reconfiguration{}
		c.generating[name] = g
	}
	return g
}

// connectorStarted answers a restart and asks a started connector for its tasks.
func (c *Core) connectorStarted(e ConnectorStarted) {
	c.restarted(e.Restart, "connector", e.Name, e.Err)
	switch {
	case e.Err == nil:
		c.reconfigure(e.Name, false)
	case !errors.Is(e.Err, context.Canceled): // not stopped meanwhile
		c.log(slog.LevelError, "a connector cannot be started", "connector", e.Name, "error", e.Err)
	}
}

// secretsExpired restarts a connector. Its tasks are written again although
// they refer to the same secrets, since only that makes them read the new values.
func (c *Core) secretsExpired(name string) {
	if c.running.connector(name) {
		c.reconfig(name).force = true
		c.restart(group.Work{Connectors: []string{name}}, false)
	}
}

// reconfigure asks a connector that runs here for task configurations.
func (c *Core) reconfigure(name string, retry bool) {
	if !c.running.connector(name) || c.configs.Target(name) != state.TargetStarted {
		return
	}
	g := c.reconfig(name)
	if g.busy {
		g.again = true
		return
	}
	if !retry {
		c.cancel(g.retry)
		g.attempts, g.first = 0, c.now
	}
	g.busy = true
	c.do(GenerateTasks{name})
}

// tasksGenerated publishes configurations that differ from the present ones.
func (c *Core) tasksGenerated(e TasksGenerated) {
	g := c.generating[e.Name]
	if g == nil || !g.busy {
		return
	}
	switch {
	case !c.running.connector(e.Name):
		c.generated(e.Name, nil, false) // it was taken away meanwhile
	case e.Err != nil:
		c.generated(e.Name, e.Err, e.Final)
	case !g.force && !c.tasksDiffer(e.Name, e.Configs):
		c.generated(e.Name, nil, false)
	case c.leading():
		c.enqueue(&write{
			prepare: func() (Op, error) {
				if !c.running.connector(e.Name) || !c.configs.Contains(e.Name) {
					return nil, nil
				}
				return c.tasksOp(e.Name, e.Configs)
			},
			done: func(err error) { c.generated(e.Name, err, false) },
		})
	case c.assignment == nil || c.leaderURL() == "":
		c.generated(e.Name, herder.Errorf(herder.Conflict, herder.NoLeaderMessage), false)
	default:
		c.do(PublishTasks{e.Name, c.leaderURL(), e.Configs})
	}
}

func (c *Core) tasksDiffer(name string, configs []map[string]string) bool {
	if len(configs) != c.configs.TaskCount(name) {
		return true
	}
	for n, config := range configs {
		if !maps.Equal(config, c.configs.TaskConfig(state.TaskID{Connector: name, Task: n})) {
			return true
		}
	}
	// Tasks also see their connector's configuration.
	applied := c.configs.AppliedConfig(name)
	return applied != nil && !maps.Equal(applied, c.configs.Config(name))
}

func (c *Core) published(e Published) {
	if e.KeyRejected && c.now.Sub(c.reconfig(e.Name).first) < time.Minute {
		c.log(slog.LevelDebug, "the leader did not accept the session key, which may just be changing", "connector", e.Name)
	}
	c.generated(e.Name, e.Err, false)
}

// Pauses between attempts to get a connector's task configurations through
// (DistributedHerder.RECONFIGURE_CONNECTOR_TASKS_BACKOFF_*).
const (
	firstPause = 250 * time.Millisecond
	lastPause  = time.Minute
)

// generated ends an attempt. A failed one is repeated: a connector that thinks
// its tasks are known would never ask again.
func (c *Core) generated(name string, err error, final bool) {
	g := c.generating[name]
	if g == nil {
		return
	}
	g.busy = false
	if g.again {
		g.again = false
		c.reconfigure(name, false)
		return
	}
	if err == nil {
		g.force = false
		return
	}
	if final {
		c.log(slog.LevelError, "a connector's task configurations cannot be used", "connector", name, "error", err)
		return
	}
	pause := min(firstPause<<min(g.attempts, 20), lastPause)
	g.attempts++
	c.log(slog.LevelError, "a connector's task configurations were not published, will retry", "connector", name, "error", err, "in", pause.String())
	g.retry = c.at(c.now.Add(pause), func() { c.reconfigure(name, true) })
}

// sortedNames returns the names of a set in order.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
