package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

const createWorkers = 3

// creation is what creating connectors took.
type creation struct {
	answered, running time.Duration // until the last request was answered, until everything ran
	rebalances        int           // that the workers took part in
	idle, after       []float64     // memory of each worker, MiB
}

// measureCreate creates connectors, each with a task, through the REST API of three workers and waits until everything
// runs.
func (b *bench) measureCreate(ctx context.Context, s *section) error {
	s.say("Method: three workers of a new group, on default settings but for the topics' names. Connectors (FileStreamSource, each " +
		"with one task that writes a line) are posted to the workers in turn, one after the other and then, to a group of its own, " +
		"eight at a time. The clock begins with the first request; all run when `GET /connectors?expand=status` says so of every " +
		"connector and task. Rebalances are those that the first worker counts meanwhile. The memory is each worker's resident set.")
	s.head(fmt.Sprintf("%d connectors on %d workers", b.connectors, createWorkers),
		"last answer, s", "all running, s", "rebalances", "idle memory of each, MiB", "memory then, MiB")
	for _, kind := range b.workers {
		for _, clients := range []int{1, 8} {
			c, err := b.create(ctx, kind, clients)
			if err != nil {
				return fmt.Errorf("%s, %d clients: %w", kind, clients, err)
			}
			b.say("%s, %d at a time: all %d run after %s", kind, clients, b.connectors, c.running)
			s.say("| %s, %d at a time | %.1f | %.1f | %d | %s | %s |", kind, clients,
				c.answered.Seconds(), c.running.Seconds(), c.rebalances, list(c.idle), list(c.after))
		}
	}
	return nil
}

func list(figures []float64) string {
	var texts []string
	for _, f := range figures {
		texts = append(texts, strconv.FormatFloat(f, 'f', 1, 64))
	}
	return strings.Join(texts, ", ")
}

// create starts the workers of a new group and does the whole measurement.
func (b *bench) create(ctx context.Context, kind string, clients int) (c creation, err error) {
	group := fmt.Sprintf("create-%s-%d", kind, clients)
	var workers []*peer.Worker
	defer func() {
		for _, w := range workers {
			w.Kill()
		}
	}()
	for i := range createWorkers {
		w, err := b.member(ctx, kind, group, fmt.Sprintf("%s-%d", group, i), nil)
		if err != nil {
			return c, err
		}
		workers = append(workers, w)
	}
	if err := sleep(ctx, 5*time.Second); err != nil { // for the rounds in which they find each other
		return c, err
	}
	before, err := b.rebalances(ctx, kind, workers[0])
	if err != nil {
		return c, err
	}
	if c.idle, err = memories(workers); err != nil {
		return c, err
	}
	began := time.Now()
	if err := b.postAll(ctx, workers, group, clients); err != nil {
		return c, err
	}
	c.answered = time.Since(began)
	if err := untilRunning(ctx, workers[1], b.connectors); err != nil {
		return c, err
	}
	c.running = time.Since(began)
	if c.rebalances, err = b.rebalances(ctx, kind, workers[0]); err != nil {
		return c, err
	}
	c.rebalances -= before
	c.after, err = memories(workers)
	return c, err
}

// postAll creates connectors that read a file of one line, through all workers in turn.
func (b *bench) postAll(ctx context.Context, workers []*peer.Worker, group string, clients int) error {
	file := filepath.Join(b.dir, "one-line")
	if err := os.WriteFile(file, []byte("one\n"), 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var posts sync.WaitGroup
	for range clients {
		posts.Go(func() {
			for i := range numbers {
				name := fmt.Sprintf("connector-%04d", i)
				body := fmt.Sprintf(`{"name":%q,"config":{"connector.class":"org.apache.kafka.connect.file.FileStreamSourceConnector","tasks.max":"1","file":%q,"topic":"%s-lines"}}`,
					name, file, group)
				if err := post(ctx, workers[i%len(workers)].URL()+"/connectors", []byte(body)); err != nil {
					cancel(fmt.Errorf("%s: %w", name, err))
				}
			}
		})
	}
	for i := range b.connectors {
		numbers <- i
	}
	close(numbers)
	posts.Wait()
	return context.Cause(ctx)
}

// untilRunning waits until a worker says of all connectors that they and their task run.
func untilRunning(ctx context.Context, w *peer.Worker, want int) error {
	for deadline := time.Now().Add(10 * time.Minute); ; {
		running, failed, err := countRunning(ctx, w)
		switch {
		case err == nil && running == want:
			return nil
		case err == nil && failed != "":
			return fmt.Errorf("a task has failed: %s", failed)
		case time.Now().After(deadline):
			return fmt.Errorf("%d of %d connectors run; %w", running, want, err)
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func countRunning(ctx context.Context, w *peer.Worker) (running int, failed string, err error) {
	all, err := peer.Statuses(ctx, w.URL())
	if err != nil {
		return 0, "", err
	}
	for _, c := range all {
		if trace := c.Failed(); trace != "" {
			failed = trace
		}
		if c.Connector.State == "RUNNING" && len(c.Tasks) == 1 && c.Tasks[0].State == "RUNNING" {
			running++
		}
	}
	return running, failed, nil
}

// rebalances is how many rounds of its group a worker has completed: millrace counts them at /metrics, Java in its log.
func (b *bench) rebalances(ctx context.Context, kind string, w *peer.Worker) (int, error) {
	if kind == "java" {
		log, err := os.ReadFile(w.LogFile())
		return strings.Count(string(log), "Successfully synced group in generation"), err
	}
	n, err := b.metric(ctx, w, "completed_rebalances_total")
	return int(n), err
}

func memories(workers []*peer.Worker) ([]float64, error) {
	var all []float64
	for _, w := range workers {
		rss, err := memory(w.Pid())
		if err != nil {
			return nil, err
		}
		all = append(all, rss)
	}
	return all, nil
}
