package distributed

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

var update = flag.Bool("update", false, "write the transcripts' expected output")

// memory is a naive herder.Snapshot: a copy of everything for each change.
type memory struct {
	offset      int64
	configs     map[string]map[string]string
	targets     map[string]state.Target
	tasks       map[string][]map[string]string
	applied     map[string]map[string]string
	generations map[string]int
	records     map[string]int
	fence       map[string]bool
}

func newMemory() *memory {
	return &memory{
		offset: 0, configs: map[string]map[string]string{}, targets: map[string]state.Target{},
		tasks: map[string][]map[string]string{}, applied: map[string]map[string]string{}, generations: map[string]int{},
		records: map[string]int{}, fence: map[string]bool{},
	}
}

func (m *memory) copy() *memory {
	return &memory{
		offset: m.offset, configs: maps.Clone(m.configs), targets: maps.Clone(m.targets), tasks: maps.Clone(m.tasks),
		applied: maps.Clone(m.applied), generations: maps.Clone(m.generations), records: maps.Clone(m.records), fence: maps.Clone(m.fence),
	}
}

func (m *memory) Offset() int64                            { return m.offset }
func (m *memory) Contains(c string) bool                   { return m.configs[c] != nil }
func (m *memory) Connectors() []string                     { return sortedNames(m.configs) }
func (m *memory) Config(c string) map[string]string        { return m.configs[c] }
func (m *memory) TaskCount(c string) int                   { return len(m.tasks[c]) }
func (m *memory) AppliedConfig(c string) map[string]string { return m.applied[c] }
func (m *memory) TaskGeneration(c string) int              { return m.generations[c] }
func (m *memory) PendingFencing(c string) bool             { return m.fence[c] }

func (m *memory) Len() int { return len(m.configs) }

func (m *memory) Inconsistent(string) bool { return false }

func (m *memory) Target(c string) state.Target {
	if t, ok := m.targets[c]; ok {
		return t
	}
	return state.TargetStarted
}

func (m *memory) TaskConfig(id state.TaskID) map[string]string {
	if id.Task >= len(m.tasks[id.Connector]) {
		return nil
	}
	return m.tasks[id.Connector][id.Task]
}

func (m *memory) TaskCountRecord(c string) (int, bool) {
	n, ok := m.records[c]
	return n, ok
}

// apply makes the state after a write, one offset for each record.
func (m *memory) apply(now time.Time, op Op) (*memory, []Change) {
	m = m.copy()
	m.offset++
	switch op := op.(type) {
	case PutConnector:
		var ch Change = ConnectorAdded{op.Name}
		if m.Contains(op.Name) {
			ch = ConnectorChanged{op.Name}
		}
		m.configs[op.Name] = op.Config
		if op.Target != "" {
			m.offset++
			m.targets[op.Name] = op.Target
		}
		return m, []Change{ch}
	case RemoveConnector:
		delete(m.configs, op.Name)
		delete(m.targets, op.Name)
		delete(m.tasks, op.Name)
		delete(m.applied, op.Name)
		return m, []Change{ConnectorRemoved{op.Name}}
	case PutTasks:
		m.offset += int64(len(op.Configs))
		m.tasks[op.Name] = op.Configs
		m.applied[op.Name] = m.configs[op.Name]
		m.generations[op.Name]++
		m.fence[op.Name] = true
		return m, []Change{TasksChanged{op.Name}}
	case PutTarget:
		m.targets[op.Name] = op.Target
		return m, []Change{TargetChanged{op.Name}}
	case PutTaskCount:
		m.records[op.Name] = op.Tasks
		delete(m.fence, op.Name)
		return m, nil
	case PutRestart:
		return m, []Change{RestartRequested{op.RestartRequest}}
	case PutLevel:
		return m, []Change{LevelChanged(op)}
	case PutKey:
		return m, []Change{KeyChanged{Key{Bytes: make([]byte, 32), Algorithm: "HmacSHA256", Created: now}}}
	}
	panic(fmt.Sprintf("%T", op))
}

// simWorker is a core with a naive runtime.
type simWorker struct {
	name     string
	core     *Core
	member   string
	asked    map[int]string // requests, with whom the answer goes to
	lags     []Event        // changes of the config topic that have not arrived
	lagging  bool
	held     []Event // ends of actions that are held back
	holding  string  // name of the action whose ends are held back
	heldSync *Sync
	failing  string // name of the action that fails
	running  map[string]bool
	fenced   bool // the next write meets another leader
	syncing  bool // a round has ended for the group, but not yet for this worker
	again    bool // it asked for another meanwhile
}

// simGroup is a naive group coordinator.
type simGroup struct {
	generation int32
	leader     string
	members    []string // workers by name, in order of joining
	joined     map[string]Join
	preparing  bool
}

