package distributed

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/state"
)

// TestRandomClusters plays random commands, with what happens delivered in
// random order, and checks that nothing ever runs twice, that every request is
// answered, and that in the end everything runs where it should.
func TestRandomClusters(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSim(t)
			s.rng = rand.New(rand.NewPCG(seed, 7))
			for n := range 40 {
				s.randomCommand()
				if n%4 == 3 {
					s.advance(time.Duration(s.rng.IntN(2000)) * time.Millisecond)
				}
			}
			s.calm()
			s.settled(t)
			if t.Failed() {
				t.Log(s.out.String())
			}
		})
	}
}

// randomCommand does something that users or failures do.
func (s *sim) randomCommand() {
	if len(s.workers) < 2 || len(s.workers) < 4 && s.rng.IntN(8) == 0 {
		s.ids++
		s.command([]string{"worker", fmt.Sprintf("w%d", s.ids), "delay=10s"})
		return
	}
	names := sortedNames(s.workers)
	w := names[s.rng.IntN(len(names))]
	c := string(rune('a' + s.rng.IntN(5)))
	commands := [][]string{
		{"put", w, c, fmt.Sprintf("n=%d", s.rng.IntN(4))},
		{"put", w, c, fmt.Sprintf("n=%d", s.rng.IntN(4)), fmt.Sprintf("v=%d", s.rng.IntN(9))},
		{"delete", w, c}, {"pause", w, c}, {"resume", w, c}, {"stop", w, c}, {"restart", w, c}, {"wants", w, c},
		{"plan", w, c, "tasks"}, {"fence", w, c}, {"modify", w, c}, {"expired", w, c},
		{"fail", w, "GenerateTasks"}, {"fail", w, "PublishTasks"}, {"fenced", w},
		{"hold", w, "Stop"}, {"hold", w, "GenerateTasks"}, {"hold", w, "Write"}, {"let", w}, {"let", w}, {"let", w},
		{"gossip", w, s.anyone() + "=gone"}, {"gossip", w, s.anyone() + "=gone", s.anyone() + "=gone", w + fmt.Sprintf("=%d", s.rng.IntN(9))},
		{"lag", w}, {"catchup", w}, {"catchup", w}, {"lost", w}, {"kill", w},
	}
	f := commands[s.rng.IntN(len(commands))]
	if f[0] == "kill" && len(s.workers) < 3 {
		return
	}
	if f[0] == "hold" {
		s.command([]string{"let", w})
	}
	s.printf("> %s", strings.Join(f, " "))
	s.command(f)
}

// anyone names a worker that is or was in the group, or is about to be.
func (s *sim) anyone() string {
	all := sortedNames(s.joined)
	if len(all) == 0 {
		all = sortedNames(s.workers)
	}
	return all[s.rng.IntN(len(all))]
}

// calm ends all disturbances and waits out every delay.
func (s *sim) calm() {
	for _, name := range sortedNames(s.workers) {
		s.workers[name].failing, s.workers[name].fenced = "", false
		s.command([]string{"let", name})
		s.command([]string{"catchup", name})
	}
	s.advance(5 * time.Minute)
}

// settled checks the end: all that is configured runs, once, and nobody waits.
func (s *sim) settled(t *testing.T) {
	var want, got []string
	for _, name := range s.log.Connectors() {
		want = append(want, name)
		for n := range s.log.TaskCount(name) {
			want = append(want, state.TaskID{Connector: name, Task: n}.String())
		}
		if s.log.Target(name) == state.TargetStarted && fmt.Sprint(s.log.TaskCount(name)) != s.log.Config(name)["n"] {
			t.Errorf("%s has %d tasks, its configuration says %s", name, s.log.TaskCount(name), s.log.Config(name)["n"])
		}
	}
	for _, name := range sortedNames(s.workers) {
		w := s.workers[name]
		got = append(got, sortedNames(w.running)...)
		if len(w.asked) > 0 {
			t.Errorf("%s owes answers to %v", name, w.asked)
		}
		if !w.core.stable() {
			t.Errorf("%s is in phase %d", name, w.core.phase)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("runs %v, want %v", got, want)
	}
}
