package distributed

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
)

// Request is a question or wish of a user, of another worker or of a task.
type Request interface{ request() }

// The requests.
type (
	// PutWanted creates or changes a connector whose configuration is valid.
	PutWanted struct {
		herder.PutRequest
		// From is the configuration that a patch was applied to, which must still be
		// the connector's; nil for what is no patch.
		From map[string]string
	}
	// DeleteWanted deletes a connector.
	DeleteWanted struct{ Name string }
	// TargetWanted pauses, resumes or stops a connector.
	TargetWanted struct {
		Name   string
		Target state.Target
	}
	// RestartWanted restarts a connector alone; the answer comes when it runs.
	RestartWanted struct{ Name string }
	// TaskHereWanted asks whether a task runs on this worker; the answer names the
	// worker that has it otherwise.
	TaskHereWanted struct{ ID state.TaskID }
	// TaskRestartWanted restarts a task.
	TaskRestartWanted struct{ ID state.TaskID }
	// PlanWanted writes a restart request for all workers.
	PlanWanted struct{ herder.RestartRequest }
	// TasksWanted makes configurations the tasks of a connector.
	TasksWanted struct {
		Name    string
		Configs []map[string]string
	}
	// FenceWanted fences off producers of earlier tasks of a connector.
	FenceWanted struct {
		Name   string
		Source bool // it is a source connector
	}
	// ModifyWanted asks whether offsets of a connector may be changed now.
	ModifyWanted struct{ Name string }
	// StillOwned asks whether a task is this worker's and of the given generation.
	StillOwned struct {
		ID         state.TaskID
		Generation int
	}
	// LevelWanted sets the level of a logger on all workers.
	LevelWanted struct{ Logger, Level string }
	// LeaderWanted is refused by any worker but the leader.
	LeaderWanted struct{ Refusal string }
	// Ping is answered at once.
	Ping struct{}
)

func (PutWanted) request()         {}
func (DeleteWanted) request()      {}
func (TargetWanted) request()      {}
func (RestartWanted) request()     {}
func (TaskRestartWanted) request() {}
func (TaskHereWanted) request()    {}
func (PlanWanted) request()        {}
func (TasksWanted) request()       {}
func (FenceWanted) request()       {}
func (ModifyWanted) request()      {}
func (StillOwned) request()        {}
func (LevelWanted) request()       {}
func (LeaderWanted) request()      {}
func (Ping) request()              {}

// Answer is what a request brings besides an error.
type Answer struct {
	Created bool           // PutWanted: the connector is new
	Tasks   []state.TaskID // PutWanted: the connector's tasks
	Joined  bool           // Ping: the worker has been in the group
}

// pending is a request that waits for a round to end.
type pending struct {
	id       int
	request  Request
	deadline *timer
}

func (c *Core) reply(id int, a Answer, err error) { c.do(Reply{id, a, err}) }

func (c *Core) asked(e Asked) {
	p := &pending{id: e.ID, request: e.Request}
	if c.answer(p) {
		return
	}
	p.deadline = c.at(c.now.Add(c.cfg.RequestWait), func() {
		c.withdraw(p.id)
		c.reply(p.id, Answer{}, c.busyError())
	})
	c.waiting = append(c.waiting, p)
}

func (c *Core) busyError() error {
	if c.assignment == nil {
		return herder.Errorf(herder.Conflict, herder.NoLeaderMessage)
	}
	return herder.Errorf(herder.Conflict, herder.StaleMessage)
}

func (c *Core) withdraw(id int) {
	c.waiting = slices.DeleteFunc(c.waiting, func(p *pending) bool {
		if p.id == id {
			c.cancel(p.deadline)
		}
		return p.id == id
	})
}

// answerWaiting tries the waiting requests again, in their order.
func (c *Core) answerWaiting() {
	still := c.waiting[:0]
	for _, p := range c.waiting {
		if c.answer(p) {
			c.cancel(p.deadline)
		} else {
			still = append(still, p)
		}
	}
	clear(c.waiting[len(still):])
	c.waiting = still
}

