package distributed

import (
	"github.com/millrace/millrace/herder"
)

// fencing is a round of fencing off producers of a connector's earlier tasks,
// so that none of them can commit a transaction any more when a new one starts
// (KIP-618). Only the leader makes such rounds, one per connector at a time, and
// all who ask meanwhile wait for the same.
type fencing struct {
	id         int
	waiting    []int // requests
	generation int   // of task configurations when it began
	record     int   // number of tasks to write afterwards
}

// fence begins or joins a round, or finds that none is needed.
func (c *Core) fence(id int, r FenceWanted) {
	switch {
	case !c.configs.Contains(r.Name):
		c.reply(id, Answer{}, herder.ErrNotFound(r.Name))
		return
	case !r.Source:
		c.reply(id, Answer{}, herder.Errorf(herder.BadRequest, "Connector %s is not a source connector", r.Name))
		return
	}
	c.refreshConfigs(func(err error) {
		if err != nil {
			err = herder.Errorf(herder.Internal, "Failed to read to end of config topic before performing zombie fencing: %w", err)
			c.reply(id, Answer{}, err)
			return
		}
		c.fenceNow(id, r.Name)
	})
}

func (c *Core) fenceNow(id int, name string) {
	tasks := c.configs.TaskCount(name)
	before, known := c.configs.TaskCountRecord(name)
	switch {
	case !c.configs.PendingFencing(name):
		c.reply(id, Answer{}, nil) // the present tasks may start
	case !known || before == 1 && tasks == 1:
		// There is no earlier task, or the new one itself fences it off: only the
		// number must be written, for the next time.
		c.enqueue(&write{
			prepare: func() (Op, error) {
				if !c.configs.PendingFencing(name) {
					return nil, nil
				}
				return PutTaskCount{name, c.configs.TaskCount(name)}, nil
			},
			done: func(err error) { c.reply(id, Answer{}, err) },
		})
	case c.fencings[name] != nil:
		c.fencings[name].waiting = append(c.fencings[name].waiting, id)
	default:
		f := &fencing{id: c.nextID(), waiting: []int{id}, generation: c.configs.TaskGeneration(name), record: tasks}
		c.fencings[name] = f
		c.do(FenceProducers{f.id, name, before})
	}
}

// fencedProducers writes the number of tasks, unless they have changed again.
func (c *Core) fencedProducers(e FencedProducers) {
	f := c.fencings[e.Name]
	if f == nil || f.id != e.ID {
		return // the tasks have changed since
	}
	if e.Err != nil {
		c.endFencing(e.Name, f, herder.Errorf(herder.Internal, "Failed to perform zombie fencing: %w", e.Err))
		return
	}
	c.refreshConfigs(func(err error) {
		if err != nil {
			c.endFencing(e.Name, f, herder.Errorf(herder.Internal, "Failed to read to end of config topic: %w", err))
			return
		}
		c.enqueue(&write{
			prepare: func() (Op, error) {
				switch {
				case c.fencings[e.Name] != f:
					return nil, nil
				case f.generation < c.configs.TaskGeneration(e.Name):
					return nil, herder.Errorf(herder.Conflict, "Fencing failed because new task configurations were generated for the connector")
				}
				return PutTaskCount{e.Name, f.record}, nil
			},
			done: func(err error) { c.endFencing(e.Name, f, err) },
		})
	})
}

func (c *Core) endFencing(name string, f *fencing, err error) {
	if c.fencings[name] == f {
		delete(c.fencings, name)
	}
	for _, id := range f.waiting {
		c.reply(id, Answer{}, err)
	}
	f.waiting = nil
}

// failFencing ends a round when the tasks change under it.
func (c *Core) failFencing(name string) {
	if f := c.fencings[name]; f != nil {
		c.endFencing(name, f, herder.Errorf(herder.Conflict, "Failed to complete zombie fencing because a new set of task configs was generated"))
	}
}
