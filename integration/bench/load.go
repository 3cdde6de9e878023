package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// The phases of a load.
const (
	snapshotPhase = "snapshot"
	catchUpPhase  = "catching up"
	ceilingPhase  = "ceiling"
)

// loads measures the workloads of a group, as far as they are wanted: rows are written once, then the workers take turns.
func loads(all func() []workload) func(*bench, context.Context, *section) error {
	return func(b *bench, ctx context.Context, s *section) error {
		l := &load{bench: b, workloads: []workload{warmup()}, places: map[string]place{}, results: results{}}
		for _, w := range all() {
			if b.asked(w.name) {
				l.workloads = append(l.workloads, w)
			}
		}
		defer l.drop()
		if err := l.prepare(ctx); err != nil {
			return err
		}
		for run := range b.runs {
			for _, kind := range b.workers {
				if err := l.round(ctx, kind, run); err != nil {
					return err
				}
			}
		}
		l.print(s)
		return nil
	}
}

// asked reports whether a workload is among those of -only, by its own name or its group's.
func (b *bench) asked(workload string) bool {
	return slices.ContainsFunc(groups(), func(g group) bool {
		mine := g.name == workload || slices.Contains(g.workloads, workload)
		return mine && b.wants(g, workload)
	})
}

// load is the state of a group of workloads.
type load struct {
	*bench
	workloads []workload
	places    map[string]place // where the rows of a workload's table begin in the binlog
	results   results
}

func (l *load) group(kind string) string {
	return "load-" + l.workloads[len(l.workloads)-1].name + "-" + kind
}

func catchUpPrefix(w workload, kind string) string { return "catchup-" + w.name + "-" + kind }

// prepare makes the tables; lets each worker learn them, by connectors that will catch up; and fills the tables.
func (l *load) prepare(ctx context.Context) error {
	conn, err := l.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, w := range l.workloads {
		if err := w.table.make(conn); err != nil {
			return err
		}
	}
	for _, kind := range l.workers {
		if err := l.learn(ctx, kind); err != nil {
			return err
		}
	}
	for _, w := range l.workloads {
		if err := peer.Execute(conn, fmt.Sprintf("DELETE FROM %s.%s", database, w.table.name)); err != nil {
			return err
		}
		if l.places[w.name], err = binlogEnd(conn); err != nil {
			return err
		}
		began, rows := time.Now(), w.rows(l.options)
		if err := w.table.fill(conn, 1, rows); err != nil {
			return err
		}
		l.say("wrote %d rows of table %s in %.0f s", rows, w.table.name, time.Since(began).Seconds())
	}
	return nil
}

// drop makes room for the tables of the next group.
func (l *load) drop() {
	if err := l.mysql.Exec("DROP DATABASE IF EXISTS "+database, "DROP DATABASE IF EXISTS pattern"); err != nil {
		l.say("%v", err)
	}
}

// learn creates a stopped connector for each workload, which has the empty table in its schema history: catching up begins
// before the rows, and the history must not be younger than that.
func (l *load) learn(ctx context.Context, kind string) error {
	worker, err := l.worker(ctx, kind, l.group(kind))
	if err != nil {
		return err
	}
	defer l.end(worker)
	for _, w := range l.workloads {
		if !w.runsOn(kind) {
			continue
		}
		prefix := catchUpPrefix(w, kind)
		c := connector{worker, prefix}
		if err := c.configure(ctx, l.config(w, prefix, "no_data")); err != nil {
			return err
		}
		if err := l.awaken(ctx, w.table, []string{w.topicOf(prefix)}, health(ctx, c)); err != nil {
			return logged(worker, fmt.Errorf("connector %s: %w", prefix, err))
		}
		if err := c.stop(ctx); err != nil {
			return err
		}
		l.say("%s knows table %s", kind, w.table.name)
	}
	return nil
}

