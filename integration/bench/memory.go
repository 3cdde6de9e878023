package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

const (
	restingConnectors = 50
	rest              = 15 * time.Second
)

// measureMemory says how much memory a worker keeps that has nothing to do.
func (b *bench) measureMemory(ctx context.Context, s *section) error {
	all := results{}
	t := sysbench("resting")
	conn, err := b.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := t.make(conn); err != nil {
		return err
	}
	for run := range b.runs {
		for _, kind := range b.workers {
			err := b.resting(ctx, workload{name: "resting", table: t}, kind, run, all)
			if ctx.Err() != nil {
				return err
			}
			if err != nil {
				b.fail("memory of %s, run %d: %v", kind, run+1, err)
			}
		}
	}
	b.printMemory(s, all)
	return nil
}

func (b *bench) printMemory(s *section, all results) {
	s.say("Method: the resident set of a worker %s after it was started, on new internal topics; then with %d connectors on MySQL, "+
		"which read the binlog and get nothing, %s after the last of them got there; and of `millrace dev`, worker and broker "+
		"in one process, %s after its start. %d runs of each; the median, with the least and the greatest in brackets.",
		rest, restingConnectors, rest, rest, b.runs)
	s.head("memory, MiB", "Java", "Millrace", "Java/Millrace")
	for _, what := range []string{"worker", fmt.Sprintf("worker with %d connectors", restingConnectors), "dev"} {
		java, mill := all.of(what, "", "java", peakMemory), all.of(what, "", "millrace", peakMemory)
		s.row(what, java.String(), mill.String(), times(java, mill, "%.1f"))
	}
}

// resting is one run.
func (b *bench) resting(ctx context.Context, w workload, kind string, run int, all results) error {
	group := fmt.Sprintf("resting-%s-%d", kind, run)
	worker, err := b.worker(ctx, kind, group)
	if err != nil {
		return err
	}
	defer b.end(worker)
	if err := b.noteMemory(ctx, worker, "worker", kind, all); err != nil {
		return err
	}
	f := newFleet(b, worker, w, group, restingConnectors)
	if err := f.configure(ctx, "no_data"); err != nil {
		return logged(worker, err)
	}
	if err := b.awaken(ctx, w.table, f.topicNames, f.health(ctx)); err != nil {
		return logged(worker, err)
	}
	if err := b.noteMemory(ctx, worker, fmt.Sprintf("worker with %d connectors", restingConnectors), kind, all); err != nil {
		return err
	}
	if kind == "java" {
		return nil
	}
	return b.dev(ctx, run, all)
}

// dev is `millrace dev` at rest.
func (b *bench) dev(ctx context.Context, run int, all results) error {
	dir, err := b.sub(fmt.Sprintf("dev-%d", run))
	if err != nil {
		return err
	}
	d, err := peer.StartDev(ctx, peer.DevConfig{Binary: b.binary, Dir: dir})
	if err != nil {
		return err
	}
	defer b.end(d.Worker)
	return b.noteMemory(ctx, d.Worker, "dev", "millrace", all)
}

// noteMemory waits and notes the memory of a worker.
func (b *bench) noteMemory(ctx context.Context, w *peer.Worker, what, kind string, all results) error {
	if err := sleep(ctx, rest); err != nil {
		return err
	}
	rss, err := memory(w.Pid())
	if err != nil {
		return err
	}
	all.add(what, "", kind, figures{peakMemory: rss})
	b.say("%s, %s: %.1f MiB", kind, what, rss)
	return nil
}

// fleet is a number of connectors that do the same, each for topics of its own.
type fleet struct {
	*bench
	w          workload
	connectors []connector
	topicNames []string
}

func newFleet(b *bench, worker *peer.Worker, w workload, prefix string, n int) *fleet {
	f := &fleet{bench: b, w: w}
	for i := range n {
		name := fmt.Sprintf("%s-%02d", prefix, i)
		f.connectors = append(f.connectors, connector{worker, name})
		f.topicNames = append(f.topicNames, w.topicOf(name))
	}
	return f
}

// configure creates the connectors.
func (f *fleet) configure(ctx context.Context, mode string) error {
	configs := map[string]map[string]string{}
	for _, c := range f.connectors {
		configs[c.name] = f.config(f.w, c.name, mode)
	}
	return f.all(func(c connector) error { return c.configure(ctx, configs[c.name]) })
}

// all does something with all connectors, eight at a time, and gives the first error.
func (f *fleet) all(do func(connector) error) error {
	work := make(chan connector)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards first
	var first error
	for range 8 {
		wg.Go(func() {
			for c := range work {
				if err := do(c); err != nil {
					mu.Lock()
					if first == nil {
						first = fmt.Errorf("connector %s: %w", c.name, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, c := range f.connectors {
		work <- c
	}
	close(work)
	wg.Wait()
	return first
}

// health is that of the connectors, one after the other.
func (f *fleet) health(ctx context.Context) func() error {
	next := 0
	return func() error {
		next = (next + 1) % len(f.connectors)
		return health(ctx, f.connectors[next])()
	}
}