type sim struct {
	t       *testing.T
	now     time.Time
	out     bytes.Buffer
	log     *memory
	key     *Key
	group   simGroup
	workers map[string]*simWorker
	queue   happenings
	claims  string            // who claimed the config topic last
	joined  map[string]string // the newest member id of each worker that ever was
	ids     int
	quiet   bool
	rng     *rand.Rand // nil to deliver everything in order
}

func newSim(t *testing.T) *sim {
	return &sim{
		t: t, now: time.UnixMilli(1_000_000), log: newMemory(), workers: map[string]*simWorker{}, joined: map[string]string{},
		group: simGroup{joined: map[string]Join{}},
	}
}

func (s *sim) printf(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *sim) later(f func()) { s.queue = append(s.queue, happening{"", f}) }

// settle plays until nothing happens any more.
func (s *sim) settle() {
	for n := 0; len(s.queue) > 0; n++ {
		if n > 20000 {
			s.t.Fatalf("no end in sight:\n%s", s.out.String())
		}
		f := s.pick()
		f()
	}
}

// pick takes the next thing to happen: the oldest of a worker or of the group,
// whichever comes to mind first.
func (s *sim) pick() func() {
	i := 0
	if s.rng != nil {
		i = s.queue.first(s.queue[s.rng.IntN(len(s.queue))].of)
	}
	f := s.queue[i].do
	s.queue = slices.Delete(s.queue, i, i+1)
	return f
}

// happenings are to come; those of one worker keep their order.
type happenings []happening

type happening struct {
	of string // worker; "" for the group
	do func()
}

func (q happenings) first(of string) int {
	return slices.IndexFunc(q, func(h happening) bool { return h.of == of })
}

func (s *sim) send(w *simWorker, e Event) {
	s.queue = append(s.queue, happening{w.name, func() { s.step(w, e) }})
}

func (s *sim) step(w *simWorker, e Event) {
	if s.workers[w.name] != w {
		return
	}
	for _, a := range slices.Clone(w.core.Step(s.now, e)) {
		s.perform(w, a)
	}
}

// finish delivers the end of an action, unless such are held back.
func (s *sim) finish(w *simWorker, a Action, e Event) {
	if w.holding == kind(a) {
		w.held = append(w.held, e)
		return
	}
	s.send(w, e)
}

func kind(a any) string { return strings.TrimPrefix(fmt.Sprintf("%T", a), "distributed.") }

func (s *sim) fails(w *simWorker, a Action) error {
	if w.failing != kind(a) {
		return nil
	}
	w.failing = ""
	return errors.New("it failed")
}

func (s *sim) perform(w *simWorker, a Action) {
	if text := describe(a); text != "" && !s.quiet {
		s.printf("%s: %s", w.name, text)
	}
	err := s.fails(w, a)
	switch a := a.(type) {
	case Join:
		s.join(w, a)
	case Sync:
		if w.holding == kind(a) {
			w.heldSync = &a
			break
		}
		s.sync(w, a)
	case Leave:
		s.leave(w)
	case StartConnector:
		w.running[a.Name] = true
		s.finish(w, a, ConnectorStarted{a.Name, 0, err})
	case StartTask:
		w.running[a.ID.String()] = true
	case Stop:
		for _, it := range items(a.Work) {
			delete(w.running, itemName(it))
		}
		s.finish(w, a, Stopped{a.Barrier})
	case Restart:
		for _, it := range items(a.Work) {
			w.running[itemName(it)] = true
			if it.Task == connectorItself {
				s.finish(w, a, ConnectorStarted{it.Connector, a.ID, err})
			} else {
				s.finish(w, a, TaskRestarted{it, a.ID, err})
			}
		}
	case Release:
		s.finish(w, a, Released{a.Barrier})
	case Retarget:
		s.finish(w, a, Retargeted{a.Name, a.Target, err})
	case GenerateTasks:
		s.finish(w, a, s.generate(w, a.Name, err))
	case PublishTasks:
		s.publish(w, a, err)
	case Write:
		s.write(w, a, err)
	case Claim:
		if err == nil {
			s.claims = w.name
		}
		s.finish(w, a, Claimed{err})
	case Refresh:
		s.catchUp(w)
		s.finish(w, a, Refreshed{a.ID, err})
	case FenceProducers:
		s.finish(w, a, FencedProducers{a.ID, a.Name, err})
	case PlanRestart:
		s.finish(w, a, s.plan(a))
	case Reply:
		s.replied(w, a)
	}
	s.exclusive()
}

func itemName(it item) string {
	if it.Task == connectorItself {
		return it.Connector
	}
	return it.String()
}

