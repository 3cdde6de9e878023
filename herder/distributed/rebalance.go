package distributed

import (
	"log/slog"
	"time"

	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// The legal orders of a round:
//
//	Join, Assigned                              follower
//	Join, Elected, Sync, Assigned               leader
//	Join, ..., Rebalance, Join                  somebody came or went meanwhile
//	Stop all, Join                              eager protocol
//	Assigned with revoked: Stop, Release, start new work, Join
//	Lost: Stop all, Join with nothing
//
// A worker starts nothing unless it has read the config topic as far as the
// assignment was made for. When it has read further, it starts all but the
// tasks of connectors whose tasks changed since: other workers may still run
// the former ones until the next round, which it asks for. (Java starts nothing
// and asks for the round, so a stream of changes can keep it from ever working.)

func (c *Core) groupEvent(e group.Event) {
	if _, problem := e.(group.Problem); c.phase == starting && !problem {
		// Brokers before 2.2 give no member id without letting the worker in.
		if e, ok := e.(group.Elected); ok {
			c.elected(e)
		}
		return
	}
	switch e := e.(type) {
	case group.Elected:
		c.elected(e)
	case group.Assigned:
		c.assigned(e)
	case group.Rebalance:
		c.log(slog.LevelInfo, "a rebalance begins", "reason", e.Reason)
		c.unsure = true
		switch {
		case c.phase != joining:
			c.rejoin = true
		case e.Failed:
			c.phase, c.rejoin = settled, true // for progress to join again
		}
	case group.Lost:
		c.lost(e.Reason)
	case group.Problem:
		c.repeated(&c.problems, slog.LevelError, "the worker cannot take part in its group", e.Err)
	}
}

// membershipProgress begins a round when one is wanted and nothing stands
// against it.
func (c *Core) membershipProgress() {
	switch {
	case len(c.barriers) > 0:
		return
	case c.phase == catchingUp && c.rejoin && !c.leading():
		// Others wait for this worker, and need not until it has caught up. For
		// the leader they must: it could only fail again.
	case c.phase != settled || !c.rejoin && !c.roundDue():
		return
	}
	c.rejoin, c.changed = false, false
	if c.protocol == group.Eager && len(c.running) > 0 {
		c.phase = leaving
		c.stop(c.running.work(), c.release(nil, func() {
			if c.phase == leaving {
				c.join()
			}
		}))
		return
	}
	c.join()
}

// Changes of configurations that follow on each other share a round: after one
// the next waits for a time that grows with the number of connectors, as the
// cost of a round does.
const (
	pausePerConnector = 100 * time.Microsecond
	longestPause      = 250 * time.Millisecond
)

func (c *Core) roundDue() bool {
	if !c.changed {
		return false
	}
	due := c.settledAt.Add(min(time.Duration(c.configs.Len())*pausePerConnector, longestPause))
	if !c.now.Before(due) {
		return true
	}
	if c.roundAt != due {
		c.roundAt = due
		c.at(due, func() {}) // progress looks again
	}
	return false
}

// join sends Join with what is held. Under the eager protocol that is nothing.
func (c *Core) join() {
	c.phase = joining
	s := group.Standing{Offset: c.configs.Offset()}
	if c.protocol != group.Eager {
		s.Current = c.assignment
	}
	c.do(Join{s})
}

// release returns a step that lets statuses reach the topic before then.
func (c *Core) release(gone []string, then func()) func() {
	return func() { c.after(func(id int) Action { return Release{id, gone} }, then) }
}

// elected divides the work of the group (ConnectAssignor.performAssignment).
func (c *Core) elected(e group.Elected) {
	furthest := int64(-1)
	url := ""
	for _, a := range e.Members {
		furthest = max(furthest, a.Offset)
		if a.ID == e.Leader {
			url = a.URL
		}
		if a.Err != nil {
			c.log(slog.LevelError, "a member of the group cannot be understood and gets no work", "member", a.ID, "error", a.Err)
		}
	}
	out := make(map[string]group.Assignment, len(e.Members))
	fill := func(member string, a group.Assignment) {
		a.Leader, a.LeaderURL = e.Leader, url
		out[member] = a
	}
	if c.configs == nil || c.configs.Offset() < furthest {
		for _, a := range e.Members {
			fill(a.ID, group.Assignment{Error: group.ConfigMismatch, Offset: furthest})
		}
	} else {
		d := c.divide(e)
		for id, share := range d.Shares {
			fill(id, group.Assignment{
				Offset: c.configs.Offset(), Assigned: share.Assigned, Revoked: share.Revoked,
				Delay: time.Duration(d.Delay) * time.Millisecond,
			})
		}
		for _, a := range e.Members {
			if _, given := out[a.ID]; !given {
				fill(a.ID, group.Assignment{Offset: c.configs.Offset()})
			}
		}
	}
	c.do(Sync{e.Generation, out})
}

// divide runs the assignor of the group's protocol.
func (c *Core) divide(e group.Elected) group.Division {
	var ids []string
	var holdings []group.Holding
	c.remember()
	c.urls = map[string]string{}
	loads := c.loads(e.Members)
	for _, a := range e.Members {
		if a.Err != nil {
			continue
		}
		h := group.Holding{Member: a.ID, Load: loads[a.ID]}
		if a.Current != nil {
			h.Held = a.Current.Assigned
		}
		ids = append(ids, a.ID)
		holdings = append(holdings, h)
		c.urls[a.ID] = a.URL
	}
	var d group.Division
	if e.Protocol == group.Eager {
		d = group.AssignEager(ids, c.configured())
	} else {
		d = c.assignor.Assign(group.Round{
			Now: c.now, Generation: e.Generation, Completed: c.generation, Members: holdings, Configured: c.configured(), Gone: c.gone,
		})
	}
	c.division = &d
	return d
}

// configured lists all work there is to do.
func (c *Core) configured() group.Work {
	w := group.Work{Connectors: c.configs.Connectors()}
	for _, name := range w.Connectors {
		for n := range c.configs.TaskCount(name) {
			w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: n})
		}
	}
	return w
}