// awaken writes a row again and again until one of them is in each of the topics: their connectors read the binlog by then.
func (b *bench) awaken(ctx context.Context, t table, topics []string, health func() error) error {
	conn, err := b.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	for began := time.Now(); time.Since(began) < 5*time.Minute; {
		if err := peer.Execute(conn, fmt.Sprintf("DELETE FROM %s.%s WHERE id = %d", database, t.name, probeRow)); err != nil {
			return err
		}
		if err := t.fill(conn, probeRow, 1); err != nil {
			return err
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		for len(topics) > 0 {
			n, err := b.topics.ends(topics[:1])
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			topics = topics[1:]
		}
		if len(topics) == 0 {
			return nil
		}
		if err := health(); err != nil {
			return err
		}
	}
	return fmt.Errorf("nothing came into topic %s in five minutes", topics[0])
}

const probeRow = 2_000_000_000 // its id is beyond those of all others

// health asks whether a task of a connector has failed. A worker that does not answer is none of its matters.
func health(ctx context.Context, c connector) func() error {
	return func() error {
		s, err := c.status(ctx)
		if trace := s.Failed(); err == nil && trace != "" {
			return fmt.Errorf("the task has failed: %s", trace)
		}
		if !c.w.Running() {
			return fmt.Errorf("the worker has ended")
		}
		return nil
	}
}

// round is one run of all workloads on one worker, which is started for it and warms up first.
func (l *load) round(ctx context.Context, kind string, run int) error {
	worker, err := l.worker(ctx, kind, l.group(kind))
	if err != nil {
		return err
	}
	defer l.end(worker)
	for _, w := range l.workloads {
		if !w.runsOn(kind) {
			continue
		}
		if err := l.one(ctx, worker, w, kind, run); err != nil {
			if ctx.Err() != nil {
				return err
			}
			l.fail("%s on %s, run %d: %v", w.name, kind, run+1, logged(worker, err))
		}
	}
	return nil
}

// one is one run of a workload; behind millrace follows the ceiling.
func (l *load) one(ctx context.Context, worker *peer.Worker, w workload, kind string, run int) error {
	if err := l.snapshot(ctx, worker, w, kind, run); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return l.catchUp(ctx, worker, w, kind, run)
}

// snapshot lets a new connector copy the table.
func (l *load) snapshot(ctx context.Context, worker *peer.Worker, w workload, kind string, run int) error {
	prefix := fmt.Sprintf("snapshot-%s-%s-%d", w.name, kind, run)
	c, topic, rows := connector{worker, prefix}, w.topicOf(prefix), w.rows(l.options)
	config := l.config(w, prefix, "initial")
	f, err := l.measure(ctx, worker, kind, rows, func() error {
		if err := c.configure(ctx, config); err != nil {
			return err
		}
		return l.topics.until(ctx, []string{topic}, int64(rows), l.deadline, health(ctx, c))
	})
	if err == nil {
		err = l.exactly(ctx, topic, int64(rows))
	}
	if gone := c.remove(ctx); gone != nil && err == nil {
		err = gone
	}
	if err != nil {
		return err
	}
	l.note(w, snapshotPhase, kind, run, f)
	return l.topics.remove(topic, prefix, prefix+".history")
}

// catchUp lets the connector that has learned the empty table read all rows from the binlog.
func (l *load) catchUp(ctx context.Context, worker *peer.Worker, w workload, kind string, run int) error {
	prefix := catchUpPrefix(w, kind)
	c, topic, rows := connector{worker, prefix}, w.topicOf(prefix), w.rows(l.options)
	if err := c.setOffset(ctx, map[string]any{"server": prefix}, l.places[w.name].offset()); err != nil {
		return err
	}
	base, err := l.topics.ends([]string{topic})
	if err != nil {
		return err
	}
	want := base + int64(rows)
	f, err := l.measure(ctx, worker, kind, rows, func() error {
		if err := c.resume(ctx); err != nil {
			return err
		}
		return l.topics.until(ctx, []string{topic}, want, l.deadline, health(ctx, c))
	})
	if err == nil {
		err = l.exactly(ctx, topic, want)
	}
	if stopped := c.stop(ctx); stopped != nil && err == nil {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("catching up: %w", err)
	}
	l.note(w, catchUpPhase, kind, run, f)
	if kind == "millrace" && !w.warmup {
		if err := l.ceiling(ctx, w, topic, base, run); err != nil {
			return fmt.Errorf("the ceiling: %w", err)
		}
	}
	return l.topics.truncate(topic)
}

// exactly looks, a second after the last record came, whether there are more than there should be.
func (b *bench) exactly(ctx context.Context, topic string, want int64) error {
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	end, err := b.topics.ends([]string{topic})
	if err == nil && end != want {
		err = fmt.Errorf("topic %s has %d records, %d would be right", topic, end, want)
	}
	return err
}

// ceiling sends the batches that millrace wrote, again and again until there are as many records as the workload has rows.
func (l *load) ceiling(ctx context.Context, w workload, topic string, base int64, run int) error {
	target := fmt.Sprintf("ceiling-%s-%d", w.name, run)
	if err := l.topics.create(target); err != nil {
		return err
	}
	p, err := newCeiling(ctx, l.kafka.Bootstrap(), topic, base, target)
	if err != nil {
		return err
	}
	defer p.close()
	settle()
	broker, began := cpuSeconds(l.kafka.Pid()), time.Now()
	n, err := p.run(int64(w.rows(l.options)))
	if err != nil {
		return err
	}
	f := figures{rate: float64(n) / time.Since(began).Seconds(), brokerCPU: (cpuSeconds(l.kafka.Pid()) - broker) * 1e6 / float64(n)}
	if err := l.exactly(ctx, target, n); err != nil {
		return err
	}
	l.note(w, ceilingPhase, "", run, f)
	return l.topics.remove(target)
}

func (l *load) note(w workload, phase, kind string, run int, f figures) {
	l.results.add(w.name, phase, kind, f)
	l.say("run %d, %s, %s%s: %s", run+1, w.name, phase, of(kind), f)
}

func of(kind string) string {
	if kind == "" {
		return ""
	}
	return " of " + kind
}

// measure takes the figures of a worker while it does something with rows.
func (b *bench) measure(ctx context.Context, worker *peer.Worker, kind string, rows int, do func() error) (figures, error) {
	allocated := func() (float64, error) {
		if kind == "java" {
			return 0, nil
		}
		return b.mallocs(ctx, worker)
	}
	before, err := allocated()
	if err != nil {
		return nil, err
	}
	if err := resetPeak(worker.Pid()); err != nil {
		return nil, err
	}
	settle()
	if b.settled != nil {
		b.settled()
	}
	own, broker, mysql, began := cpuSeconds(worker.Pid()), cpuSeconds(b.kafka.Pid()), cpuSeconds(b.mysql.Pid()), time.Now()
	if err := do(); err != nil {
		return nil, err
	}
	took, million := time.Since(began).Seconds(), float64(rows)/1e6
	f := figures{
		rate: float64(rows) / took, cpu: (cpuSeconds(worker.Pid()) - own) / million,
		brokerCPU: (cpuSeconds(b.kafka.Pid()) - broker) / million, mysqlCPU: (cpuSeconds(b.mysql.Pid()) - mysql) / million,
	}
	if f[peakMemory], err = peak(worker.Pid()); err != nil {
		return nil, err
	}
	after, err := allocated()
	if kind != "java" {
		f[allocations] = (after - before) / float64(rows)
	}
	return f, err
}
