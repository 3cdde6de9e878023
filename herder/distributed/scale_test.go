package distributed

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/state"
)

// alone is a core that is a group of its own, with the real config state below it. What it wants is done at once.
type alone struct {
	tb      testing.TB
	core    *Core
	topic   ConfigTopic
	looked  *counting
	now     time.Time
	events  []Event
	replies int
	rounds  int
	ids     int
}

// counting counts what the core looks at.
type counting struct {
	herder.Snapshot
	looks *int
}

func (c counting) Config(name string) map[string]string { *c.looks++; return c.Snapshot.Config(name) }
func (c counting) Target(name string) state.Target      { *c.looks++; return c.Snapshot.Target(name) }
func (c counting) Contains(name string) bool            { *c.looks++; return c.Snapshot.Contains(name) }
func (c counting) TaskCount(name string) int            { *c.looks++; return c.Snapshot.TaskCount(name) }
func (c counting) TaskConfig(id state.TaskID) map[string]string {
	*c.looks++
	return c.Snapshot.TaskConfig(id)
}
func (c counting) Connectors() []string { // each one is a look
	names := c.Snapshot.Connectors()
	*c.looks += len(names)
	return names
}

// newAlone brings a worker with n connectors, each with a task, to rest.
func newAlone(tb testing.TB, n int) *alone {
	tb.Helper()
	store := config.NewMemory()
	for i := range n {
		name := connectorName(i)
		for _, err := range []error{
			store.PutConnector(tb.Context(), name, props(1), ""),
			store.PutTasks(tb.Context(), name, []map[string]string{{"task": "0"}}),
		} {
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	a := &alone{
		tb: tb, core: NewCore(CoreConfig{Protocol: group.Compatible, TopicTracking: true}), topic: NewConfigTopic(tb.Context(), store),
		looked: &counting{looks: new(int)}, now: time.UnixMilli(1_000_000),
	}
	err := a.topic.Start(tb.Context(),
		func(e ConfigsRead) { e.Snapshot = a.count(e.Snapshot); a.events = append(a.events, e) },
		func(e ConfigsChanged) { e.Snapshot = a.count(e.Snapshot); a.events = append(a.events, e) })
	if err != nil {
		tb.Fatal(err)
	}
	a.settle()
	if held := len(a.core.running); held != n || !a.core.stable() {
		tb.Fatalf("%d of %d connectors run, phase %d", held, n, a.core.phase)
	}
	return a
}

func connectorName(i int) string { return fmt.Sprintf("connector-%05d", i) }

func (a *alone) count(s herder.Snapshot) herder.Snapshot {
	return counting{s, a.looked.looks}
}

// drain steps until nothing is left to do now.
func (a *alone) drain() {
	for len(a.events) > 0 {
		e := a.events[0]
		a.events = a.events[1:]
		for _, action := range a.core.Step(a.now, e) {
			a.perform(action)
		}
	}
}

// settle is drain with the rounds that are put off.
func (a *alone) settle() {
	for {
		a.drain()
		at := a.core.WakeAt()
		if a.core.stable() || at.IsZero() {
			return
		}
		a.now = at
		a.events = append(a.events, Tick{})
	}
}

func (a *alone) perform(action Action) {
	done := func(e Event) { a.events = append(a.events, e) }
	switch x := action.(type) {
	case Join:
		a.rounds++
		done(GroupEvent{group.Elected{Leader: "m", Generation: int32(a.rounds), Protocol: group.Compatible, Members: []group.Applicant{{
			ID: "m", Metadata: group.Metadata{Protocol: group.Compatible, URL: "http://w/", Offset: x.Standing.Offset, Current: x.Standing.Current},
		}}}})
	case Sync:
		done(GroupEvent{group.Assigned{Member: "m", Generation: x.Generation, Protocol: group.Compatible, Assignment: x.Assignments["m"]}})
	case StartConnector:
		done(ConnectorStarted{Name: x.Name})
	case GenerateTasks:
		done(TasksGenerated{Name: x.Name, Configs: []map[string]string{{"task": "0"}}})
	case Stop:
		done(Stopped{x.Barrier})
	case Release:
		done(Released{x.Barrier})
	case Restart:
		for _, it := range items(x.Work) {
			if it.Task == connectorItself {
				done(ConnectorStarted{Name: it.Connector, Restart: x.ID})
			} else {
				done(TaskRestarted{ID: it, Restart: x.ID})
			}
		}
	case Retarget:
		done(Retargeted{Name: x.Name, Target: x.Target})
	case Write:
		_, err := a.topic.Write(a.tb.Context(), x.Op, Key{Bytes: make([]byte, 32), Algorithm: "HmacSHA256", Created: a.now})
		done(Wrote{ID: x.ID, Err: err})
	case Claim:
		done(Claimed{})
	case Refresh:
		done(Refreshed{ID: x.ID})
	case Reply:
		if x.Err != nil {
			a.tb.Errorf("a request is answered with %v", x.Err)
		}
		a.replies++
	}
}

func (a *alone) ask(r Request) {
	a.ids++
	a.events = append(a.events, Asked{a.ids, r})
	a.drain()
}

// work of a running cluster that concerns one connector, or none. New configurations of tasks call for a round, which is
// put off and shared; it is not part of this.
var work = []struct {
	name string
	do   func(a *alone, i int)
}{
	{"tick", func(a *alone, _ int) { a.events = append(a.events, Tick{}); a.drain() }},
	{"ping", func(a *alone, _ int) { a.ask(Ping{}) }},
	{"pause and resume", func(a *alone, i int) {
		a.ask(TargetWanted{connectorName(i), state.TargetPaused})
		a.ask(TargetWanted{connectorName(i), state.TargetStarted})
	}},
	{"change", func(a *alone, i int) {
		a.ask(PutWanted{PutRequest: herder.PutRequest{Name: connectorName(i), Config: map[string]string{"n": "1", "v": fmt.Sprint(a.ids)}, Replace: true}})
	}},
	{"restart", func(a *alone, i int) { a.ask(RestartWanted{connectorName(i)}) }},
	{"restart of a task", func(a *alone, i int) { a.ask(TaskRestartWanted{state.TaskID{Connector: connectorName(i)}}) }},
	{"level", func(a *alone, _ int) { a.ask(LevelWanted{"org.example", "DEBUG"}) }},
}

// cost is what an event costs on average: allocations, bytes, and how often the core looks at a connector's state.
type cost struct{ allocations, bytes, looks float64 }

func (a *alone) cost(do func(a *alone, i int), connectors int) cost {
	const runs = 50
	do(a, 0) // what is made once
	var before, after goruntime.MemStats
	looks := *a.looked.looks
	goruntime.ReadMemStats(&before)
	for i := range runs {
		do(a, i%connectors)
	}
	goruntime.ReadMemStats(&after)
	return cost{
		float64(after.Mallocs-before.Mallocs) / runs, float64(after.TotalAlloc-before.TotalAlloc) / runs,
		float64(*a.looked.looks-looks) / runs,
	}
}

// The work of an event does not grow with the number of connectors: neither what is allocated nor what is looked at. The
// trees that hold the config state grow a little deeper, for which some room is left.
func TestEventsCostTheSameHoweverManyConnectorsThereAre(t *testing.T) {
	few, many := newAlone(t, 100), newAlone(t, 10_000)
	for _, w := range work {
		t.Run(w.name, func(t *testing.T) {
			rounds := many.rounds
			a, b := few.cost(w.do, 100), many.cost(w.do, 10_000)
			t.Logf("allocations, bytes, looks: with 100 connectors %.0f, with 10,000 %.0f", a, b)
			if b.looks > a.looks || b.allocations > 1.5*a.allocations+10 || b.bytes > 1.5*a.bytes+4096 {
				t.Errorf("an event costs %.1f with 100 connectors and %.1f with 10,000", a, b)
			}
			if many.rounds > rounds {
				t.Error("rounds were made")
			}
			few.settle()
			many.settle()
		})
	}
}

// What does grow is a round, in which the whole work is divided. Changes that follow on each other share one.
func TestChangesShareARound(t *testing.T) {
	a := newAlone(t, 10_000)
	before := a.rounds
	for i := range 1000 {
		a.ask(PutWanted{PutRequest: herder.PutRequest{Name: connectorName(i), Config: map[string]string{"n": "1", "v": "new"}, Replace: true}})
	}
	a.settle()
	if n := a.rounds - before; n < 1 || n > 2 {
		t.Errorf("1000 changes made %d rounds; want one, or two where work is given up first", n)
	}
	if n := a.replies; n != 1000 {
		t.Errorf("%d requests were answered", n)
	}
}

// BenchmarkRound measures a round of a worker that is alone.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		a := newAlone(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.events = append(a.events, GroupEvent{group.Rebalance{Reason: "measured"}})
				a.settle()
			}
		})
	}
}

// BenchmarkEvents measures what TestEventsCostTheSameHoweverManyConnectorsThereAre guards.
func BenchmarkEvents(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		a := newAlone(b, n)
		for _, w := range work {
			b.Run(fmt.Sprintf("%s/%d", w.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					w.do(a, i%n)
				}
				b.StopTimer()
				a.settle()
			})
		}
	}
}
