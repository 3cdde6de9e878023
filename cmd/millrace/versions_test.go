package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/integration/versions"
	"github.com/millrace/millrace/plugins/install"
)

var keepOwn = flag.Bool("own", false, "write down what is answered where Java's answers are no model, in integration/versions/testdata/own.json")

// A worker with several versions of its plugins answers as Java's does.
func TestVersionsAsJava(t *testing.T) {
	bootstrap := rig.FakeKafka(t)
	got := map[string][]versions.Answer{}
	for _, phase := range versions.Phases() {
		live(t, bootstrap, phase, func(url string) {
			answers, err := phase.Play(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			got[phase.Name] = answers
		})
	}
	if *keepOwn {
		better, err := versions.Better(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := versions.Write("../../integration/versions/testdata/own.json", better); err != nil {
			t.Fatal(err)
		}
	}
	versions.Compare(t, got)
}

// The converters of a worker must be there in the versions that its properties name; a Java worker starts, and fails its tasks or all
// validations.
func TestVersionsOfWorkersConverters(t *testing.T) {
	bootstrap := rig.FakeKafka(t)
	for _, key := range []string{"key.converter", "value.converter", "header.converter"} {
		for version, part := range map[string]string{
			"9.9": "not found that matches the version range [9.9,9.9], available versions: [4.3.1", "[1": "Unbounded range: [1", "[9,)": "the version range [9,)",
		} {
			plugins, err := install.Registry()
			if err != nil {
				t.Fatal(err)
			}
			props := devProperties(bootstrap, 0)
			props[key+".plugin.version"] = version
			err = runWith(t.Context(), plugins, &cluster{}, props, func(string) { t.Error("it runs") })
			if err == nil || !strings.Contains(err.Error(), key+".plugin.version") || !strings.Contains(err.Error(), part) {
				t.Errorf("%s of version %s: %v", key, version, err)
			}
		}
	}
}

// live runs a worker for a phase until see has seen enough.
func live(t *testing.T, bootstrap string, phase versions.Phase, see func(url string)) {
	t.Helper()
	plugins, err := install.Registry()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugins.Add(versions.Plugins(phase.Versions...)...); err != nil {
		t.Fatal(err)
	}
	props := devProperties(bootstrap, 0)
	maps.Copy(props, phase.Worker)
	maps.Copy(props, map[string]string{"group.id": phase.Group, "task.restart.policy": "none", "exactly.once.source.support": "disabled"})
	for _, topic := range []string{"config", "offset", "status"} {
		props[topic+".storage.topic"] = phase.Group + "-" + topic
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- runWith(ctx, plugins, &cluster{}, props, func(url string) { ready <- url }) }()
	select {
	case url := <-ready:
		see(strings.TrimSuffix(url, "/"))
	case err := <-done:
		t.Fatalf("the worker has ended: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(fmt.Errorf("ending the worker: %w", err))
	}
}
