package main

import (
	"context"
	"fmt"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/peer"
)

// fleetSizes are the numbers of connectors that one worker runs.
var fleetSizes = [...]int{1, 10, 50}

func manyName(n int) string { return fmt.Sprintf("many%d", n) }

func manyNames() []string {
	var out []string
	for _, n := range fleetSizes {
		out = append(out, manyName(n))
	}
	return out
}

// many is a workload of connectors that all read the same table, which has as many rows as make the same number of records
// whatever the number of connectors.
type many struct {
	workload
	connectors, rows int
}

// measureMany lets a worker run one, ten and fifty connectors.
func (b *bench) measureMany(ctx context.Context, s *section) error {
	conn, err := b.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	sizes, err := b.manySizes(conn)
	if err != nil {
		return err
	}
	all := results{}
	for run := range b.runs {
		for _, kind := range b.workers {
			for _, m := range sizes {
				if err := b.manyRun(ctx, conn, m, kind, run, all); err != nil {
					if ctx.Err() != nil {
						return err
					}
					b.fail("%s on %s, run %d: %v", m.name, kind, run+1, err)
				}
			}
		}
	}
	b.printMany(s, sizes, all)
	return nil
}

// manySizes are the workloads that are asked for; their tables are filled.
func (b *bench) manySizes(conn *client.Conn) ([]many, error) {
	var sizes []many
	for _, n := range fleetSizes {
		m := many{workload{name: manyName(n), table: sysbench(manyName(n))}, n, 0}
		m.rows = m.table.rows(b.sideRows / n)
		if !b.asked(m.name) {
			continue
		}
		if err := m.table.make(conn); err != nil {
			return nil, err
		}
		if err := m.table.fill(conn, 1, m.rows); err != nil {
			return nil, err
		}
		sizes = append(sizes, m)
	}
	return sizes, nil
}

func (b *bench) printMany(s *section, sizes []many, all results) {
	s.say("Method: a worker, started anew for its turn, gets one, ten and fifty connectors at once, which all copy the same table of "+
		"4 columns to topics of their own (from the first request to the last record). Then all are stopped, as many rows are "+
		"inserted once more, and all are resumed and catch up (from the first of these requests to the last record). The table "+
		"is the shorter the more connectors there are. %d runs of each; the median, with the least and the greatest in brackets.", b.runs)
	s.head("connectors", "records", "rows/s, Java", "Millrace", "times Java", "CPU s per million, Java", "Millrace", "Java/Millrace", "peak memory, MiB, Java", "Millrace", "Java/Millrace")
	for _, m := range sizes {
		for _, phase := range []string{snapshotPhase, catchUpPhase} {
			of := func(kind, figure string) series { return all.of(m.name, phase, kind, figure) }
			s.row(fmt.Sprintf("%d, %s", m.connectors, phase), number(float64(m.connectors*m.rows)),
				of("java", rate).String(), of("millrace", rate).String(), times(of("millrace", rate), of("java", rate), "%.1f"),
				of("java", cpu).String(), of("millrace", cpu).String(), times(of("java", cpu), of("millrace", cpu), "%.1f"),
				of("java", peakMemory).String(), of("millrace", peakMemory).String(), times(of("java", peakMemory), of("millrace", peakMemory), "%.1f"))
		}
	}
}

// manyRun is one run on a worker of its own.
func (b *bench) manyRun(ctx context.Context, conn *client.Conn, m many, kind string, run int, all results) error {
	group := fmt.Sprintf("%s-%s-%d", m.name, kind, run)
	worker, err := b.worker(ctx, kind, group)
	if err != nil {
		return err
	}
	defer b.end(worker)
	f, records := newFleet(b, worker, m.workload, group, m.connectors), m.connectors*m.rows
	note := func(phase string, want int, begin func() error) error {
		var got figures
		err := b.observed(phase, func() (err error) {
			got, err = b.measure(ctx, worker, kind, records, func() error {
				if err := begin(); err != nil {
					return err
				}
				return b.topics.until(ctx, f.topicNames, int64(want), b.deadline, f.health(ctx))
			})
			return err
		})
		if err != nil {
			return logged(worker, fmt.Errorf("%s: %w", phase, err))
		}
		all.add(m.name, phase, kind, got)
		b.say("run %d, %s, %s of %s: %s", run+1, m.name, phase, kind, got)
		return nil
	}
	if err := note(snapshotPhase, records, func() error { return f.configure(ctx, "initial") }); err != nil {
		return err
	}
	if err := f.all(func(c connector) error { return c.stop(ctx) }); err != nil {
		return err
	}
	if err := m.table.fill(conn, m.rows+1, m.rows); err != nil {
		return err
	}
	if err := note(catchUpPhase, 2*records, func() error { return f.all(func(c connector) error { return c.resume(ctx) }) }); err != nil {
		return err
	}
	if err := f.all(func(c connector) error { return c.remove(ctx) }); err != nil {
		return err
	}
	if err := peer.Execute(conn, fmt.Sprintf("DELETE FROM %s.%s WHERE id > %d", database, m.table.name, m.rows)); err != nil {
		return err
	}
	return b.topics.remove(f.topicNames...)
}

// observed does something, with whoever looks on.
func (b *bench) observed(phase string, do func() error) error {
	if b.observe == nil {
		return do()
	}
	return b.observe(phase, do)
}
