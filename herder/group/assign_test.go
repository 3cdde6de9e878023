package group

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/state"
)

func parseItems(t *testing.T, s string) Work {
	t.Helper()
	var w Work
	for _, f := range strings.FieldsFunc(strings.Trim(s, "[]"), func(r rune) bool { return r == ',' || r == ' ' }) {
		c, n, isTask := strings.Cut(f, ":")
		if !isTask {
			w.Connectors = append(w.Connectors, c)
			continue
		}
		i, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		w.Tasks = append(w.Tasks, task(c, i))
	}
	return w.Sorted()
}

func TestEager(t *testing.T) {
	d := AssignEager([]string{"m1", "m2", "m3"}, parseItems(t, "a,b,a:0,a:1,b:0"))
	want := map[string]Share{
		"m1": {Assigned: parseItems(t, "a,a:1")},
		"m2": {Assigned: parseItems(t, "b,b:0")},
		"m3": {Assigned: parseItems(t, "a:0")},
	}
	if !reflect.DeepEqual(d.Shares, want) {
		t.Errorf("got %v, want %v", d.Shares, want)
	}
	if d.Owners[task("b", connectorItself)] != "m2" || d.Owners[task("a", 0)] != "m3" {
		t.Errorf("owners %v", d.Owners)
	}
}

// TestIncrementalAsJava replays rounds recorded from Java's assignor. Which of
// several equal members or tasks is chosen follows from hash order there, so
// that delays, numbers and final loads are compared, and after each round the
// assignor is made to remember what Java's handed out.
func TestIncrementalAsJava(t *testing.T) {
	f, err := os.Open("testdata/java-rounds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var (
		a       *Incremental
		r       Round
		history string
		shares  = map[string]Share{}
		delay   int64
		rounds  int
	)
	check := func() {
		if len(r.Members) == 0 {
			return
		}
		rounds++
		lostBefore := a.lost(setOf(r.Configured.items()), heldBy(r.Members))
		got := a.Assign(r)
		where := fmt.Sprintf("history %s generation %d", history, r.Generation)
		if got.Delay != delay {
			t.Errorf("%s: delay %d, Java %d", where, got.Delay, delay)
		}
		if g, w := tally(got.Shares, r.Members), tally(shares, r.Members); g != w {
			t.Errorf("%s: %s, Java %s", where, g, w)
		}
		a.assigned, a.revoked = set{}, set{}
		for _, it := range lostBefore {
			a.assigned[it] = true
		}
		for _, m := range r.Members {
			for _, it := range m.Held.Minus(shares[m.Member].Revoked).Union(shares[m.Member].Assigned).items() {
				a.assigned[it] = true
			}
			for _, it := range shares[m.Member].Revoked.items() {
				a.revoked[it] = true
			}
		}
		r, shares = Round{}, map[string]Share{}
	}
	in := bufio.NewScanner(f)
	for in.Scan() {
		w := strings.Fields(in.Text())
		switch w[0] {
		case "history":
			check()
			ms, _ := strconv.Atoi(w[3])
			history, a = w[1], NewIncremental(time.Duration(ms)*time.Millisecond)
		case "round":
			check()
			now, _ := strconv.ParseInt(w[2], 10, 64)
			gen, _ := strconv.Atoi(w[4])
			done, _ := strconv.Atoi(w[6])
			r = Round{Now: time.UnixMilli(now), Generation: int32(gen), Completed: int32(done)}
		case "configured":
			r.Configured = parseItems(t, w[1])
		case "member":
			r.Members = append(r.Members, Holding{Member: w[1], Held: parseItems(t, w[3])})
		case "delay":
			delay, _ = strconv.ParseInt(w[1], 10, 64)
		case "share":
			shares[w[1]] = Share{Assigned: parseItems(t, w[3]), Revoked: parseItems(t, w[5])}
		}
	}
	check()
	if rounds < 400 {
		t.Errorf("only %d rounds were compared", rounds)
	}
}

func heldBy(members []Holding) set {
	active, _ := claims(members)
	return active
}

