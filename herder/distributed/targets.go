package distributed

import (
	"log/slog"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// target pauses and resumes from any worker; to stop takes the leader, since it
// removes the tasks' configurations. They go first: a running connector without
// tasks is sound, a stopped one with tasks is not.
func (c *Core) target(id int, r TargetWanted) bool {
	if !c.configs.Contains(r.Name) {
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown connector %s", r.Name))
		return true
	}
	if r.Target != state.TargetStopped {
		c.write(id, PutTarget(r))
		return true
	}
	return c.asLeader(id, "Only the leader can transition connectors to the STOPPED state.", func() {
		c.enqueue(&write{
			prepare: func() (Op, error) {
				if !c.configs.Contains(r.Name) {
					return nil, herder.Errorf(herder.NotFound, "Unknown connector %s", r.Name)
				}
				return PutTasks{Name: r.Name}, nil
			},
			done: func(err error) {
				if err != nil {
					c.reply(id, Answer{}, err)
					return
				}
				c.write(id, PutTarget(r))
			},
		})
	})
}

// targetChanged brings what runs here to the new state.
func (c *Core) targetChanged(name string) {
	if len(c.running[name]) > 0 && c.configs.Contains(name) {
		c.do(Retarget{name, c.configs.Target(name)})
	}
}

// retargeted asks a resumed connector for its tasks, so that configurations
// that changed meanwhile take effect.
func (c *Core) retargeted(e Retargeted) {
	if e.Err != nil {
		c.log(slog.LevelError, "a connector did not reach its target state", "connector", e.Name, "target", e.Target, "error", e.Err)
		return
	}
	if e.Target == state.TargetStarted {
		c.reconfigure(e.Name, false)
	}
}

// restartConnector restarts a connector where it runs. The answer comes with
// ConnectorStarted.
func (c *Core) restartConnector(id int, name string) bool {
	switch {
	case !c.stable():
		return false
	case !c.configs.Contains(name):
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown connector: %s", name))
	case c.held.connector(name):
		c.restarting[c.restart(group.Work{Connectors: []string{name}}, false)] = id
	case c.leading():
		c.elsewhere(id, "Cannot restart connector since it is not assigned to this member", item{Connector: name, Task: connectorItself})
	default:
		return c.asLeader(id, "Only the leader can process restart requests.", nil)
	}
	return true
}

func (c *Core) restartTask(id int, task state.TaskID) bool {
	const refusal = "Cannot restart task since it is not assigned to this member"
	switch {
	case !c.stable():
		return false
	case !c.configs.Contains(task.Connector):
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown connector: %s", task.Connector))
	case c.configs.TaskConfig(task) == nil:
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown task: %s", task))
	case c.held.has(task):
		c.restarting[c.restart(group.Work{Tasks: []state.TaskID{task}}, false)] = id
	case c.leading():
		c.elsewhere(id, refusal, task)
	default:
		return c.asLeader(id, refusal, nil)
	}
	return true
}

// taskHere answers if a task runs on this worker.
func (c *Core) taskHere(id int, task state.TaskID) bool {
	const refusal = "The task is not assigned to this member"
	switch {
	case !c.stable():
		return false
	case c.configs.TaskConfig(task) == nil:
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown task: %s", task))
	case c.held.has(task):
		c.reply(id, Answer{}, nil)
	case c.leading():
		c.elsewhere(id, refusal, task)
	default:
		return c.asLeader(id, refusal, nil)
	}
	return true
}

func (c *Core) taskRestarted(e TaskRestarted) { c.restarted(e.Restart, "task", e.ID.String(), e.Err) }

// restarted answers the request, if any, that a Restart was for.
func (c *Core) restarted(restart int, what, name string, err error) {
	id, ok := c.restarting[restart]
	if !ok {
		return
	}
	delete(c.restarting, restart)
	if err != nil {
		err = &herder.Error{Kind: herder.Internal, Message: "Failed to start " + what + ": " + name, Err: err}
	}
	c.reply(id, Answer{}, err)
}

// elsewhere sends a request to the worker that has what it is about.
func (c *Core) elsewhere(id int, why string, it item) {
	c.reply(id, Answer{}, &herder.NotTarget{Message: why, URL: c.owner(it)})
}

// restart restarts work that this worker holds and returns the Restart's ID.
func (c *Core) restart(w group.Work, mark bool) int {
	return c.restartAs(Restart{Work: w, Mark: mark})
}

// restartAs fills in what follows from the work.
func (c *Core) restartAs(r Restart) int {
	r.ID, r.Generations = c.nextID(), map[state.TaskID]int{}
	for _, it := range items(r.Work) {
		c.running.add(it)
		if it.Task != connectorItself {
			r.Generations[it] = c.configs.TaskGeneration(it.Connector)
		}
	}
	c.do(r)
	return r.ID
}

// restartPlan writes a restart request; all workers carry it out.
func (c *Core) restartPlan(id int, r herder.RestartRequest) bool {
	switch {
	case !c.stable():
		return false
	case !c.configs.Contains(r.Connector):
		c.reply(id, Answer{}, herder.Errorf(herder.NotFound, "Unknown connector: %s", r.Connector))
		return true
	}
	return c.asLeader(id, "Only the leader can process restart requests.", func() { c.write(id, PutRestart{r}) })
}

// runRestarts carries out restart requests that came while a round was under way.
func (c *Core) runRestarts() {
	for _, name := range sortedNames(c.restarts) {
		r := c.restarts[name]
		delete(c.restarts, name)
		if len(c.held[name]) > 0 {
			c.do(PlanRestart{r})
		}
	}
}

// restartRequested keeps the request that restarts most.
func (c *Core) restartRequested(r herder.RestartRequest) {
	if old, ok := c.restarts[r.Connector]; !ok || r.Outranks(old) {
		c.restarts[r.Connector] = r
	}
}

// planned restarts what of a plan runs here.
func (c *Core) planned(e Planned) {
	if !e.OK {
		c.log(slog.LevelDebug, "nothing to restart: the connector has no status", "connector", e.Plan.Request.Connector)
		return
	}
	var w group.Work
	name := e.Plan.Request.Connector
	if e.Plan.Connector && c.running.connector(name) {
		w.Connectors = append(w.Connectors, name)
	}
	for _, t := range e.Plan.Tasks {
		if c.running.has(t) && c.configs.TaskConfig(t) != nil {
			w.Tasks = append(w.Tasks, t)
		}
	}
	if !w.Empty() {
		c.log(slog.LevelInfo, "carrying out a "+e.Plan.Request.String(), "connector", name, "restarts_connector", len(w.Connectors) > 0, "tasks", len(w.Tasks))
		c.restart(w, true)
	}
}