// answer handles a request, or returns false when it must wait.
func (c *Core) answer(p *pending) bool {
	if _, ok := p.request.(Ping); ok {
		c.reply(p.id, Answer{Joined: c.generation >= 0}, nil)
		return true
	}
	if c.configs == nil {
		return false
	}
	switch r := p.request.(type) {
	case PutWanted:
		return c.asLeader(p.id, "Only the leader can set connector configs.", func() { c.put(p.id, r) })
	case DeleteWanted:
		return c.asLeader(p.id, "Only the leader can delete connector configs.", func() { c.remove(p.id, r.Name) })
	case TargetWanted:
		return c.target(p.id, r)
	case RestartWanted:
		return c.restartConnector(p.id, r.Name)
	case TaskRestartWanted:
		return c.restartTask(p.id, r.ID)
	case TaskHereWanted:
		return c.taskHere(p.id, r.ID)
	case PlanWanted:
		return c.restartPlan(p.id, r.RestartRequest)
	case TasksWanted:
		return c.asLeader(p.id, "Only the leader may write task configurations.", func() { c.putTasks(p.id, r) })
	case FenceWanted:
		return c.asLeader(p.id, "Only the leader may perform zombie fencing.", func() { c.fence(p.id, r) })
	case ModifyWanted:
		return c.modify(p.id, r.Name)
	case StillOwned:
		c.stillOwned(p.id, r)
	case LevelWanted:
		c.write(p.id, PutLevel(r))
	case LeaderWanted:
		return c.asLeader(p.id, r.Refusal, func() { c.reply(p.id, Answer{}, nil) })
	}
	return true
}

// asLeader does something if this worker leads. If it does not, the request
// goes to the leader, once a round that somebody else has begun has shown who
// that is.
func (c *Core) asLeader(id int, refusal string, do func()) bool {
	switch {
	case c.leading():
		do()
	case c.leaderURL() != "" && !c.unsure:
		c.reply(id, Answer{}, &herder.NotTarget{Message: refusal, URL: c.leaderURL()})
	default:
		return false
	}
	return true
}

// errChangedMeanwhile says that a patch was applied to a configuration that is not
// the connector's any more.
var errChangedMeanwhile = herder.Errorf(herder.Conflict, "The connector's configuration has changed meanwhile")

func (c *Core) put(id int, r PutWanted) {
	var created bool
	var tasks []state.TaskID
	c.enqueue(&write{
		prepare: func() (Op, error) {
			created = !c.configs.Contains(r.Name)
			if !created && !r.Replace {
				return nil, herder.Errorf(herder.Exists, "Connector %s already exists", r.Name)
			}
			if r.From != nil && (created || !maps.Equal(r.From, c.configs.Config(r.Name))) {
				return nil, errChangedMeanwhile
			}
			for n := range c.configs.TaskCount(r.Name) {
				tasks = append(tasks, state.TaskID{Connector: r.Name, Task: n})
			}
			return PutConnector{r.Name, r.Config, r.Target}, nil
		},
		done: func(err error) { c.reply(id, Answer{Created: created, Tasks: tasks}, err) },
	})
}

func (c *Core) remove(id int, name string) {
	c.enqueue(&write{
		prepare: func() (Op, error) {
			if !c.configs.Contains(name) {
				return nil, herder.ErrNotFound(name)
			}
			return RemoveConnector{name}, nil
		},
		done: func(err error) { c.reply(id, Answer{}, err) },
	})
}

func (c *Core) putTasks(id int, r TasksWanted) {
	c.enqueue(&write{
		prepare: func() (Op, error) {
			if !c.configs.Contains(r.Name) {
				return nil, herder.ErrNotFound(r.Name)
			}
			return c.tasksOp(r.Name, r.Configs)
		},
		done: func(err error) { c.reply(id, Answer{}, err) },
	})
}

// tasksOp refuses tasks for a stopped connector: it would have tasks for ever.
func (c *Core) tasksOp(name string, configs []map[string]string) (Op, error) {
	if len(configs) > 0 && c.configs.Target(name) == state.TargetStopped {
		return nil, herder.Errorf(herder.BadRequest, "Cannot submit non-empty set of task configs for stopped connector %s", name)
	}
	return PutTasks{name, configs}, nil
}

// modify checks that a connector is stopped and all workers know
// (DistributedHerder.modifyConnectorOffsetsChecks).
func (c *Core) modify(id int, name string) bool {
	if !c.stable() {
		return false
	}
	return c.asLeader(id, "Only the leader can process external offsets modification requests", func() {
		c.refreshConfigs(func(err error) {
			switch {
			case err != nil:
				err = herder.Errorf(herder.Internal, "Failed to read to end of config topic before modifying connector offsets: %w", err)
			case !c.configs.Contains(name):
				err = herder.ErrNotFound(name)
			case c.configs.Target(name) != state.TargetStopped || c.configs.TaskCount(name) != 0:
				err = herder.Errorf(herder.BadRequest, herder.StoppedFirstMessage, name)
			}
			c.reply(id, Answer{}, err)
		})
	})
}

