package group

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/storage/state"
)

// Incremental divides work under the compatible and sessioned protocols
// (KIP-415, IncrementalCooperativeAssignor of 4.3): members keep what they have
// and give up only what is too much. It remembers the previous round, and only
// rounds that it led. It has no clock of its own.
//
// # What happens to work
//
//   - New work goes at once to whoever has the least.
//   - Work of a member that disappeared is lost. It waits for up to the maximal
//     delay for that member to come back; then those who joined meanwhile with
//     nothing get it, and if there are none everybody does. Members that are
//     known to be gone for good are not waited for.
//   - Surplus is revoked in one round and, as its former owners rejoin at once,
//     handed out as new work in the next. Revoking in two rounds in a row is put
//     off, each time for longer, so that a group cannot keep itself busy.
//   - Nothing is revoked for balance while lost work waits.
//   - What several members claim to have is revoked from all of them.
type Incremental struct {
	maxDelay time.Duration

	assigned   set                     // what was out after the previous round, with lost work
	owners     map[state.TaskID]string // who has or had it
	waiting    []string                // owners of work that was left waiting
	revoked    set                     // what the previous round revoked
	members    map[string]bool
	generation int32

	scheduled time.Time // when lost work is due, or revoking is allowed again; zero for never
	delay     time.Duration
	idle      []string // members that came with nothing while lost work waited

	revokedBefore bool // the previous round revoked for balance
	successive    int  // rounds in a row that wanted to
}

// NewIncremental returns an assignor that has led no round yet. maxDelay is
// scheduled.rebalance.max.delay.ms; 0 hands lost work out at once.
func NewIncremental(maxDelay time.Duration) *Incremental {
	return &Incremental{maxDelay: maxDelay, generation: -1}
}

// Round is what the leader knows at the beginning of a round.
type Round struct {
	Now        time.Time
	Generation int32 // of this round
	Completed  int32 // the last generation in which the leader got its own assignment; -1 for none
	Members    []Holding
	Configured Work
	// Gone reports whether a former member will not come back; nil for nobody.
	Gone func(member string) bool
}

// Holding is what a member says it has.
type Holding struct {
	Member string
	Held   Work
	// Load orders members with equally much work: the busier one gets new work
	// later. Java knows nothing of it, as if all were equal.
	Load int
}

// load is what a member will have after the round.
type load struct {
	member string
	busy   int
	kinds  [2][]state.TaskID // connectors, tasks
}

func (l *load) add(it state.TaskID) { k := kindOf(it); l.kinds[k] = append(l.kinds[k], it) }
func (l *load) empty() bool         { return len(l.kinds[0])+len(l.kinds[1]) == 0 }

func kindOf(it state.TaskID) int {
	if it.Task == connectorItself {
		return 0
	}
	return 1
}

// Assign divides the work of a round.
func (a *Incremental) Assign(r Round) Division {
	if a.generation != r.Completed {
		a.assigned = nil // led by others since, or the round failed: outdated
	}
	configured := r.Configured.items()
	known := setOf(configured)
	active, twice := claims(r.Members)
	if overlaps(a.revoked, active) {
		a.assigned = active // the revocation did not arrive: it starts over
	}
	a.revoked = set{}

	d := newDivision(memberIDs(r.Members))
	loads := startingLoads(r.Members, known, twice, d)
	lost := a.lost(known, active)
	final, lost := a.final(lost, r.Gone)
	due := append(final, a.handleLost(r.Now, lost, loads, len(final) > 0)...)
	due = append(due, a.balance(r, loads, active, d)...)
	assignNew(append(due, a.created(configured, active)...), loads)
	a.finish(r, loads, lost, d)
	// Rounded up, since the round that follows must not come too early.
	d.Delay = (a.delay + time.Millisecond - 1).Milliseconds()
	return d
}

// claims returns what members hold, and what more than one holds.
func claims(members []Holding) (active, twice set) {
	active, twice = set{}, set{}
	for _, m := range members {
		for _, it := range m.Held.items() {
			if active[it] {
				twice[it] = true
			}
			active[it] = true
		}
	}
	return active, twice
}

func overlaps(a, b set) bool {
	for it := range a {
		if b[it] {
			return true
		}
	}
	return false
}

func memberIDs(members []Holding) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.Member
	}
	return ids
}

