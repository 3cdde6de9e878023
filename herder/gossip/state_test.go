package gossip

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func at(s int) time.Time { return time.Unix(int64(s), 0) }

func TestWhoIsGone(t *testing.T) {
	told := func(s State) func(*Book) { return func(b *Book) { b.Merge(s) } }
	alive := func(p string) func(*Book) { return func(b *Book) { b.Alive(p, at(1)) } }
	dead := func(p string) func(*Book) { return func(b *Book) { b.Dead(p, at(2)) } }
	for name, c := range map[string]struct {
		heard []func(*Book)
		want  map[string]Peer
	}{
		"a member that answers": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 1, Member: "m1", Busy: 0.42, Lag: 7 * time.Second})},
			map[string]Peer{"m1": {Load: 4007}},
		},
		"one that does not": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 1, Member: "m1"}), dead("a")},
			map[string]Peer{"m1": {Gone: true}},
		},
		"one that has said good-bye and still answers": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 1, Member: "m1"}), told(State{Process: "a", Version: 2, Member: "m1", Left: true})},
			map[string]Peer{"m1": {Gone: true}},
		},
		"one that answers again": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 1, Member: "m1"}), dead("a"), alive("a")},
			map[string]Peer{"m1": {}},
		},
		"one that is out of the group for the moment may come back": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 2, Member: "", Past: []string{"m1"}})},
			map[string]Peer{"m1": {}},
		},
		"one that is in the group under another id is gone under the old one": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 3, Member: "m2", Past: []string{"m1"}})},
			map[string]Peer{"m1": {Gone: true}, "m2": {}},
		},
		"older news does not count": {
			[]func(*Book){alive("a"), told(State{Process: "a", Version: 3, Member: "m2", Past: []string{"m1"}}), told(State{Process: "a", Version: 1, Member: "m1"})},
			map[string]Peer{"m1": {Gone: true}, "m2": {}},
		},
		"a restarted process is another": {
			[]func(*Book){alive("a#1"), told(State{Process: "a#1", Version: 1, URL: "a", Member: "m1"}), alive("a#2"),
				told(State{Process: "a#2", Version: 1, URL: "a", Member: "m2"}), dead("a#1")},
			map[string]Peer{"a": {}, "m1": {Gone: true}, "m2": {}},
		},
		"an address where nobody answers": {
			[]func(*Book){alive("a#1"), told(State{Process: "a#1", Version: 1, URL: "a"}), dead("a#1"), alive("b#1"), told(State{Process: "b#1", Version: 1, URL: "b"})},
			map[string]Peer{"a": {Gone: true}, "b": {}},
		},
		"nobody is known who has not said anything": {[]func(*Book){alive("a")}, map[string]Peer{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBook()
			for _, f := range c.heard {
				f(b)
			}
			got := b.Peers()
			delete(got, "") // processes without an address
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// Whatever the order in which states come, and however often, the end is the same.
func TestMergeInAnyOrder(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var all []State
		want := NewBook()
		for p := range 3 {
			s := State{Process: fmt.Sprint(p)}
			for v := range 5 {
				s.Version = uint64(v + 1)
				s.joinedAs([]string{"", "x", "y", "z"}[rng.IntN(4)] + fmt.Sprint(p))
				all = append(all, s)
				want.Merge(s)
			}
		}
		got := NewBook()
		for range 3 {
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, s := range all {
				got.Merge(s)
			}
		}
		if !reflect.DeepEqual(got.Workers(), want.Workers()) {
			t.Fatalf("seed %d: got %v, want %v", seed, got.Workers(), want.Workers())
		}
	}
}

func TestForget(t *testing.T) {
	b := NewBook()
	for _, p := range []string{"a", "b", "c"} {
		b.Alive(p, at(1))
		b.Merge(State{Process: p, Version: 1, Member: "m" + p})
	}
	b.Dead("a", at(10))
	b.Dead("b", at(20))
	b.Forget(at(15))
	if want := map[string]Peer{"": {}, "mb": {Gone: true}, "mc": {}}; !reflect.DeepEqual(b.Peers(), want) {
		t.Errorf("got %v, want %v", b.Peers(), want)
	}
}

func TestPastMembersAreBounded(t *testing.T) {
	var s State
	for i := range 10 {
		s.joinedAs(fmt.Sprint(i))
	}
	if want := []string{"5", "6", "7", "8"}; !reflect.DeepEqual(s.Past, want) || s.Member != "9" {
		t.Errorf("%q after %q", s.Member, s.Past)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(State{Process: "a#1", Version: 7, URL: "http://a/", Member: "m", Past: []string{"x"}, Busy: 0.5, Lag: time.Minute}.Encode())
	f.Add([]byte(`{"p":"a","v":1,"b":1e300,"l":-5}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(s.Encode())
		if err != nil || !reflect.DeepEqual(again.Encode(), s.Encode()) {
			t.Errorf("%+v became %+v: %v", s, again, err)
		}
		book := NewBook()
		book.Merge(s)
		book.Alive(s.Process, at(1))
		_ = book.Peers()
	})
}
