//go:build servers

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
)

// newTestBench is a bench on the embedded broker and a MySQL of the test.
func newTestBench(t *testing.T, o options) *bench {
	t.Helper()
	broker := rig.Dev(t)
	topics, err := newTopics(broker.Bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(topics.close)
	registry := registrytest.New(registrytest.Config{})
	t.Cleanup(registry.Close)
	o.workers, o.deadline = []string{"millrace"}, time.Minute
	return &bench{
		options: o, root: rig.Root(t), dir: rig.Dir(t), binary: rig.Build(t), began: time.Now(), serverID: 20_000,
		kafka: &peer.Kafka{Process: broker.Process, Port: broker.KafkaPort}, topics: topics, registry: registry,
		mysql: rig.MySQL(t, "--max-connections=1000"),
	}
}

// What is measured is right: every row comes once in the snapshot and once in catching up, and the ceiling's producer writes as many.
func TestLoadsOnMillrace(t *testing.T) {
	b := newTestBench(t, options{rows: 3000, sideRows: 3000, runs: 1, only: []string{"main", "chain", "avro", "wide200", "many10"}})
	for _, g := range groups() {
		if !b.wants(g, "") {
			continue
		}
		s := &section{title: g.title}
		if err := g.measure(b, t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if text := s.text.String(); strings.Contains(text, ", snapshot | 3,000 | – | – |") {
			t.Errorf("figures are missing in\n%s", text)
		}
	}
	for _, f := range b.failures {
		t.Error(f)
	}
}

// Both phases leave a profile of the processor, one of allocations and one of the heap that pprof can read.
func TestProfilesOfMillrace(t *testing.T) {
	b := newTestBench(t, options{rows: 3000, sideRows: 3000, runs: 1, profiles: filepath.Join(t.TempDir(), "profiles")})
	if err := b.profile(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(b.profiles, "*.pprof"))
	if err != nil || len(files) != 6 {
		t.Errorf("profiles are %v, %v", files, err)
	}
}
