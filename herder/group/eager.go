package group

import (
	"github.com/millrace/millrace/storage/state"
)

// Division says who does what after a round.
type Division struct {
	Shares map[string]Share // by member id, with an entry for every member
	Owners map[state.TaskID]string
	Delay  int64 // milliseconds until the leader wants another round; 0 for none
}

// Share is one member's part.
type Share struct {
	Assigned Work // new work or, under the eager protocol, all of it
	Revoked  Work // what the member must give up
}

// Revokes reports whether any member must give something up.
func (d Division) Revokes() bool {
	for _, s := range d.Shares {
		if !s.Revoked.Empty() {
			return true
		}
	}
	return false
}

// AssignEager deals all connectors and then all tasks to the members in turn
// (EagerAssignor): connectors first, because a connector beside its only task
// would leave every second member without tasks. members and configured are
// sorted.
func AssignEager(members []string, configured Work) Division {
	d := newDivision(members)
	next := 0
	turn := func() string {
		m := members[next%len(members)]
		next++
		return m
	}
	for _, c := range configured.Connectors {
		d.give(turn(), state.TaskID{Connector: c, Task: connectorItself})
	}
	for _, t := range configured.Tasks {
		d.give(turn(), t)
	}
	return d
}

func newDivision(members []string) Division {
	d := Division{Shares: make(map[string]Share, len(members)), Owners: map[state.TaskID]string{}}
	for _, m := range members {
		d.Shares[m] = Share{}
	}
	return d
}

func (d Division) give(member string, it state.TaskID) {
	s := d.Shares[member]
	s.Assigned.add(it)
	d.Shares[member] = s
	d.Owners[it] = member
}

func (d Division) revoke(member string, it state.TaskID) {
	s := d.Shares[member]
	s.Revoked.add(it)
	d.Shares[member] = s
}

func (w *Work) add(it state.TaskID) {
	if it.Task == connectorItself {
		w.Connectors = append(w.Connectors, it.Connector)
	} else {
		w.Tasks = append(w.Tasks, it)
	}
}

// items lists connectors, as tasks with the number -1, and tasks.
func (w Work) items() []state.TaskID {
	out := make([]state.TaskID, 0, len(w.Connectors)+len(w.Tasks))
	for _, c := range w.Connectors {
		out = append(out, state.TaskID{Connector: c, Task: connectorItself})
	}
	return append(out, w.Tasks...)
}

func setOf(items []state.TaskID) set {
	s := make(set, len(items))
	for _, it := range items {
		s[it] = true
	}
	return s
}

// set is a set of connectors, as tasks with the number -1, and tasks.
type set map[state.TaskID]bool