// startingLoads takes deleted and doubly held work from the members.
func startingLoads(members []Holding, known, twice set, d Division) []*load {
	loads := make([]*load, len(members))
	for i, m := range members {
		loads[i] = &load{member: m.Member, busy: m.Load}
		for _, it := range m.Held.items() {
			// A leader has read at least as far as every member, so what it does
			// not know is deleted. (Java waits for a round after having seen it
			// assigned.)
			if !known[it] || twice[it] {
				d.revoke(m.Member, it)
				continue
			}
			loads[i].add(it)
		}
	}
	return loads
}

// lost lists what was assigned, is still configured and is held by nobody.
func (a *Incremental) lost(known, active set) []state.TaskID {
	var out []state.TaskID
	for it := range a.assigned {
		if known[it] && !active[it] {
			out = append(out, it)
		}
	}
	slices.SortFunc(out, CompareTasks)
	return out
}

// created lists what is configured and was neither assigned nor is held.
func (a *Incremental) created(configured []state.TaskID, active set) []state.TaskID {
	var out []state.TaskID
	for _, it := range configured {
		if !a.assigned[it] && !active[it] {
			out = append(out, it)
		}
	}
	return out
}

// final splits off the lost work whose owner will not come back: it is due.
func (a *Incremental) final(lost []state.TaskID, gone func(member string) bool) (due, rest []state.TaskID) {
	for _, it := range lost {
		if gone != nil && gone(a.owners[it]) {
			due = append(due, it)
		} else {
			rest = append(rest, it)
		}
	}
	return due, rest
}

// Waiting lists the owners of the lost work that the last round left waiting.
func (a *Incremental) Waiting() []string { return a.waiting }

// handleLost decides about lost work: it returns what is to be handed out as
// new, and gives idle members theirs, or starts or goes on with a delay. settled
// says that there was other lost work, about which nothing is left to decide.
func (a *Incremental) handleLost(now time.Time, lost []state.TaskID, loads []*load, settled bool) (due []state.TaskID) {
	if len(lost) == 0 && (settled || !a.revokedBefore) {
		a.resetDelay()
		return nil
	}
	waiting := !a.scheduled.IsZero()
	switch {
	case !waiting && a.nobodyLeft(loads):
		return lost // members did not get their assignment, rather than went away
	case a.maxDelay == 0:
		return lost
	case waiting && !now.Before(a.scheduled):
		due = a.giveToIdle(lost, loads)
		a.resetDelay()
		a.revokedBefore = false
		return due
	}
	a.noteIdle(loads)
	a.delay = a.maxDelay
	if waiting {
		a.delay = min(a.scheduled.Sub(now), a.maxDelay)
	}
	a.scheduled = now.Add(a.delay)
	return nil
}

func (a *Incremental) nobodyLeft(loads []*load) bool {
	here := map[string]bool{}
	for _, l := range loads {
		here[l.member] = true
	}
	for m := range a.members {
		if !here[m] {
			return false
		}
	}
	return true
}

func (a *Incremental) noteIdle(loads []*load) {
	for _, l := range loads {
		if l.empty() && !slices.Contains(a.idle, l.member) {
			a.idle = append(a.idle, l.member)
		}
	}
}

// giveToIdle deals lost work to the members that came with nothing, such as a
// restarted worker under a new id; without any it returns the work.
func (a *Incremental) giveToIdle(lost []state.TaskID, loads []*load) []state.TaskID {
	var idle []*load
	for _, id := range a.idle {
		if i := slices.IndexFunc(loads, func(l *load) bool { return l.member == id }); i >= 0 {
			idle = append(idle, loads[i])
		}
	}
	if len(idle) == 0 {
		return lost
	}
	var dealt [2]int
	for _, it := range lost {
		k := kindOf(it)
		idle[dealt[k]%len(idle)].add(it)
		dealt[k]++
	}
	return nil
}

func (a *Incremental) resetDelay() {
	a.idle, a.scheduled, a.delay = nil, time.Time{}, 0
}

