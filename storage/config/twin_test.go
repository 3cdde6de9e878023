package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/storage/state"
)

// twin is the obvious way to do what applier and State do: one map for each thing,
// changed in place.
type twin struct {
	configs, applied map[string]map[string]string
	tasks            map[state.TaskID]map[string]string
	deferred         map[string]map[int]map[string]string
	counts, gens     map[string]int
	records          map[string]int
	targets          map[string]state.Target
	pending, broken  map[string]bool
}

func newTwin() *twin {
	return &twin{
		configs: map[string]map[string]string{}, applied: map[string]map[string]string{},
		tasks: map[state.TaskID]map[string]string{}, deferred: map[string]map[int]map[string]string{},
		counts: map[string]int{}, gens: map[string]int{}, records: map[string]int{},
		targets: map[string]state.Target{}, pending: map[string]bool{}, broken: map[string]bool{},
	}
}

func (w *twin) remove(name string) {
	delete(w.configs, name)
	delete(w.applied, name)
	delete(w.counts, name)
	delete(w.deferred, name)
	maps.DeleteFunc(w.tasks, func(id state.TaskID, _ map[string]string) bool { return id.Connector == name })
}

func (w *twin) commit(name string, n int) {
	if w.configs[name] == nil {
		w.remove(name)
		return
	}
	complete := true
	for i := range n {
		complete = complete && w.deferred[name][i] != nil
	}
	w.broken[name] = !complete
	if complete {
		for i, c := range w.deferred[name] {
			w.tasks[state.TaskID{Connector: name, Task: i}] = c
		}
		if w.deferred[name] != nil {
			w.gens[name]++
		}
		w.applied[name] = w.configs[name]
	}
	if w.deferred[name] != nil {
		w.deferred[name] = map[int]map[string]string{}
	}
	w.counts[name] = n
	w.pending[name] = true
}

// step makes a random record and lets the twin take it.
func (w *twin) step(r *rand.Rand) string {
	name := string(rune('a' + r.IntN(4)))
	v := fmt.Sprint(r.IntN(5))
	switch r.IntN(10) {
	case 0, 1:
		w.configs[name] = map[string]string{"v": v}
		if w.targets[name] == "" {
			w.targets[name] = state.TargetStarted
		}
		return fmt.Sprintf(`connector-%s {"properties":{"v":"%s"}}`, name, v)
	case 2:
		w.remove(name)
		return "connector-" + name + " null"
	case 3:
		w.targets[name] = state.TargetStopped
		return "target-state-" + name + ` {"state":"PAUSED","state.v2":"STOPPED"}`
	case 4:
		delete(w.targets, name)
		if w.configs[name] != nil {
			w.targets[name] = state.TargetStarted
		}
		return "target-state-" + name + " null"
	case 5:
		n := r.IntN(3)
		w.records[name], w.pending[name] = n, false
		return fmt.Sprintf(`tasks-fencing-%s {"task-count":%d}`, name, n)
	case 6:
		n := r.IntN(3)
		w.commit(name, n)
		return fmt.Sprintf(`commit-%s {"tasks":%d}`, name, n)
	}
	i := r.IntN(3)
	if w.deferred[name] == nil {
		w.deferred[name] = map[int]map[string]string{}
	}
	w.deferred[name][i] = map[string]string{"t": v}
	return fmt.Sprintf(`task-%s-%d {"properties":{"t":"%s"}}`, name, i, v)
}

func (w *twin) compare(s *State) error {
	if want := slices.Sorted(maps.Keys(w.configs)); !slices.Equal(s.Connectors(), want) || s.Len() != len(want) {
		return fmt.Errorf("connectors %v of %d, want %v", s.Connectors(), s.Len(), want)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		count := w.counts[name]
		if w.broken[name] {
			count = 0
		}
		record, recorded := w.records[name]
		n, ok := s.TaskCountRecord(name)
		switch {
		case !maps.Equal(s.Config(name), w.configs[name]):
			return fmt.Errorf("%s: configuration %v, want %v", name, s.Config(name), w.configs[name])
		case !maps.Equal(s.AppliedConfig(name), w.applied[name]):
			return fmt.Errorf("%s: applied %v, want %v", name, s.AppliedConfig(name), w.applied[name])
		case s.Target(name) != w.targets[name]:
			return fmt.Errorf("%s: target %s, want %s", name, s.Target(name), w.targets[name])
		case s.TaskCount(name) != count, s.Inconsistent(name) != w.broken[name]:
			return fmt.Errorf("%s: tasks %d, inconsistent %t, want %d, %t", name, s.TaskCount(name), s.Inconsistent(name), count, w.broken[name])
		case s.TaskGeneration(name) != w.gens[name]-1:
			return fmt.Errorf("%s: generation %d, want %d", name, s.TaskGeneration(name), w.gens[name]-1)
		case n != record || ok != recorded || s.PendingFencing(name) != w.pending[name]:
			return fmt.Errorf("%s: record %d %t, pending %t, want %d %t, %t", name, n, ok, s.PendingFencing(name), record, recorded, w.pending[name])
		}
		for i := range 3 {
			id := state.TaskID{Connector: name, Task: i}
			if !maps.Equal(s.TaskConfig(id), w.tasks[id]) {
				return fmt.Errorf("%s: configuration %v, want %v", id, s.TaskConfig(id), w.tasks[id])
			}
		}
	}
	return nil
}

func TestStateAgreesWithItsTwin(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, top := newTwin(), newTopic()
		var lines []string
		for range 60 {
			lines = append(lines, w.step(r))
			top.add(lines[len(lines)-1])
			if err := w.compare(top.state); err != nil {
				t.Fatalf("seed %d: %v after\n%q", seed, err, lines)
			}
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add("connector-c", []byte(`{"properties":{"a":"b"}}`))
	f.Add("commit-c", []byte(`{"tasks":1}`))
	f.Add("task-c-99999999999", []byte(`{"properties":{}}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		top := newTopic()
		top.add(cfgRecord)
		top.add(key + " " + string(value))
		for _, name := range top.state.Connectors() {
			if top.state.Config(name) == nil {
				t.Errorf("%q is listed without configuration", name)
			}
		}
	})
}