// exclusive checks that nothing runs on two workers of the group.
func (s *sim) exclusive() {
	owner := map[string]string{}
	for _, w := range s.workers {
		for name := range w.running {
			if o := owner[name]; o != "" {
				s.t.Fatalf("%s runs on %s and %s:\n%s", name, o, w.name, s.out.String())
			}
			owner[name] = w.name
		}
	}
}

// generate makes as many tasks as the connector's "n" says.
func (s *sim) generate(w *simWorker, name string, err error) TasksGenerated {
	e := TasksGenerated{Name: name, Err: err}
	if err != nil {
		return e
	}
	n, _ := strconv.Atoi(w.core.configs.Config(name)["n"])
	for i := range n {
		e.Configs = append(e.Configs, map[string]string{"task": strconv.Itoa(i), "v": w.core.configs.Config(name)["v"]})
	}
	return e
}

func (s *sim) publish(w *simWorker, a PublishTasks, err error) {
	leader := s.workers[strings.Trim(strings.TrimPrefix(a.Leader, "http://"), "/")]
	if leader == nil || err != nil {
		s.finish(w, a, Published{Name: a.Name, Err: errors.New("the leader does not answer")})
		return
	}
	id := s.ask(leader, TasksWanted{a.Name, a.Configs})
	leader.asked[id] = "publish " + w.name + " " + a.Name
}

func (s *sim) ask(w *simWorker, r Request) int {
	s.ids++
	s.send(w, Asked{s.ids, r})
	return s.ids
}

func (s *sim) replied(w *simWorker, a Reply) {
	to, ok := w.asked[a.ID]
	delete(w.asked, a.ID)
	switch f := strings.Fields(to); {
	case !ok:
		s.t.Errorf("%s answers %d, which nobody asked", w.name, a.ID)
	case f[0] == "publish":
		if from := s.workers[f[1]]; from != nil {
			s.send(from, Published{Name: f[2], Err: a.Err})
		}
	default:
		text := "ok"
		var not *herder.NotTarget
		switch {
		case errors.As(a.Err, &not):
			text = fmt.Sprintf("ask %q: %s", not.URL, not.Message)
		case a.Err != nil:
			text = fmt.Sprintf("error kind %d: %v", herder.KindOf(a.Err), a.Err)
		case f[0] == "put":
			text = fmt.Sprintf("ok created=%t tasks=%v", a.Answer.Created, a.Answer.Tasks)
		case f[0] == "ping":
			text = fmt.Sprintf("ok joined=%t", a.Answer.Joined)
		}
		s.printf("%s answers %s: %s", w.name, to, text)
	}
}

func (s *sim) write(w *simWorker, a Write, err error) {
	switch {
	case err != nil:
		s.finish(w, a, Wrote{ID: a.ID, Err: err})
		return
	case privileged(a.Op) && (w.fenced || s.claims != w.name):
		w.fenced = false
		s.finish(w, a, Wrote{ID: a.ID, Err: errors.New("fenced"), Fenced: true})
		return
	}
	var changes []Change
	s.log, changes = s.log.apply(s.now, a.Op)
	for _, ch := range changes {
		if k, ok := ch.(KeyChanged); ok {
			s.key = &k.Key
		}
	}
	for _, name := range sortedNames(s.workers) {
		other := s.workers[name]
		e := ConfigsChanged{s.log, changes}
		if other.lagging {
			other.lags = append(other.lags, e)
		} else {
			s.send(other, e)
		}
	}
	s.finish(w, a, Wrote{ID: a.ID})
}

// catchUp delivers what the config topic holds, unless the worker lags for good.
func (s *sim) catchUp(w *simWorker) {
	if w.lagging {
		return
	}
	for _, e := range w.lags {
		s.send(w, e)
	}
	w.lags = nil
}

func (s *sim) plan(a PlanRestart) Planned {
	var all herder.ConnectorStateInfo
	all.Connector.State = state.Running
	for i := range s.log.TaskCount(a.Connector) {
		all.Tasks = append(all.Tasks, herder.TaskState{ID: i, State: state.Failed})
	}
	return Planned{herder.PlanRestart(a.RestartRequest, all), s.log.Contains(a.Connector)}
}

func (s *sim) join(w *simWorker, j Join) {
	g := &s.group
	if w.syncing {
		w.again = true // a member drops it and hears of the next round again
		return
	}
	if !slices.Contains(g.members, w.name) {
		s.ids++
		w.member = fmt.Sprintf("%s-%d", w.name, s.ids)
		s.joined[w.name] = w.member
		g.members = append(g.members, w.name)
	}
	g.joined[w.name] = j
	s.prepare()
}