// assigned ends a round.
func (c *Core) assigned(e group.Assigned) {
	wasLeader := c.leading() && e.Generation == c.generation+1
	before := c.protocol
	c.member, c.generation, c.protocol = e.Member, e.Generation, e.Protocol
	c.settledAt, c.unsure = c.now, false
	a := e.Assignment
	switch {
	case e.Protocol == group.Eager:
		// It may run more if the group was downgraded in this round.
		a.Revoked = c.running.work().Minus(a.Assigned)
	case before != group.Eager && c.assignment != nil:
		a.Assigned = c.assignment.Assigned.Minus(a.Revoked).Union(a.Assigned)
	}
	revoked := a.Revoked
	a.Revoked = group.Work{}
	c.assignment, c.held, c.reached = &a, indexOf(a.Assigned), a.Offset
	c.log(slog.LevelInfo, "joined the group", "generation", e.Generation, "protocol", e.Protocol.String(), "leader", a.LeaderURL,
		"offset", a.Offset, "connectors", len(a.Assigned.Connectors), "tasks", len(a.Assigned.Tasks),
		"revoked", len(revoked.Connectors)+len(revoked.Tasks), "delay", a.Delay.String(), "failed", a.Error != group.NoError)
	c.protocolChanged(before)
	c.leadershipChanged(wasLeader, a)
	c.coverChanges(a)
	if a.Delay > 0 {
		gen := e.Generation
		c.at(c.now.Add(a.Delay), func() {
			if c.generation == gen {
				c.rejoin = true
			}
		})
	}
	if revoked.Empty() {
		c.resolve()
		return
	}
	c.rejoin = c.rejoin || e.Protocol != group.Eager
	c.phase = releasing
	proceed := func() {
		if c.phase == releasing && c.generation == e.Generation {
			c.resolve()
		}
	}
	c.stop(revoked, func() { c.release(c.goneConnectors(revoked), proceed)() })
}

// protocolChanged tells when signatures of internal requests go on or off, and
// ends what an eager group has no use for.
func (c *Core) protocolChanged(before group.Protocol) {
	switch {
	case before == c.protocol:
	case c.protocol == group.Sessioned:
		c.log(slog.LevelInfo, "requests between workers must be signed again")
	case before == group.Sessioned:
		c.log(slog.LevelWarn, "requests between workers are not signed any more, because a member of the group does not offer connect.protocol=sessioned",
			"protocol", c.protocol.String())
	}
}

