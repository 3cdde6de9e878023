package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// profile runs the main workload, or those that -only names, on millrace twice, first to learn how long their phases take
// and then to profile each of them as long, and prints where time and memory went. The profiles stay in a directory, for
// `go tool pprof`, with the worker's log.
func (b *bench) profile(ctx context.Context) error {
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	port, err := peer.FreePort()
	if err != nil {
		return err
	}
	admin := fmt.Sprintf("http://127.0.0.1:%d", port)
	b.workers, b.properties = []string{"millrace"}, map[string]string{"admin.listeners": admin}
	if len(b.only) > 0 && slices.ContainsFunc(manyNames(), b.asked) {
		return b.profileMany(ctx, admin)
	}
	l := &load{bench: b, workloads: b.profiledWorkloads(), places: map[string]place{}, results: results{}}
	if len(l.workloads) == 0 {
		return errors.New("-profiles: none of the workloads of -only copies a table and catches up")
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	worker, err := l.worker(ctx, b.workers[0], l.group(b.workers[0]))
	if err != nil {
		return err
	}
	defer l.end(worker)
	for _, w := range l.workloads {
		if err := l.profileOne(ctx, admin, worker, w); err != nil {
			return logged(worker, fmt.Errorf("%s: %w", w.name, err))
		}
	}
	log, err := os.ReadFile(worker.LogFile())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.profiles, "worker.log"), log, 0o644)
}

func (b *bench) profiledWorkloads() []workload {
	if len(b.only) == 0 {
		return mainWorkloads()
	}
	var chosen []workload
	for _, w := range slices.Concat(mainWorkloads(), variantWorkloads(), tableWorkloads()) {
		if b.asked(w.name) {
			chosen = append(chosen, w)
		}
	}
	return chosen
}

func (l *load) profileOne(ctx context.Context, admin string, worker *peer.Worker, w workload) error {
	kind := l.workers[0]
	if err := l.one(ctx, worker, w, kind, 0); err != nil {
		return err
	}
	for _, phase := range []struct {
		name string
		run  func(context.Context, *peer.Worker, workload, string, int) error
	}{{snapshotPhase, l.snapshot}, {catchUpPhase, l.catchUp}} {
		took := float64(w.rows(l.options)) / l.results.of(w.name, phase.name, kind, rate).median()
		name := phase.name
		if !w.main {
			name = w.name + "-" + name
		}
		if err := l.profiled(ctx, admin, name, took, func() error { return phase.run(ctx, worker, w, kind, 1) }); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// profileMany profiles the phases of many connectors.
func (b *bench) profileMany(ctx context.Context, admin string) error {
	conn, err := b.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	sizes, err := b.manySizes(conn)
	if err != nil {
		return err
	}
	for _, m := range sizes {
		known := results{}
		if err := b.manyRun(ctx, conn, m, "millrace", 0, known); err != nil {
			return err
		}
		b.observe = func(phase string, do func() error) error {
			took := float64(m.connectors*m.rows) / known.of(m.name, phase, "millrace", rate).median()
			return b.profiled(ctx, admin, m.name+"-"+phase, took, do)
		}
		if err := b.manyRun(ctx, conn, m, "millrace", 1, results{}); err != nil {
			return err
		}
		b.observe = nil
	}
	return nil
}

// profiled takes a processor profile and one of allocations while something runs that should take so many seconds, and one of
// the heap in the middle.
func (b *bench) profiled(ctx context.Context, admin, phase string, took float64, do func() error) error {
	seconds := int(math.Max(1, math.Ceil(took)))
	kinds := []struct {
		name, path, figure string
		after              float64 // share of the time
	}{
		{"cpu", fmt.Sprintf("profile?seconds=%d", seconds), "cpu", 0},
		{"allocations", fmt.Sprintf("allocs?seconds=%d", seconds), "alloc_objects", 0},
		{"heap", "heap", "inuse_space", 0.6},
	}
	file := func(kind string) string {
		return filepath.Join(b.profiles, strings.ReplaceAll(phase, " ", "-")+"."+kind+".pprof")
	}
	fetched, asked := make(chan error, len(kinds)), 0
	b.settled = func() {
		for _, k := range kinds {
			go func() {
				err := sleep(ctx, time.Duration(k.after*took*float64(time.Second)))
				if err == nil {
					err = download(ctx, admin+"/debug/pprof/"+k.path, file(k.name))
				}
				fetched <- err
			}()
			asked++
		}
	}
	errs := []error{do()}
	b.settled = nil
	for range asked {
		errs = append(errs, <-fetched)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, k := range kinds {
		out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=25", "-sample_index="+k.figure, b.binary, file(k.name)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("reading %s: %w\n%s", file(k.name), err, out)
		}
		fmt.Printf("%s\n%s\n", file(k.name), out)
	}
	return nil
}

func download(ctx context.Context, url, file string) error {
	response, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return os.WriteFile(file, body, 0o644)
}