// tally counts what changes hands and what members have in the end.
func tally(shares map[string]Share, members []Holding) string {
	var gets, loses [2]int
	var loads [2][]int
	for _, m := range members {
		s := shares[m.Member]
		gets[0] += len(s.Assigned.Connectors)
		gets[1] += len(s.Assigned.Tasks)
		loses[0] += len(s.Revoked.Connectors)
		loses[1] += len(s.Revoked.Tasks)
		w := m.Held.Minus(s.Revoked).Union(s.Assigned)
		loads[0] = append(loads[0], len(w.Connectors))
		loads[1] = append(loads[1], len(w.Tasks))
	}
	slices.Sort(loads[0])
	slices.Sort(loads[1])
	return fmt.Sprintf("gets %v loses %v loads %v", gets, loses, loads)
}

// cluster is the naive twin of a group: members that do as they are told.
type cluster struct {
	t          *testing.T
	rng        *rand.Rand
	assignor   *Incremental
	now        time.Time
	generation int32
	held       map[string]Work
	configured Work
	gone       map[string]bool
	loads      map[string]int
	moved      int // pieces of work that were taken from a living member
}

// round plays one round and reports whether another must follow at once.
func (c *cluster) round() (again bool, delay time.Duration) {
	r := Round{Now: c.now, Generation: c.generation + 1, Completed: c.generation, Configured: c.configured, Gone: func(m string) bool { return c.gone[m] }}
	if c.generation == 0 {
		r.Completed = -1
	}
	for _, m := range slices.Sorted(maps.Keys(c.held)) {
		r.Members = append(r.Members, Holding{Member: m, Held: c.held[m], Load: c.loads[m]})
	}
	d := c.assignor.Assign(r)
	c.generation++
	for m, s := range d.Shares {
		if extra := s.Revoked.Minus(c.held[m]); !extra.Empty() {
			c.t.Fatalf("%s must give up %v, which it does not have", m, extra)
		}
		c.held[m] = c.held[m].Minus(s.Revoked).Union(s.Assigned)
		again = again || !s.Revoked.Empty()
		c.moved += len(s.Revoked.Minus(s.Revoked.Minus(c.configured)).items())
	}
	c.exclusive()
	for it, m := range d.Owners {
		if !setOf(c.held[m].items())[it] {
			c.t.Fatalf("%v is said to be with %s, which holds %v", it, m, c.held[m])
		}
	}
	return again, time.Duration(d.Delay) * time.Millisecond
}

// exclusive checks that nothing runs twice.
func (c *cluster) exclusive() {
	owner := map[state.TaskID]string{}
	for m, w := range c.held {
		for _, it := range w.items() {
			if o, ok := owner[it]; ok {
				c.t.Fatalf("%v runs on %s and %s", it, o, m)
			}
			owner[it] = m
		}
	}
}

// settle plays rounds until nothing changes, waiting out delays.
func (c *cluster) settle() {
	for range 20 {
		again, delay := c.round()
		if delay > 0 {
			c.now = c.now.Add(delay)
			again = true
		}
		if !again {
			return
		}
	}
	c.t.Fatalf("no balance after 20 rounds: %v", c.held)
}

// balanced checks that all work is out and evenly so.
func (c *cluster) balanced() {
	var all Work
	least, most := [2]int{1 << 30, 1 << 30}, [2]int{}
	for _, w := range c.held {
		all = all.Union(w)
		for k, n := range [2]int{len(w.Connectors), len(w.Tasks)} {
			least[k], most[k] = min(least[k], n), max(most[k], n)
		}
	}
	if !reflect.DeepEqual(all.items(), c.configured.items()) {
		c.t.Fatalf("runs %v, configured %v", all, c.configured)
	}
	for k := range least {
		if most[k]-least[k] > 1 {
			c.t.Fatalf("loads differ by more than one: %v", c.held)
		}
	}
}

// fewestMoves is how much any assignor must take away to balance the work that
// living members hold: what exceeds an even share, counted the naive way.
func (c *cluster) fewestMoves() int {
	moves := 0
	for k, total := range [2]int{len(c.configured.Connectors), len(c.configured.Tasks)} {
		var have []int
		for _, w := range c.held {
			kept := w.Minus(w.Minus(c.configured))
			have = append(have, [2]int{len(kept.Connectors), len(kept.Tasks)}[k])
		}
		slices.Sort(have)
		slices.Reverse(have)
		least, extras := total/len(have), total%len(have)
		for i, n := range have {
			share := least
			if i < extras {
				share++
			}
			moves += max(0, n-share)
		}
	}
	return moves
}