// leadershipChanged takes up or lays down a leader's duties.
func (c *Core) leadershipChanged(wasLeader bool, a group.Assignment) {
	if !c.leading() {
		c.claimed, c.division, c.urls = false, nil, nil
		return
	}
	if !wasLeader {
		c.claimed, c.refused, c.stale = false, nil, true
	}
	if c.stale {
		c.do(CleanStatuses{})
		// Work that this round takes away ends with one more status, and so does
		// what was deleted since this round was begun.
		c.stale = c.staleAt > a.Offset || c.division != nil && c.division.Revokes()
	}
}

// coverChanges forgets changes of tasks that this round has taken into account.
func (c *Core) coverChanges(a group.Assignment) {
	if a.Error != group.NoError {
		return
	}
	for name, offset := range c.unsettled {
		if offset <= a.Offset {
			delete(c.unsettled, name)
		}
	}
}

func (c *Core) goneConnectors(w group.Work) []string {
	if !c.cfg.TopicTracking {
		return nil
	}
	var gone []string
	for name := range indexOf(w) {
		if !c.configs.Contains(name) {
			gone = append(gone, name)
		}
	}
	return group.Work{Connectors: gone}.Sorted().Connectors
}

// resolve acts on the present assignment, as far as the config topic allows
// (DistributedHerder.handleRebalanceCompleted).
func (c *Core) resolve() {
	a := c.assignment
	switch {
	case c.configs.Offset() < a.Offset:
		c.catchUp()
	case a.Error != group.NoError:
		c.phase, c.rejoin = settled, true
	default:
		c.phase = settled
		c.startWork()
	}
}

// catchUp waits for the config topic. A follower stays in the group meanwhile:
// it holds nobody up. A leader that cannot divide work does, so when it takes
// too long it leaves, for another to lead.
func (c *Core) catchUp() {
	c.phase = catchingUp
	c.log(slog.LevelInfo, "reading the config topic up to what the group has seen", "offset", c.configs.Offset(), "wanted", c.assignment.Offset)
	c.keepReading(c.generation)
}

// keepReading reads the config topic again and again until it is far enough or
// another round has begun.
func (c *Core) keepReading(generation int32) {
	c.refreshConfigs(func(error) {})
	c.at(c.now.Add(c.cfg.SyncTimeout), func() {
		switch {
		case c.phase != catchingUp || c.generation != generation:
		case c.leading():
			c.stepOutside()
		default:
			c.log(slog.LevelWarn, "the config topic is still behind what the group has seen", "offset", c.configs.Offset(), "wanted", c.assignment.Offset)
			c.keepReading(generation)
		}
	})
}

// stepOutside leaves the group until the config topic can be read again. All
// work stops before, since the next leader knows nothing of it and hands it out
// at once.
func (c *Core) stepOutside() {
	c.phase = outside
	c.log(slog.LevelWarn, "the leader cannot read the config topic in time; stopping all work and leaving the group", "wanted", c.reached)
	all := c.running.work()
	c.assignment, c.held, c.division, c.claimed = nil, index{}, nil, false
	c.stop(all, c.release(nil, func() { c.do(Leave{"the config topic cannot be read in time"}) }))
}

// dropAll gives everything up at once, without being asked by a leader.
func (c *Core) dropAll() {
	all := c.running.work()
	c.assignment, c.held, c.division, c.claimed, c.running = nil, index{}, nil, false, index{}
	if !all.Empty() {
		c.after(func(id int) Action { return Stop{Barrier: id, Work: all, Lost: true} }, nil)
	}
}

// lost stops all work, because others may have it by now.
func (c *Core) lost(reason string) {
	c.log(slog.LevelWarn, "the group was lost; stopping all work", "reason", reason)
	c.generation = -1
	c.dropAll()
	if c.phase != starting {
		c.phase, c.rejoin = settled, true
	}
}

// startWork starts what is held and does not run yet.
func (c *Core) startWork() {
	for _, it := range items(c.assignment.Assigned) {
		switch {
		case c.running.has(it) || !c.configs.Contains(it.Connector):
		case it.Task == connectorItself:
			c.running.add(it)
			c.do(StartConnector{it.Connector})
		default:
			_, changed := c.unsettled[it.Connector]
			if !changed && c.configs.TaskConfig(it) != nil {
				c.running.add(it)
				c.do(StartTask{it, c.configs.TaskGeneration(it.Connector)})
			}
		}
	}
}

// owner returns the address of the worker that has a connector or task; ""
// when this worker does not lead or nobody has it.
func (c *Core) owner(it item) string {
	if c.division == nil {
		return ""
	}
	return c.urls[c.division.Owners[it]]
}