// prepare begins a round, or completes it when all have joined.
func (s *sim) prepare() {
	g := &s.group
	if !g.preparing {
		g.preparing = true
		for _, name := range g.members {
			if _, ok := g.joined[name]; !ok {
				s.send(s.workers[name], GroupEvent{group.Rebalance{Reason: "the group rebalances"}})
			}
		}
	}
	s.later(s.complete) // after what others do at the same time
}

func (s *sim) complete() {
	g := &s.group
	if !g.preparing || len(g.members) == 0 || len(g.joined) < len(g.members) {
		return
	}
	g.preparing = false
	g.generation++
	if !slices.Contains(g.members, g.leader) {
		g.leader = g.members[0]
	}
	p := group.Sessioned
	e := group.Elected{Leader: s.workers[g.leader].member, Generation: g.generation}
	for _, name := range g.members {
		w, j := s.workers[name], g.joined[name]
		w.syncing = true
		p = min(p, w.core.cfg.Protocol)
		e.Members = append(e.Members, group.Applicant{ID: w.member, Metadata: group.Metadata{
			URL: "http://" + name + "/", Offset: j.Standing.Offset, Current: j.Standing.Current,
		}})
	}
	e.Protocol = p
	if p == group.Eager {
		for i := range e.Members {
			e.Members[i].Current = nil
		}
	}
	s.send(s.workers[g.leader], GroupEvent{e})
}

func (s *sim) sync(w *simWorker, a Sync) {
	g := &s.group
	if a.Generation != g.generation {
		return // outdated: the worker has been told
	}
	if g.preparing {
		for _, name := range g.members {
			if m := s.workers[name]; m.syncing {
				m.syncing, m.again = false, false
				s.send(m, GroupEvent{group.Rebalance{Reason: "the round is over", Failed: true}})
			}
		}
		return
	}
	g.joined = map[string]Join{}
	p := group.Sessioned
	for _, name := range g.members {
		p = min(p, s.workers[name].core.cfg.Protocol)
	}
	for _, name := range g.members {
		m := s.workers[name]
		e := group.Assigned{Member: m.member, Generation: g.generation, Protocol: p, Assignment: a.Assignments[m.member]}
		s.queue = append(s.queue, happening{name, func() { s.assign(m, e) }})
	}
}

func (s *sim) assign(w *simWorker, e group.Assigned) {
	if !w.syncing {
		return // it was lost meanwhile
	}
	again := w.again || s.group.preparing
	w.syncing, w.again = false, false
	s.step(w, GroupEvent{e})
	if again {
		s.send(w, GroupEvent{group.Rebalance{Reason: "the group rebalances"}})
	}
}

func (s *sim) leave(w *simWorker) {
	g := &s.group
	w.syncing, w.again = false, false
	g.members = slices.DeleteFunc(g.members, func(n string) bool { return n == w.name })
	delete(g.joined, w.name)
	g.preparing = false
	s.prepare()
}

// advance lets time pass, with every tick that is asked for.
func (s *sim) advance(d time.Duration) {
	end := s.now.Add(d)
	for s.tickBefore(end) {
	}
	s.now = end
}

// tickBefore settles and lets time pass to the next tick, if there is one
// before the end.
func (s *sim) tickBefore(end time.Time) bool {
	s.settle()
	var next time.Time
	for _, w := range s.workers {
		if at := w.core.WakeAt(); !at.IsZero() && !at.After(end) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return false
	}
	if next.After(s.now) {
		s.now = next
	}
	for _, name := range sortedNames(s.workers) {
		if w := s.workers[name]; !w.core.WakeAt().IsZero() && !w.core.WakeAt().After(s.now) {
			s.send(w, Tick{})
		}
	}
	return true
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runTranscript(t, f) })
	}
}

// runTranscript plays a file of commands, each followed by "----" and what it
// brought, up to an empty line. Lines that begin with # are comments.
func runTranscript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newSim(t)
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n\n") {
		head, _, _ := strings.Cut(block+"\n", "----\n")
		s.out.Reset()
		for line := range strings.Lines(head) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				s.command(strings.Fields(line))
				s.advance(time.Millisecond) // enough for rounds that are put off
			}
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n", strings.TrimRight(head, "\n"), s.out.String())
	}
	got := strings.TrimRight(out.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(text) {
		t.Errorf("the transcript differs; run with -update and review the change. Got:\n%s", diffFrom(string(text), got))
	}
}

// diffFrom shows the output from a little before the first difference.
func diffFrom(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	return "want " + strings.Join(w[max(0, i-5):min(len(w), i+10)], "\n     ") + "\n\ngot  " + strings.Join(g[max(0, i-5):min(len(g), i+10)], "\n     ")
}
