// Package storetest holds the suites that every implementation of a store must
// pass: run them from a test of your own.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// ConfigStores makes stores for the config suite.
type ConfigStores struct {
	// New returns a function that opens a store, which Config closes. Stores of
	// the same function share what they keep, if Shared is set; those of
	// different calls of New keep nothing in common.
	New    func(t *testing.T) func() config.Store
	Shared bool
	// Exclusive says that a Claim takes the right to write from other stores.
	Exclusive bool
}

// Config runs the suite.
func Config(t *testing.T, stores ConfigStores) {
	cases := map[string]func(*testing.T, *configRun){
		"Connectors":     testConnectors,
		"Tasks":          testTasks,
		"Targets":        testTargets,
		"Fencing":        testFencing,
		"Notices":        testNotices,
		"OldStates":      testOldStates,
		"ConcurrentPuts": testConcurrentPuts,
	}
	if stores.Shared {
		cases["Reopened"] = testReopened
		cases["TwoStores"] = testTwoStores
	}
	if stores.Exclusive {
		cases["Claims"] = testClaims
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			run(t, &configRun{t: t, open: stores.New(t)})
		})
	}
}

// configRun is one case.
type configRun struct {
	t    *testing.T
	open func() config.Store
}

// view is a started store with the changes that it told.
type view struct {
	config.Store
	mu      sync.Mutex
	changes []config.Change
}

func (r *configRun) start() *view {
	r.t.Helper()
	v := &view{Store: r.open()}
	if _, err := v.Start(r.t.Context(), v.listen); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(v.Close)
	r.must(v.Claim(r.t.Context()))
	return v
}

func (v *view) listen(_ *config.State, changes []config.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes = append(v.changes, changes...)
}

var kindNames = map[config.ChangeKind]string{
	config.ConnectorAdded: "added", config.ConnectorChanged: "changed", config.ConnectorRemoved: "removed",
	config.TasksChanged: "tasks", config.TargetChanged: "target", config.RestartRequested: "restart",
	config.SessionKeyChanged: "key", config.LevelChanged: "level",
}

// told returns the changes since the last call as text.
func (v *view) told() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for _, c := range v.changes {
		s := kindNames[c.Kind]
		if c.Connector != "" {
			s += " " + c.Connector
		}
		switch c.Kind {
		case config.RestartRequested:
			s += fmt.Sprintf(" failed=%t tasks=%t", c.Restart.OnlyFailed, c.Restart.IncludeTasks)
		case config.LevelChanged:
			s += " " + c.Logger + "=" + c.Level
		case config.SessionKeyChanged:
			s += " " + string(c.Key.Bytes)
		}
		out = append(out, s)
	}
	v.changes = nil
	return strings.Join(out, ", ")
}

func (r *configRun) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func cfg(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

func testConnectors(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	equal(t, "first offset", s.State().Offset(), config.NoOffset)
	first := cfg("name", "b", "text", "quotes \" and \\ and ümläut 😀 and\nlines")
	r.must(s.PutConnector(ctx, "b", first, ""))
	r.must(s.PutConnector(ctx, "a-1", cfg("x", "1"), state.TargetPaused))
	equal(t, "told", s.told(), "added b, added a-1")
	equal(t, "connectors", strings.Join(s.State().Connectors(), " "), "a-1 b")
	if got := s.State().Config("b"); !maps.Equal(got, first) {
		t.Errorf("configuration of b: %q", got)
	}
	equal(t, "target of b", s.State().Target("b"), state.TargetStarted)
	equal(t, "target of a-1", s.State().Target("a-1"), state.TargetPaused)

	r.must(s.PutConnector(ctx, "b", cfg("text", "new"), ""))
	r.must(s.RemoveConnector(ctx, "a-1"))
	r.must(s.PutConnector(ctx, "a-1", cfg("x", "2"), ""))
	equal(t, "told", s.told(), "changed b, removed a-1, added a-1")
	equal(t, "target after removal", s.State().Target("a-1"), state.TargetStarted)
	equal(t, "number", s.State().Len(), 2)
	if s.State().Offset() < 6 {
		t.Errorf("offset %d after 6 records", s.State().Offset())
	}
}

func testTasks(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	r.must(s.PutConnector(ctx, "c", cfg("v", "1"), ""))
	equal(t, "generation without tasks", s.State().TaskGeneration("c"), -1)
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg("t", "0"), cfg("t", "1"), cfg("t", "2")}))
	r.must(s.PutConnector(ctx, "c", cfg("v", "2"), ""))
	equal(t, "told", s.told(), "added c, tasks c, changed c")
	equal(t, "tasks", s.State().TaskCount("c"), 3)
	equal(t, "task 2", s.State().TaskConfig(state.TaskID{Connector: "c", Task: 2})["t"], "2")
	equal(t, "generation", s.State().TaskGeneration("c"), 0)
	equal(t, "applied", s.State().AppliedConfig("c")["v"], "1")

	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg("t", "new")}))
	equal(t, "fewer tasks", s.State().TaskCount("c"), 1)
	equal(t, "task 0", s.State().TaskConfig(state.TaskID{Connector: "c"})["t"], "new")
	equal(t, "generation", s.State().TaskGeneration("c"), 1)
	equal(t, "applied", s.State().AppliedConfig("c")["v"], "2")

	r.must(s.PutTasks(ctx, "c", nil))
	equal(t, "no tasks", s.State().TaskCount("c"), 0)
	r.must(s.RemoveConnector(ctx, "c"))
	if s.State().TaskConfig(state.TaskID{Connector: "c"}) != nil || s.State().AppliedConfig("c") != nil {
		t.Error("task configurations outlive their connector")
	}
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg()}))
	equal(t, "tasks of a removed connector", s.State().TaskCount("c"), 0)
}

