package gossip

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/herder/gossip/gossiptest"
)

// room is a few workers that gossip in memory, in fake time.
type room struct {
	t   *testing.T
	net *gossiptest.Network
	log *bytes.Buffer
}

type talker struct {
	*Gossip
	at string
	mu sync.Mutex
	// heard is the newest report.
	heard map[string]Peer
	end   func()
}

func (r *room) add(i int, load *Load, change ...func(*Config)) *talker {
	r.t.Helper()
	address := fmt.Sprintf("10.0.0.%d:7946", i)
	cfg := Config{
		Group: "g", URL: fmt.Sprintf("http://w%d:8083/", i), Bind: address, Join: []string{"10.0.0.1:7946", "10.0.0.2:7946"},
		Load: func() Load { sharedLock.Lock(); defer sharedLock.Unlock(); return *load }, Transport: r.net.Add(address), Logger: slog.New(slog.NewTextHandler(lockedWriter{r.log}, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	g, err := Start(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	w := &talker{Gossip: g, at: address}
	g.Watch(func(p map[string]Peer) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = maps.Clone(p)
		maps.DeleteFunc(w.heard, func(id string, _ Peer) bool { return strings.Contains(id, "://") })
	})
	ctx, cancel := contextOf(r.t)
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	w.end = sync.OnceFunc(func() { cancel(); g.Close(); <-done })
	r.t.Cleanup(w.end)
	return w
}

func (w *talker) peers() map[string]Peer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

// hears waits, in fake time, until a worker knows exactly this.
func (w *talker) hears(t *testing.T, within time.Duration, want map[string]Peer) {
	t.Helper()
	start := time.Now()
	for !reflect.DeepEqual(w.peers(), want) {
		if time.Since(start) > within {
			t.Fatalf("after %v %s knows %v, want %v", within, w.at, w.peers(), want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func inRoom(t *testing.T, play func(r *room)) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // probes under way end by their timeouts
		play(&room{t, gossiptest.New(), &bytes.Buffer{}})
	})
}

func TestWorkersHearOfEachOther(t *testing.T) {
	inRoom(t, func(r *room) {
		load := &Load{}
		a, b, c := r.add(1, &Load{Busy: 0.9}), r.add(2, &Load{}), r.add(3, load)
		a.Announce("ma", 1, 2)
		b.Announce("mb", 0, 3)
		c.Announce("mc", 0, 0)
		for _, w := range []*talker{a, b, c} {
			w.hears(t, 20*time.Second, map[string]Peer{"ma": {Load: 9000}, "mb": {}, "mc": {}})
		}
		sharedLock.Lock()
		*load = Load{Busy: 0.3, Lag: 90 * time.Second}
		sharedLock.Unlock()
		a.hears(t, 20*time.Second, map[string]Peer{"ma": {Load: 9000}, "mb": {}, "mc": {Load: 3090}})
		b.Announce("mb2", 0, 3)
		a.hears(t, 20*time.Second, map[string]Peer{"ma": {Load: 9000}, "mb": {Gone: true}, "mb2": {}, "mc": {Load: 3090}})
	})
}

// A worker that is killed is found dead well before a session of the group ends.
func TestDeadWorkersAreFoundSoon(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b, c := r.add(1, &Load{}), r.add(2, &Load{}), r.add(3, &Load{})
		for _, w := range []*talker{a, b, c} {
			w.Announce("m"+w.at[7:8], 0, 1)
		}
		a.hears(t, 20*time.Second, map[string]Peer{"m1": {}, "m2": {}, "m3": {}})
		c.end()
		a.hears(t, 10*time.Second, map[string]Peer{"m1": {}, "m2": {}, "m3": {Gone: true}})
		again := r.add(3, &Load{}) // the same worker, started again
		again.Announce("m4", 0, 0)
		b.hears(t, 20*time.Second, map[string]Peer{"m1": {}, "m2": {}, "m3": {Gone: true}, "m4": {}})
	})
}

func TestAWorkerThatLeavesSaysSo(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.add(1, &Load{}), r.add(2, &Load{})
		a.Announce("m1", 0, 1)
		b.Announce("m2", 0, 1)
		a.hears(t, 20*time.Second, map[string]Peer{"m1": {}, "m2": {}})
		b.Leave()
		a.hears(t, time.Second, map[string]Peer{"m1": {}, "m2": {Gone: true}})
		b.end()
	})
}

// A worker that was cut off is heard again once the network is mended.
func TestSplitNetworksHeal(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b, c := r.add(1, &Load{}), r.add(2, &Load{}), r.add(3, &Load{})
		for _, w := range []*talker{a, b, c} {
			w.Announce("m"+w.at[7:8], 0, 1)
		}
		all := map[string]Peer{"m1": {}, "m2": {}, "m3": {}}
		a.hears(t, 20*time.Second, all)
		r.net.Cut(c.at)
		a.hears(t, 15*time.Second, map[string]Peer{"m1": {}, "m2": {}, "m3": {Gone: true}})
		time.Sleep(2 * time.Minute) // longer than the dead are gossiped to
		r.net.Mend(c.at)
		for _, w := range []*talker{a, b, c} {
			w.hears(t, time.Minute, all)
		}
	})
}

// Workers of other groups, and those with another secret, are not heard.
func TestStrangersAreNotHeard(t *testing.T) {
	inRoom(t, func(r *room) {
		secret := func(s string) func(*Config) { return func(c *Config) { c.Secret = s } }
		a, b := r.add(1, &Load{}, secret("one secret")), r.add(2, &Load{}, secret("one secret"))
		other := r.add(3, &Load{}, secret("another secret"))
		group := r.add(4, &Load{}, secret("one secret"), func(c *Config) { c.Group = "h" })
		plain := r.add(5, &Load{})
		for _, w := range []*talker{a, b, other, group, plain} {
			w.Announce("m"+w.at[7:8], 0, 1)
		}
		time.Sleep(time.Minute)
		a.hears(t, 0, map[string]Peer{"m1": {}, "m2": {}})
		other.hears(t, 0, map[string]Peer{"m3": {}})
		group.hears(t, 0, map[string]Peer{"m4": {}})
		plain.hears(t, 0, map[string]Peer{"m5": {}})
		sharedLock.Lock()
		defer sharedLock.Unlock()
		if text := r.log.String(); strings.Contains(text, "one secret") || strings.Contains(text, "another secret") {
			t.Error("a secret stands in the log")
		}
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Bind: "0.0.0.0:7946", Join: []string{"a:1", "[::1]:2"}, Advertise: "h:3"}, ""},
		{Config{Bind: "7946"}, "gossip.bind"},
		{Config{Bind: ":1", Join: []string{"a"}}, "gossip.join"},
		{Config{Bind: ":1", Advertise: ":3"}, "gossip.advertise"},
	} {
		err := c.cfg.Check()
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}
