package distributed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

// Jobs of the lanes: what the worker is told. They run beside the loop and read
// the newest configurations when their turn comes.

func (h *Herder) startConnector(name string, restart int) {
	h.lanes.add(item{Connector: name, Task: connectorItself}, job{starts: true, run: func(ctx context.Context) {
		h.box.put(ConnectorStarted{name, restart, h.bringUpConnector(ctx, name)})
	}})
}

// bringUpConnector starts a connector and has it started again when values of
// its config providers expire.
func (h *Herder) bringUpConnector(ctx context.Context, name string) error {
	s, err := h.Local.Configs(ctx)
	if err != nil {
		return err
	}
	if !s.Contains(name) {
		return herder.ErrNotFound(name)
	}
	config, ttl, err := h.Resolver.Resolve(ctx, s.Config(name))
	if err != nil {
		err = fmt.Errorf("resolving references to config providers: %w", err)
		h.Reporter.ConnectorStatus(name, state.Status{State: state.Failed, Trace: err.Error()})
		return err
	}
	if err := h.Runtime.StartConnector(ctx, name, config, s.Target(name)); err != nil {
		return err
	}
	h.followTarget(ctx, name, s.Target(name))
	if config["config.action.reload"] == "none" {
		ttl = 0
	}
	h.box.put(func() { h.expireAfter(name, ttl) })
	return nil
}

// expireAfter sets, for 0 removes, the time to live of a connector's secrets.
func (h *Herder) expireAfter(name string, ttl time.Duration) {
	if t := h.expiry[name]; t != nil {
		t.Stop()
		delete(h.expiry, name)
	}
	if ttl > 0 {
		h.expiry[name] = time.AfterFunc(ttl, func() { h.box.put(SecretsExpired{name}) })
	}
}

// followTarget catches a change of target that came while something started.
func (h *Herder) followTarget(ctx context.Context, name string, was state.Target) {
	if now := h.target(name); now != was && ctx.Err() == nil {
		if err := h.Runtime.SetTarget(ctx, name, now); err != nil {
			h.log.Error("a connector did not reach its target state", "connector", name, "target", now, "error", err)
		}
	}
}

func (h *Herder) startTask(id state.TaskID, generation int) {
	h.lanes.add(id, job{starts: true, run: func(ctx context.Context) { _ = h.bringUpTask(ctx, id, generation) }}) // which has said what failed
}

// bringUpTask starts a task. What keeps it from starting becomes its status,
// unless the task was taken back meanwhile.
func (h *Herder) bringUpTask(ctx context.Context, id state.TaskID, generation int) error {
	start, err := h.prepareTask(ctx, id, generation)
	if err != nil {
		if ctx.Err() == nil {
			h.log.Error("a task cannot be started", "task", id.String(), "error", err)
			h.Reporter.TaskStatus(id, state.Status{State: state.Failed, Trace: err.Error(), Class: classOf(err)})
		}
		return err
	}
	if err := h.Runtime.StartTask(ctx, start); err != nil {
		return err
	}
	h.followTarget(ctx, id.Connector, start.Target)
	return nil
}

func (h *Herder) prepareTask(ctx context.Context, id state.TaskID, generation int) (worker.TaskStart, error) {
	s, err := h.Local.Configs(ctx)
	if err != nil {
		return worker.TaskStart{}, err
	}
	raw := s.TaskConfig(id)
	if raw == nil {
		return worker.TaskStart{}, herder.Errorf(herder.NotFound, "Unknown task: %s", id)
	}
	start := worker.TaskStart{ID: id, Target: s.Target(id.Connector)}
	if start.ConnectorConfig, _, err = h.Resolver.Resolve(ctx, s.Config(id.Connector)); err != nil {
		return start, fmt.Errorf("resolving references to config providers: %w", err)
	}
	if start.TaskConfig, _, err = h.Resolver.Resolve(ctx, raw); err != nil {
		return start, fmt.Errorf("resolving references to config providers: %w", err)
	}
	if !h.cfg.ExactlyOnce || h.Type(start.ConnectorConfig) != herder.TypeSource {
		return start, nil
	}
	start.ExactlyOnce = true
	start.Verify = func(ctx context.Context) error {
		_, err := h.ask(ctx, StillOwned{id, generation})
		return err
	}
	if err := h.fence(ctx, id); err != nil {
		return start, fmt.Errorf("Failed to perform round of zombie fencing: %w", err)
	}
	return start, nil
}

// Attempts to have earlier tasks fenced off: the leader may be changing.
const (
	fencePause    = 250 * time.Millisecond
	fencePatience = time.Minute
)

// fence has the leader fence off producers of earlier tasks before one starts.
func (h *Herder) fence(ctx context.Context, id state.TaskID) error {
	ctx, cancel := context.WithTimeout(ctx, fencePatience)
	defer cancel()
	pause := fencePause
	for {
		err := h.fenceOnce(ctx, id)
		if err == nil || !worthRepeating(err) {
			return err
		}
		h.log.Warn("earlier tasks could not be fenced off, will retry", "task", id.String(), "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 5*time.Second)
		}
	}
}