func testTargets(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	r.must(s.PutTarget(ctx, "c", state.TargetStopped)) // before the connector: nobody is told
	r.must(s.PutConnector(ctx, "c", cfg(), ""))
	for _, target := range []state.Target{state.TargetStopped, state.TargetPaused, state.TargetStarted, state.TargetStopped} {
		r.must(s.PutTarget(ctx, "c", target))
		equal(t, "target", s.State().Target("c"), target)
	}
	equal(t, "told", s.told(), "added c, target c, target c, target c")
}

func testFencing(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	r.must(s.PutConnector(ctx, "c", cfg(), ""))
	if _, ok := s.State().TaskCountRecord("c"); ok || s.State().PendingFencing("c") {
		t.Error("a new connector has a task count record or waits for fencing")
	}
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg(), cfg()}))
	equal(t, "pending", s.State().PendingFencing("c"), true)
	r.must(s.PutTaskCount(ctx, "c", 2))
	equal(t, "pending", s.State().PendingFencing("c"), false)
	r.must(s.RemoveConnector(ctx, "c"))
	n, ok := s.State().TaskCountRecord("c")
	if n != 2 || !ok {
		t.Errorf("task count record of a removed connector: %d %t", n, ok)
	}
	r.must(s.PutConnector(ctx, "c", cfg(), ""))
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg()}))
	equal(t, "pending", s.State().PendingFencing("c"), true)
}

func testNotices(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	if s.State().SessionKey() != nil {
		t.Error("a session key from nowhere")
	}
	created := time.UnixMilli(1700000000123)
	r.must(s.PutSessionKey(ctx, config.SessionKey{Bytes: []byte("secret"), Algorithm: "HmacSHA256", Created: created}))
	r.must(s.PutRestart(ctx, config.Restart{Connector: "c-d", OnlyFailed: true}))
	r.must(s.PutRestart(ctx, config.Restart{Connector: "c-d", IncludeTasks: true}))
	r.must(s.PutLoggerLevel(ctx, "org.apache", "DEBUG"))
	equal(t, "told", s.told(), "key secret, restart c-d failed=true tasks=false, restart c-d failed=false tasks=true, level org.apache=DEBUG")
	k := s.State().SessionKey()
	if k == nil || !bytes.Equal(k.Bytes, []byte("secret")) || k.Algorithm != "HmacSHA256" || !k.Created.Equal(created) {
		t.Errorf("session key %+v", k)
	}
}