func (c *Core) stillOwned(id int, r StillOwned) {
	c.refreshConfigs(func(err error) {
		switch {
		case err != nil:
			err = herder.Errorf(herder.Internal, "Failed to read to end of config topic: %w", err)
		case c.configs.TaskGeneration(r.ID.Connector) != r.Generation:
			err = herder.Errorf(herder.Conflict, "Cannot start source task %s with exactly-once support as the connector has already generated a new set of task configs", r.ID)
		case !c.held.has(r.ID) || !c.running.has(r.ID):
			err = herder.Errorf(herder.Conflict, "Cannot start source task %s as it has already been revoked from this worker", r.ID)
		}
		c.reply(id, Answer{}, err)
	})
}

// refreshConfigs calls then when the config topic has been read to its end.
func (c *Core) refreshConfigs(then func(err error)) {
	id := c.nextID()
	c.refresh[id] = then
	c.do(Refresh{id})
}

func (c *Core) refreshed(e Refreshed) {
	then := c.refresh[e.ID]
	delete(c.refresh, e.ID)
	if then != nil {
		then(e.Err)
	}
}

// write is a record to be written to the config topic. One is written at a
// time, and the next is prepared on the state that the one before has left.
type write struct {
	anybody bool               // not only the leader may write it
	prepare func() (Op, error) // called once; nil without an error: there is nothing to write
	done    func(error)
	id      int

	deadline *timer // while it waits
}

// write queues a record that needs no preparation and answers a request.
func (c *Core) write(id int, op Op) {
	c.enqueue(&write{
		anybody: !privileged(op),
		prepare: func() (Op, error) { return op, nil },
		done:    func(err error) { c.reply(id, Answer{}, err) },
	})
}

func (c *Core) enqueue(w *write) {
	c.writes = append(c.writes, w)
	c.limit(w)
}

// limit bounds the wait of a write for a leader that cannot claim the topic.
func (c *Core) limit(w *write) {
	if w.anybody {
		return
	}
	w.deadline = c.at(c.now.Add(c.cfg.RequestWait), func() {
		if !c.leading() || c.claimed { // it waits for other writes
			c.limit(w)
			return
		}
		c.writes = slices.DeleteFunc(c.writes, func(other *write) bool { return other == w })
		err := c.refused
		if err == nil {
			err = errors.New("the brokers have not answered yet")
		}
		w.done(herder.Errorf(herder.Internal, "Failed to write to config topic; this may be due to a transient error and the request can be safely retried: "+
			"the leader cannot claim the topic: %w", err))
	})
}

func privileged(op Op) bool {
	switch op.(type) {
	case PutTarget, PutLevel:
		return false
	}
	return true
}

// writeProgress starts the next write. A leader claims the topic first.
func (c *Core) writeProgress() {
	if c.leading() && !c.claimed && !c.claim {
		c.claim = true
		c.do(Claim{})
	}
	for c.writing == nil && len(c.writes) > 0 {
		w := c.writes[0]
		if !w.anybody && c.leading() && !c.claimed {
			return
		}
		c.dequeue()
		if !w.anybody && !c.leading() {
			w.done(&herder.NotTarget{Message: "Only the leader can write to the config topic.", URL: c.leaderURL()})
			continue
		}
		op, err := w.prepare()
		if err != nil || op == nil {
			w.done(err)
			continue
		}
		w.id = c.nextID()
		c.writing = w
		c.do(Write{w.id, op})
	}
}

func (c *Core) dequeue() {
	c.cancel(c.writes[0].deadline)
	c.writes[0] = nil
	c.writes = c.writes[1:]
}

func (c *Core) wrote(e Wrote) {
	w := c.writing
	if w == nil || w.id != e.ID {
		return
	}
	c.writing = nil
	err := e.Err
	if err != nil && !w.anybody {
		c.claimed = false // a failed write gives the claim up (topiclog.AppendExclusive)
	}
	if e.Fenced {
		c.log(slog.LevelWarn, "another worker has written to the config topic as leader; claiming it back if this one still leads", "error", err)
		err = herder.Errorf(herder.Internal, "Failed to write to config topic; this may be due to a transient error and the request can be safely retried: %w", err)
	}
	w.done(err)
}

// claimPause is between attempts to claim the config topic
// (DistributedHerder.CONFIG_TOPIC_WRITE_PRIVILEGES_BACKOFF_MS).
const claimPause = 250 * time.Millisecond

func (c *Core) claimEnded(err error) {
	c.refused = err
	if err == nil {
		c.claim = false
		c.claimed = c.leading()
		c.unclaimed.Over()
		return
	}
	c.repeated(&c.unclaimed, slog.LevelWarn, "cannot claim the config topic for the leader, will retry", err)
	c.at(c.now.Add(claimPause), func() { c.claim = false })
}