func (h *Herder) fenceOnce(ctx context.Context, id state.TaskID) error {
	_, err := h.ask(ctx, FenceWanted{Name: id.Connector, Source: true})
	var not *herder.NotTarget
	if errors.As(err, &not) {
		if not.URL == "" {
			return herder.Errorf(herder.Conflict, herder.NoLeaderMessage)
		}
		return h.cfg.Forwarder.FenceZombies(ctx, not.URL, id.Connector, h.sessionKey())
	}
	return err
}

// classOf is the class of an error that kept a task from being started.
func classOf(err error) string {
	switch herder.KindOf(err) {
	case herder.Conflict, herder.Unavailable, herder.Timeout:
		return string(connect.ClassRetriable) // the group or its leader was changing
	case herder.BadConfig, herder.BadRequest:
		return string(connect.ClassConfig)
	}
	return string(worker.ClassOf(err))
}

// worthRepeating reports whether a request to the leader may succeed later.
func worthRepeating(err error) bool {
	switch herder.KindOf(err) {
	case herder.NotFound, herder.BadRequest, herder.BadConfig:
		return false
	}
	return !errors.Is(err, context.Canceled)
}

// lostGrace is how long work may take to end once the group was lost. Commits
// that cannot reach the brokers would go on for as long as
// task.shutdown.graceful.timeout.ms, beside those who have the work by then.
const lostGrace = time.Second

// stop stops work; Stopped is sent when all of it has ended.
func (h *Herder) stop(a Stop) {
	all := items(a.Work)
	if len(all) == 0 {
		h.box.put(Stopped{a.Barrier})
		return
	}
	h.barriers[a.Barrier] = len(all)
	for _, it := range all {
		h.healer.Forget(it)
		h.lanes.add(it, job{stops: true, run: func(ctx context.Context) {
			if a.Lost {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, lostGrace)
				defer cancel()
			}
			h.takeDown(ctx, it)
			h.box.put(func() { h.stopped(a.Barrier) })
		}})
	}
}

func (h *Herder) stopped(barrier int) {
	h.barriers[barrier]--
	if h.barriers[barrier] == 0 {
		delete(h.barriers, barrier)
		h.step(Stopped{barrier})
	}
}

func (h *Herder) takeDown(ctx context.Context, it item) {
	if it.Task == connectorItself {
		h.Runtime.StopConnectors(ctx, it.Connector)
	} else {
		h.Runtime.StopTasks(ctx, it)
	}
}

// restart stops and starts work, each piece by itself.
func (h *Herder) restart(a Restart) {
	for _, it := range items(a.Work) {
		if !a.Heal {
			h.healer.Forget(it) // somebody takes care of it
		}
		h.lanes.add(it, job{stops: true, run: func(ctx context.Context) {
			h.takeDown(ctx, it)
			if a.Mark {
				h.Reporter.Restarting(it)
			}
		}})
		if it.Task == connectorItself {
			h.startConnector(it.Connector, a.ID)
			continue
		}
		h.lanes.add(it, job{starts: true, run: func(ctx context.Context) {
			h.box.put(TaskRestarted{it, a.ID, h.bringUpTask(ctx, it, a.Generations[it])})
		}})
	}
}

func (h *Herder) retarget(a Retarget) {
	h.lanes.add(item{Connector: a.Name, Task: connectorItself}, job{run: func(ctx context.Context) {
		h.box.put(Retargeted{a.Name, a.Target, h.Runtime.SetTarget(ctx, a.Name, a.Target)})
	}})
}

func (h *Herder) generateTasks(name string) {
	h.lanes.add(item{Connector: name, Task: connectorItself}, job{run: func(ctx context.Context) {
		configs, final, err := h.taskConfigs(ctx, name)
		h.box.put(TasksGenerated{Name: name, Configs: configs, Err: err, Final: final})
	}})
}

func (h *Herder) taskConfigs(ctx context.Context, name string) (configs []map[string]string, final bool, err error) {
	s, err := h.Local.Configs(ctx)
	if err != nil {
		return nil, false, err
	}
	if !s.Contains(name) {
		return nil, true, herder.ErrNotFound(name)
	}
	config, _, err := h.Resolver.Resolve(ctx, s.Config(name))
	if err != nil {
		return nil, false, fmt.Errorf("resolving references to config providers: %w", err)
	}
	most, err := herder.TasksMax(config)
	if err != nil {
		return nil, true, err
	}
	configs, err = h.Runtime.ConnectorTaskConfigs(ctx, name, most)
	if err != nil {
		var tooMany *worker.TooManyTasksError
		return nil, errors.As(err, &tooMany), err
	}
	return herder.Unresolve(s.Config(name), configs), false, nil
}