// testOldStates holds on to a state while the store goes on.
func testOldStates(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	r.must(s.PutConnector(ctx, "c", cfg("v", "1"), ""))
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg("t", "1")}))
	old := s.State()
	r.must(s.PutConnector(ctx, "c", cfg("v", "2"), ""))
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg("t", "2"), cfg("t", "3")}))
	r.must(s.PutConnector(ctx, "d", cfg(), ""))
	r.must(s.RemoveConnector(ctx, "c"))
	equal(t, "connectors", strings.Join(old.Connectors(), " "), "c")
	equal(t, "configuration", old.Config("c")["v"], "1")
	equal(t, "tasks", old.TaskCount("c"), 1)
	equal(t, "task", old.TaskConfig(state.TaskID{Connector: "c"})["t"], "1")
}

func testConcurrentPuts(t *testing.T, r *configRun) {
	s := r.start()
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("c%02d", i)
			if err := s.PutConnector(t.Context(), name, cfg("i", name), ""); err != nil {
				t.Error(err)
			}
			if got := s.State().Config(name)["i"]; got != name {
				t.Errorf("%s was written but is %q", name, got)
			}
		})
	}
	wg.Wait()
	equal(t, "number", s.State().Len(), n)
}

func testReopened(t *testing.T, r *configRun) {
	s, ctx := r.start(), t.Context()
	r.must(s.PutConnector(ctx, "c", cfg("v", "1"), state.TargetStopped))
	r.must(s.PutTasks(ctx, "c", []map[string]string{cfg("t", "0"), cfg("t", "1")}))
	r.must(s.PutTaskCount(ctx, "c", 2))
	r.must(s.PutConnector(ctx, "gone", cfg(), ""))
	r.must(s.RemoveConnector(ctx, "gone"))
	r.must(s.PutSessionKey(ctx, config.SessionKey{Bytes: []byte("k"), Algorithm: "HmacSHA256", Created: time.UnixMilli(1)}))
	r.must(s.PutLoggerLevel(ctx, "root", "WARN"))
	before := s.State()
	s.Close()

	again := r.start()
	now := again.State()
	equal(t, "told before the end was read", again.told(), "")
	equal(t, "offset", now.Offset(), before.Offset())
	if !slices.Equal(now.Connectors(), before.Connectors()) || !maps.Equal(now.Config("c"), before.Config("c")) {
		t.Errorf("connectors %v, configuration %v", now.Connectors(), now.Config("c"))
	}
	equal(t, "target", now.Target("c"), state.TargetStopped)
	equal(t, "tasks", now.TaskCount("c"), 2)
	equal(t, "pending", now.PendingFencing("c"), false)
	equal(t, "key", string(now.SessionKey().Bytes), "k")
}

func testTwoStores(t *testing.T, r *configRun) {
	leader, ctx := r.open(), t.Context()
	follower := &view{Store: r.open()}
	if _, err := follower.Start(ctx, follower.listen); err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	if _, err := leader.Start(ctx, func(*config.State, []config.Change) {}); err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	r.must(leader.Claim(ctx))
	r.must(leader.PutConnector(ctx, "c", cfg("v", "1"), ""))
	r.must(follower.PutTarget(ctx, "c", state.TargetPaused)) // any worker may
	r.must(leader.PutTasks(ctx, "c", []map[string]string{cfg()}))
	r.must(follower.Refresh(ctx))
	equal(t, "told", follower.told(), "added c, target c, tasks c")
	equal(t, "offsets of both", follower.State().Offset(), leader.State().Offset())
}

func testClaims(t *testing.T, r *configRun) {
	ctx := t.Context()
	old := r.start()
	r.must(old.PutConnector(ctx, "c", cfg("v", "old"), ""))
	unclaimed := r.open()
	if _, err := unclaimed.Start(ctx, func(*config.State, []config.Change) {}); err != nil {
		t.Fatal(err)
	}
	defer unclaimed.Close()
	if err := unclaimed.PutConnector(ctx, "c", cfg("v", "wrong"), ""); err == nil {
		t.Error("a write without claim passed")
	}
	next := r.start() // claims
	r.must(next.PutConnector(ctx, "c", cfg("v", "next"), ""))
	if err := old.PutConnector(ctx, "c", cfg("v", "zombie"), ""); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("write of the former leader: %v, want ErrFenced", err)
	}
	r.must(old.Refresh(ctx))
	equal(t, "configuration", old.State().Config("c")["v"], "next")
	r.must(old.Claim(ctx))
	r.must(old.PutConnector(ctx, "c", cfg("v", "back"), ""))
	cctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r.must(next.Refresh(cctx))
	equal(t, "configuration", next.State().Config("c")["v"], "back")
}