// balance revokes surplus, unless lost work waits or the previous round has
// revoked as well: then the next try is put off. It returns surplus that nobody
// runs yet, because idle members were about to get it in this round.
func (a *Incremental) balance(r Round, loads []*load, active set, d Division) (spare []state.TaskID) {
	if a.delay != 0 {
		a.revokedBefore = false
		return nil
	}
	surplus := surplus(loads, r.Configured)
	switch {
	case len(surplus) == 0:
		if a.revokedBefore {
			a.revokedBefore, a.successive = false, 0
		}
		return nil
	case a.revokedBefore:
		a.successive++
		if a.delay = a.backoff(); a.delay != 0 {
			a.scheduled = r.Now.Add(a.delay)
			return nil
		}
	default:
		a.revokedBefore = true
	}
	for _, l := range loads {
		for k := range l.kinds {
			l.kinds[k] = slices.DeleteFunc(l.kinds[k], func(it state.TaskID) bool {
				switch {
				case surplus[it] && active[it]:
					d.revoke(l.member, it)
				case surplus[it]:
					spare = append(spare, it)
				}
				return surplus[it]
			})
		}
	}
	return spare
}

// backoff grows forty-fold from a millisecond to the maximal delay.
func (a *Incremental) backoff() time.Duration {
	d := min(time.Millisecond, a.maxDelay)
	for i := 0; i < a.successive && d < a.maxDelay; i++ {
		d = min(d*40, a.maxDelay)
	}
	return d
}

// surplus picks what members have beyond an even share of everything configured.
func surplus(loads []*load, configured Work) set {
	out := set{}
	for k, total := range [2]int{len(configured.Connectors), len(configured.Tasks)} {
		least, extras := total/len(loads), total%len(loads)
		for _, l := range loads {
			have := l.kinds[k]
			if len(have) <= least {
				continue
			}
			allowed := least
			if extras > 0 {
				extras--
				allowed++
			}
			for _, it := range crowded(have)[:max(0, len(have)-allowed)] {
				out[it] = true
			}
		}
	}
	return out
}

// crowded orders tasks so that those come first of whose connector there are
// the most: giving these up spreads a connector over the members.
func crowded(tasks []state.TaskID) []state.TaskID {
	seen := map[string]int{}
	rank := map[state.TaskID]int{}
	for _, t := range tasks {
		seen[t.Connector]++
		rank[t] = seen[t.Connector]
	}
	out := slices.Clone(tasks)
	slices.SortStableFunc(out, func(x, y state.TaskID) int { return cmp.Compare(rank[y], rank[x]) })
	return out
}

// assignNew gives each piece of work to a member with the least of its kind,
// of these to one with the fewest tasks of the same connector, then to the least
// busy one.
func assignNew(work []state.TaskID, loads []*load) {
	same := make([]map[string]int, len(loads))
	for i, l := range loads {
		same[i] = map[string]int{}
		for _, t := range l.kinds[1] {
			same[i][t.Connector]++
		}
	}
	slices.SortFunc(work, CompareTasks)
	for _, it := range work {
		k, best := kindOf(it), 0
		for i, l := range loads {
			b := loads[best]
			c := cmp.Compare(len(l.kinds[k]), len(b.kinds[k]))
			if k == 1 {
				c = cmp.Or(c, cmp.Compare(same[i][it.Connector], same[best][it.Connector]))
			}
			if cmp.Or(c, cmp.Compare(l.busy, b.busy)) < 0 {
				best = i
			}
		}
		loads[best].add(it)
		if k == 1 {
			same[best][it.Connector]++
		}
	}
}

// finish writes the shares and remembers the round.
func (a *Incremental) finish(r Round, loads []*load, lost []state.TaskID, d Division) {
	a.assigned, a.waiting = set{}, nil
	a.members = map[string]bool{}
	for i, l := range loads {
		a.members[l.member] = true
		held := setOf(r.Members[i].Held.items())
		for _, it := range slices.Concat(l.kinds[0], l.kinds[1]) {
			a.assigned[it] = true
			d.Owners[it] = l.member
			if !held[it] {
				s := d.Shares[l.member]
				s.Assigned.add(it)
				d.Shares[l.member] = s
			}
		}
		for _, it := range d.Shares[l.member].Revoked.items() {
			a.revoked[it] = true
		}
	}
	owners := maps.Clone(d.Owners)
	for _, it := range lost {
		if a.assigned[it] {
			continue // idle members have got it
		}
		a.assigned[it] = true
		owners[it] = a.owners[it]
		if !slices.Contains(a.waiting, owners[it]) {
			a.waiting = append(a.waiting, owners[it])
		}
	}
	a.owners = owners
	for m, s := range d.Shares {
		d.Shares[m] = Share{Assigned: s.Assigned.Sorted(), Revoked: s.Revoked.Sorted()}
	}
	a.generation = r.Generation
}
