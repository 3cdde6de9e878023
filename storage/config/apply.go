package config

import (
	"log/slog"
	"strings"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/topiclog"
)

// Change is one thing that changed in the topic.
type Change struct {
	Kind      ChangeKind
	Connector string  // all but SessionKeyChanged and LevelChanged
	Restart   Restart // RestartRequested
	Key       SessionKey
	Logger    string // LevelChanged
	Level     string
}

// ChangeKind says what changed (ConfigBackingStore.UpdateListener).
type ChangeKind uint8

// The kinds of changes.
const (
	ConnectorAdded ChangeKind = iota + 1 // also one that returns after its deletion
	ConnectorChanged
	ConnectorRemoved
	TasksChanged // a commit of task configurations, complete or not
	TargetChanged
	RestartRequested
	SessionKeyChanged
	LevelChanged
)

// Restart is a request to restart a connector, its tasks, or those that failed.
type Restart struct {
	Connector    string
	OnlyFailed   bool
	IncludeTasks bool
}

// applier turns records into States and Changes. One goroutine owns it.
type applier struct {
	log   *slog.Logger
	topic string
	// deferred are task configurations that wait for their commit.
	deferred map[string]map[int]map[string]string
	b        *builder
	changes  []Change
}

func newApplier(log *slog.Logger, topic string) *applier {
	return &applier{log: log, topic: topic, deferred: map[string]map[int]map[string]string{}}
}

// apply returns the State after records, and what they changed.
func (a *applier) apply(s *State, records []kafka.Record) (*State, []Change) {
	a.b, a.changes = s.builder(), nil
	for _, r := range records {
		a.record(r)
	}
	next := a.b.state()
	a.b = nil
	return next, a.changes
}

func (a *applier) record(r kafka.Record) {
	key := string(r.Key)
	v, err := topiclog.DecodeJSON(r.Value)
	if err != nil {
		// Java skips such a record before it takes note of its offset, and the
		// offsets of all workers must agree.
		a.ignore(key, r.Offset, err)
		return
	}
	a.b.offset = r.Offset + 1
	value, err := asObject(v)
	if err == nil {
		err = a.dispatch(key, value)
	}
	if err != nil {
		a.ignore(key, r.Offset, err)
	}
}

func (a *applier) ignore(key string, offset int64, err error) {
	a.log.Error("ignoring a record of the config topic", "topic", a.topic, "offset", offset, "key", key, "error", err)
}

func (a *applier) dispatch(key string, value object) error {
	cut := func(prefix string) (string, bool) { return strings.CutPrefix(key, prefix) }
	if name, ok := cut(targetPrefix); ok {
		return a.target(name, value)
	}
	if name, ok := cut(connectorPrefix); ok {
		return a.connector(name, value)
	}
	if rest, ok := cut(taskPrefix); ok {
		return a.task(rest, value)
	}
	if name, ok := cut(commitPrefix); ok {
		return a.commit(name, value)
	}
	if name, ok := cut(restartPrefix); ok {
		return a.restart(name, value)
	}
	if name, ok := cut(fencingPrefix); ok {
		return a.taskCount(name, value)
	}
	if logger, ok := cut(loggerPrefix); ok {
		return a.level(logger, value)
	}
	if key == sessionKeyKey {
		return a.sessionKey(value)
	}
	return errUnknownKey
}

func (a *applier) changed(c Change) { a.changes = append(a.changes, c) }

func (a *applier) target(name string, value object) error {
	if value == nil {
		// A connector that is still configured must have some target state.
		a.b.change(name, func(c *connector) {
			c.target = ""
			if c.config != nil {
				c.target = state.TargetStarted
			}
		})
		return nil
	}
	target, err := value.target()
	if err != nil {
		return err
	}
	var tell bool
	a.b.change(name, func(c *connector) {
		tell = c.target != target && c.config != nil
		c.target = target
	})
	if tell {
		a.changed(Change{Kind: TargetChanged, Connector: name})
	}
	return nil
}

func (a *applier) connector(name string, value object) error {
	if value == nil {
		a.remove(name)
		a.changed(Change{Kind: ConnectorRemoved, Connector: name})
		return nil
	}
	config, err := value.properties()
	if err != nil {
		return err
	}
	kind := ConnectorChanged
	a.b.change(name, func(c *connector) {
		if c.config == nil {
			kind = ConnectorAdded
		}
		c.config = config
		if c.target == "" {
			c.target = state.TargetStarted
		}
	})
	a.changed(Change{Kind: kind, Connector: name})
	return nil
}

// remove forgets a connector, but not its target state, which has a tombstone of
// its own, nor what fencing must know.
func (a *applier) remove(name string) {
	delete(a.deferred, name)
	a.b.change(name, func(c *connector) {
		c.config, c.applied, c.tasks, c.count = nil, nil, nil, -1
	})
}

func (a *applier) task(key string, value object) error {
	id, ok := parseTask(key)
	switch {
	case !ok:
		return errTaskKey
	case value == nil:
		return errNull
	}
	config, err := value.properties()
	if err != nil {
		return err
	}
	if a.deferred[id.Connector] == nil {
		a.deferred[id.Connector] = map[int]map[string]string{}
	}
	a.deferred[id.Connector][id.Task] = config
	return nil
}

// commit makes the deferred configurations of a connector's tasks valid, when
// all are there. Compaction may leave more of them than the commit counts, from
// a time when there were more tasks, but never hides one that belongs to it.
func (a *applier) commit(name string, value object) error {
	before := a.b.read(name)
	if before == nil || before.config == nil {
		// The connector was deleted and compaction has removed its records.
		a.remove(name)
		return nil
	}
	if value == nil {
		return errNull
	}
	count, err := value.integer("tasks")
	if err != nil {
		return err
	}
	deferred, some := a.deferred[name]
	if some {
		// They are kept for no later commit, complete or not. That there were some
		// is: from then on each complete commit begins a generation, as in Java.
		a.deferred[name] = map[int]map[string]string{}
	}
	a.b.change(name, func(c *connector) {
		c.inconsistent = !complete(deferred, count)
		if !c.inconsistent {
			if some {
				c.tasks = withTasks(c.tasks, deferred)
				c.generation++
			}
			c.applied = c.config
		}
		c.count, c.unfenced = count, true
	})
	a.changed(Change{Kind: TasksChanged, Connector: name})
	return nil
}

func complete(tasks map[int]map[string]string, count int) bool {
	for i := range count {
		if _, ok := tasks[i]; !ok {
			return false
		}
	}
	return true
}

func (a *applier) restart(name string, value object) error {
	if value == nil {
		return errNull
	}
	a.changed(Change{Kind: RestartRequested, Connector: name, Restart: Restart{
		Connector: name, OnlyFailed: value.flag("only-failed"), IncludeTasks: value.flag("include-tasks"),
	}})
	return nil
}

func (a *applier) taskCount(name string, value object) error {
	if value == nil {
		return errNull
	}
	n, err := value.integer("task-count")
	if err != nil {
		return err
	}
	a.b.change(name, func(c *connector) { c.record, c.unfenced = n, false })
	return nil
}

func (a *applier) level(logger string, value object) error {
	if value == nil {
		return errNull
	}
	level, err := value.text("level")
	if err != nil {
		return err
	}
	a.changed(Change{Kind: LevelChanged, Logger: logger, Level: level})
	return nil
}

func (a *applier) sessionKey(value object) error {
	if value == nil {
		return errNull
	}
	key, err := value.sessionKey()
	if err != nil {
		return err
	}
	a.b.key = key
	a.changed(Change{Kind: SessionKeyChanged, Key: *key})
	return nil
}