func (c *cluster) change() {
	switch c.rng.IntN(5) {
	case 0, 1:
		c.held["m"+strconv.Itoa(c.rng.IntN(9))] = Work{}
	case 2:
		if len(c.held) > 1 {
			all := slices.Sorted(maps.Keys(c.held))
			delete(c.held, all[c.rng.IntN(len(all))])
		}
	case 3:
		name := "c" + strconv.Itoa(c.rng.IntN(12))
		w := Work{Connectors: []string{name}}
		for i := range c.rng.IntN(6) {
			w.Tasks = append(w.Tasks, task(name, i))
		}
		c.configured = c.configured.Union(w)
	case 4:
		if n := len(c.configured.Connectors); n > 0 {
			gone := c.configured.Connectors[c.rng.IntN(n)]
			c.configured.Connectors = slices.DeleteFunc(slices.Clone(c.configured.Connectors), func(s string) bool { return s == gone })
			c.configured.Tasks = slices.DeleteFunc(slices.Clone(c.configured.Tasks), func(x state.TaskID) bool { return x.Connector == gone })
		}
	}
}

func TestIncrementalBalances(t *testing.T) {
	for seed := range uint64(300) {
		maxDelay := []time.Duration{0, 5 * time.Minute}[seed%2]
		c := &cluster{
			t: t, rng: rand.New(rand.NewPCG(seed, 1)), assignor: NewIncremental(maxDelay),
			now: time.UnixMilli(1e12), held: map[string]Work{"m0": {}},
		}
		for range 15 {
			for range 1 + c.rng.IntN(3) {
				c.change()
			}
			fewest := c.fewestMoves()
			c.moved = 0
			c.settle()
			c.balanced()
			// Work that returns with a delay may land where it then is too much.
			if c.moved > fewest+len(c.configured.items())/2 {
				t.Fatalf("seed %d: %d moves where %d would do", seed, c.moved, fewest)
			}
		}
	}
}

func TestNewMemberCostsOnlyItsShare(t *testing.T) {
	for members := 1; members < 6; members++ {
		c := &cluster{t: t, assignor: NewIncremental(5 * time.Minute), now: time.UnixMilli(0), held: map[string]Work{}}
		for i := range members {
			c.held["m"+strconv.Itoa(i)] = Work{}
		}
		for i := range 20 {
			name := fmt.Sprintf("c%02d", i)
			c.configured = c.configured.Union(Work{Connectors: []string{name}, Tasks: []state.TaskID{task(name, 0), task(name, 1)}})
		}
		c.settle()
		if c.moved != 0 {
			t.Fatalf("%d members: %d moves at first", members, c.moved)
		}
		c.held["new"] = Work{}
		fewest := c.fewestMoves()
		c.settle()
		c.balanced()
		if c.moved != fewest {
			t.Errorf("%d members: %d moves, want %d", members, c.moved, fewest)
		}
	}
}

func TestTasksOfAConnectorAreSpread(t *testing.T) {
	c := &cluster{t: t, assignor: NewIncremental(0), now: time.UnixMilli(0), held: map[string]Work{"m1": {}, "m2": {}}}
	c.configured = parseItems(t, "a,b,a:0,a:1,a:2,a:3,b:0,b:1,b:2,b:3")
	c.settle()
	for m, w := range c.held {
		n := map[string]int{}
		for _, x := range w.Tasks {
			n[x.Connector]++
		}
		if n["a"] != 2 || n["b"] != 2 {
			t.Errorf("%s has %v", m, w)
		}
	}
}

func TestDeletedWhileLeaderChanged(t *testing.T) {
	a := NewIncremental(time.Minute)
	d := a.Assign(Round{Now: time.UnixMilli(0), Generation: 7, Completed: -1, Configured: parseItems(t, "a,a:0"),
		Members: []Holding{{Member: "m1", Held: parseItems(t, "a,a:0,a:1,old,old:0")}}})
	if got := d.Shares["m1"].Revoked; !reflect.DeepEqual(got, parseItems(t, "old,a:1,old:0")) {
		t.Errorf("revoked %v", got)
	}
}

