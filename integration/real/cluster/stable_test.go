//go:build real

package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/integration/peer"
)

// placement says which worker has a connector or task.
type placement map[string]string

// stable waits until everything runs, is spread evenly and is exactly once there, by what workers say of each other and
// of themselves, and then proves it with data. A worker may lose its session just then, where the machine is very busy:
// what moves proves nothing, and is looked at again.
func (g *group) stable(when string) placement {
	g.t.Helper()
	for range 5 {
		var p placement
		eventually(g.t, "a stable cluster "+when, func() (err error) {
			p, err = g.settled()
			return err
		})
		generations := g.generations()
		wrong := g.pass(when)
		again, err := g.settled()
		if err != nil || !maps.Equal(p, again) || !slices.Equal(generations, g.generations()) {
			g.t.Logf("%s: looking again, since the group has moved: %v", when, err)
			continue
		}
		if wrong != nil {
			g.t.Fatalf("%s: %v", when, wrong)
		}
		leader, err := g.leader()
		if err != nil {
			g.t.Fatal(err)
		}
		g.t.Logf("%s: %s leads, %s", when, leader.name, g.shares(p))
		return p
	}
	g.t.Fatalf("%s: the cluster does not come to rest", when)
	return nil
}

// generations counts how often each worker has joined the group.
func (g *group) generations() []int {
	var all []int
	for _, n := range g.live() {
		all = append(all, n.joins())
	}
	return all
}

// shares counts what each worker has.
func (g *group) shares(p placement) string {
	var parts []string
	for _, n := range g.live() {
		connectors, tasks := count(p, n.id())
		parts = append(parts, fmt.Sprintf("%s %d+%d", n.name, connectors, tasks))
	}
	return strings.Join(parts, ", ")
}

func count(p placement, worker string) (connectors, tasks int) {
	for what, w := range p {
		switch {
		case w != worker:
		case strings.Contains(what, "-"):
			tasks++
		default:
			connectors++
		}
	}
	return connectors, tasks
}

// settled is where everything runs if the cluster is as it should be.
func (g *group) settled() (placement, error) {
	p, err := g.reported()
	if err != nil {
		return nil, err
	}
	if err := g.own(p); err != nil {
		return nil, err
	}
	if err := g.even(p); err != nil {
		return nil, err
	}
	if _, err := g.leader(); err != nil {
		return nil, err
	}
	return p, g.consumers()
}

// reported is what every worker's REST API says alike.
func (g *group) reported() (placement, error) {
	var first placement
	for _, n := range g.live() {
		p, err := g.reportedBy(n)
		if err != nil {
			return nil, fmt.Errorf("%s says: %w", n.name, err)
		}
		if first == nil {
			first = p
		} else if !maps.Equal(first, p) {
			return nil, fmt.Errorf("%s says %v, another worker %v", n.name, p, first)
		}
	}
	return first, nil
}

func (g *group) reportedBy(n *node) (placement, error) {
	all, err := n.statuses()
	if err != nil {
		return nil, err
	}
	if names := slices.Sorted(maps.Keys(all)); !slices.Equal(names, g.names()) {
		return nil, fmt.Errorf("there are the connectors %v, not %v", names, g.names())
	}
	p := make(placement)
	for name, s := range all {
		if len(s.Tasks) != g.want[name].tasks {
			return nil, fmt.Errorf("%s has %d tasks, not %d", name, len(s.Tasks), g.want[name].tasks)
		}
		if err := g.running(p, name, s.Connector); err != nil {
			return nil, err
		}
		for i, task := range s.Tasks {
			if task.ID != i {
				return nil, fmt.Errorf("%s has a task %d", name, task.ID)
			}
			if err := g.running(p, taskName(name, i), task); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// running notes where something runs.
func (g *group) running(p placement, what string, i peer.State) error {
	if i.State != "RUNNING" {
		return fmt.Errorf("%s is %s on %s %s", what, i.State, i.Worker, i.Trace)
	}
	if !slices.ContainsFunc(g.live(), func(n *node) bool { return n.id() == i.Worker }) {
		return fmt.Errorf("%s runs on %s, which has gone", what, i.Worker)
	}
	p[what] = i.Worker
	return nil
}

// own compares a placement with what each worker says of itself.
func (g *group) own(p placement) error {
	on := make(map[string][]string)
	for _, n := range g.live() {
		all, err := n.instances()
		if err != nil {
			return err
		}
		for what := range all {
			on[what] = append(on[what], n.id())
		}
	}
	for what, workers := range on {
		if len(workers) != 1 || p[what] != workers[0] {
			return fmt.Errorf("%s is on %v, and its status says on %q", what, workers, p[what])
		}
	}
	if len(on) != len(p) {
		return fmt.Errorf("%d connectors and tasks run, and statuses tell of %d", len(on), len(p))
	}
	return nil
}

// even checks that no worker has more than its share.
func (g *group) even(p placement) error {
	var connectors, tasks []int
	for _, n := range g.live() {
		c, t := count(p, n.id())
		connectors, tasks = append(connectors, c), append(tasks, t)
	}
	if slices.Max(connectors)-slices.Min(connectors) > 1 || slices.Max(tasks)-slices.Min(tasks) > 1 {
		return fmt.Errorf("work is spread unevenly: %s", g.shares(p))
	}
	return nil
}