func TestLostWorkIsHandedOutAfterFractionsOfAMillisecond(t *testing.T) {
	c := &cluster{t: t, assignor: NewIncremental(time.Minute), now: time.Unix(0, 1_000_300), held: map[string]Work{"m1": {}, "m2": {}}}
	c.configured = parseItems(t, "a,b,a:0,b:0")
	c.settle()
	delete(c.held, "m2")
	_, first := c.round()
	c.now = c.now.Add(5*time.Second + 700*time.Microsecond)
	_, second := c.round()
	if first != time.Minute || second <= 54*time.Second {
		t.Fatalf("delays %v and %v", first, second)
	}
	c.now = c.now.Add(second)
	c.round()
	c.balanced()
}

// Work of a member that is gone for good moves at once, that of another waits.
func TestWorkOfGoneMembersDoesNotWait(t *testing.T) {
	c := &cluster{t: t, assignor: NewIncremental(time.Minute), now: time.UnixMilli(0), held: map[string]Work{"m1": {}, "m2": {}, "m3": {}}}
	c.configured = parseItems(t, "a,b,c,a:0,b:0,c:0")
	c.settle()
	gone, away := c.held["m2"], c.held["m3"]
	delete(c.held, "m2")
	delete(c.held, "m3")
	c.gone = map[string]bool{"m2": true}
	if _, delay := c.round(); delay != time.Minute {
		t.Errorf("the work of m3 waits for %v", delay)
	}
	if missing := gone.Minus(c.held["m1"]); !missing.Empty() {
		t.Errorf("the work of m2 waits: %v", missing)
	}
	if early := away.Minus(away.Minus(c.held["m1"])); !early.Empty() {
		t.Errorf("the work of m3 does not wait: %v", early)
	}
	if w := c.assignor.Waiting(); !reflect.DeepEqual(w, []string{"m3"}) {
		t.Errorf("work of %v waits", w)
	}
	c.gone["m3"] = true
	if _, delay := c.round(); delay != 0 || len(c.assignor.Waiting()) > 0 {
		t.Errorf("delay %v, work of %v waits", delay, c.assignor.Waiting())
	}
	c.balanced()
}

// Who is gone never takes anything from a member that is there.
func TestGoneMembersThatAreThereKeepTheirWork(t *testing.T) {
	c := &cluster{t: t, assignor: NewIncremental(time.Minute), now: time.UnixMilli(0), held: map[string]Work{"m1": {}, "m2": {}}}
	c.configured = parseItems(t, "a,b,a:0,b:0")
	c.settle()
	before := maps.Clone(c.held)
	c.gone = map[string]bool{"m1": true, "m2": true}
	if again, delay := c.round(); again || delay != 0 || !reflect.DeepEqual(c.held, before) {
		t.Errorf("again %t, delay %v, %v became %v", again, delay, before, c.held)
	}
}

func TestEqualMembersAreChosenByLoad(t *testing.T) {
	for _, test := range []struct {
		loads map[string]int
		want  map[string]string // by member
	}{
		{nil, map[string]string{"m1": "a,a:0", "m2": "a:1", "m3": ""}}, // as Java may choose
		{map[string]int{"m1": 5, "m2": 3, "m3": 1}, map[string]string{"m1": "", "m2": "a:1", "m3": "a,a:0"}},
		{map[string]int{"m1": 0, "m2": 9, "m3": 0}, map[string]string{"m1": "a,a:0", "m2": "", "m3": "a:1"}},
	} {
		c := &cluster{t: t, assignor: NewIncremental(time.Minute), now: time.UnixMilli(0), loads: test.loads, held: map[string]Work{"m1": {}, "m2": {}, "m3": {}}}
		c.configured = parseItems(t, "a,a:0,a:1")
		c.round()
		for m, want := range test.want {
			if w := c.held[m]; !reflect.DeepEqual(w.String(), parseItems(t, want).String()) {
				t.Errorf("loads %v: %s has %v, want %q", test.loads, m, w, want)
			}
		}
	}
}
