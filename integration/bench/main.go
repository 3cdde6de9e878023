// Bench measures a millrace worker beside a Java worker on this machine. The same work goes to the one and to the other in
// turn, against the same servers, which are started for the occasion.
//
// usage: go run ./integration/bench [-rows N] [-side-rows N] [-runs N] [-only NAMES] [-workers java,millrace] [-write]
//
// NAMES are groups of workloads, or single workloads of them:
//
//	start     a worker begins on internal topics that hold 100 connectors; from the exec to the first answer of
//	          GET /connectors that lists them all, and its memory then
//	main      sysbench's table, -rows long, JSON without schemas: snapshot and catching up, beside the ceiling that a
//	          producer without work reaches with the same batches
//	variants  the same table, -side-rows long, with other formats: schemas, chain (ExtractNewRecordState and RegexRouter),
//	          avro (Millrace alone: Java's converter is not among its parts)
//	tables    other tables: narrow, wide20, wide200, json, blob, decimal
//	many      many1, many10, many50: as many connectors in one worker, which share -side-rows
//	latency   single-row commits, 200 a second: from the commit to the record at a consumer
//	memory    of a worker at rest, with 50 connectors at rest, and of `millrace dev`
//	create    connectors are created through the REST API of three workers, one after the other and eight at a time
//	once      what exactly-once delivery costs against at-least-once delivery: datagen (at full speed), catchup (MySQL)
//
// Rows are written once, before the runs: a snapshot reads the table, catching up reads the same rows from the binlog, from a
// position to which the connector's offsets are set. Records are counted in the topics. Machines are noisy: compare the
// ratios of one run, never figures of two. -write puts what was measured into RESULTS.md, each group in its own section.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
)

// options are what the command line says.
type options struct {
	rows, sideRows, runs int
	connectors, records  int
	only, workers        []string
	heap                 string
	deadline             time.Duration
	write                bool
	profiles             string
}

// bench owns the servers of a run. Everything in it belongs to the goroutine of main.
type bench struct {
	options
	root, dir, binary string
	home              install.Home
	kafka             *peer.Kafka
	mysql             *peer.Database
	topics            *topics
	registry          *registrytest.Server
	serverID          int                                       // of the connector that was configured last
	properties        map[string]string                         // of all workers, besides the usual
	observe           func(phase string, do func() error) error // looks on while many connectors work; nil for nobody
	began             time.Time
	failures          []string
	settled           func() // is called when a measurement begins; nil for nothing
}

// group is a set of workloads with a section of its own in RESULTS.md.
type group struct {
	name, title string
	workloads   []string // that -only may name by themselves
	measure     func(*bench, context.Context, *section) error
}

func groups() []group {
	return []group{
		{"start", "Start", nil, (*bench).measureStart},
		{"main", "Snapshot and catching up", nil, loads(mainWorkloads)},
		{"variants", "Other formats", names(variantWorkloads()), loads(variantWorkloads)},
		{"tables", "Other tables", names(tableWorkloads()), loads(tableWorkloads)},
		{"many", "Many connectors in one worker", manyNames(), (*bench).measureMany},
		{"latency", "From commit to topic", nil, (*bench).measureLatency},
		{"memory", "Memory at rest", nil, (*bench).measureMemory},
		{"create", "Creating connectors", nil, (*bench).measureCreate},
		{"once", "What exactly-once delivery costs", onceNames(), (*bench).measureOnce},
	}
}

func main() {
	b := &bench{options: parse(), began: time.Now(), serverID: 10_000}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	var only, workers string
	flag.IntVar(&o.rows, "rows", 200_000, "rows of the main workload")
	flag.IntVar(&o.sideRows, "side-rows", 200_000, "rows of the other workloads; wide ones take a part of them")
	flag.IntVar(&o.runs, "runs", 3, "runs of each workload on each worker, in turn")
	flag.IntVar(&o.connectors, "connectors", 1000, "connectors of create")
	flag.IntVar(&o.records, "records", 2_000_000, "records of a run of once; its catchup takes a quarter of them")
	flag.StringVar(&only, "only", "", "groups or workloads to measure, separated by commas; empty for all")
	flag.StringVar(&workers, "workers", "java,millrace", "the workers to measure, in this order")
	flag.StringVar(&o.heap, "heap", "2g", "heap of the Java worker; 2g is the default of Kafka's scripts")
	flag.DurationVar(&o.deadline, "deadline", 15*time.Minute, "for one phase of one workload")
	flag.BoolVar(&o.write, "write", false, "write the sections into RESULTS.md")
	flag.StringVar(&o.profiles, "profiles", "", "a directory: profile millrace in the main workload, or those of -only, and measure nothing else")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	o.workers = strings.Split(workers, ",")
	return o
}

// wants reports whether a workload of a group was asked for; with an empty name, whether anything of the group was.
func (o *options) wants(g group, workload string) bool {
	if len(o.only) == 0 || slices.Contains(o.only, g.name) {
		return true
	}
	if workload != "" {
		return slices.Contains(o.only, workload)
	}
	return slices.ContainsFunc(g.workloads, func(w string) bool { return slices.Contains(o.only, w) })
}

func (o *options) check() error {
	known := map[string]bool{}
	for _, g := range groups() {
		known[g.name] = true
		for _, w := range g.workloads {
			known[w] = true
		}
	}
	for _, name := range o.only {
		if !known[name] {
			return fmt.Errorf("-only: there is no workload %q", name)
		}
	}
	for _, kind := range o.workers {
		if kind != "java" && kind != "millrace" {
			return fmt.Errorf("-workers: no worker %q: there are java and millrace", kind)
		}
	}
	if o.rows < 1 || o.sideRows < 1 || o.runs < 1 {
		return errors.New("-rows, -side-rows and -runs must be at least 1")
	}
	return nil
}

func (b *bench) run(ctx context.Context) (err error) {
	if err := b.check(); err != nil {
		return err
	}
	if b.home, err = install.DefaultHome(); err != nil {
		return err
	}
	if b.root, err = peer.ModuleRoot(ctx); err != nil {
		return err
	}
	if b.binary, err = peer.BuildMillrace(ctx, b.root); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "millrace-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.startServers(ctx); err != nil {
		return err
	}
	defer b.killServers()
	if b.profiles != "" {
		return b.profile(ctx)
	}
	for _, g := range groups() {
		if !b.wants(g, "") {
			continue
		}
		if err := b.section(ctx, g); err != nil {
			return fmt.Errorf("measuring %s: %w", g.name, err)
		}
	}
	if len(b.failures) > 0 {
		return fmt.Errorf("%d workloads failed:\n%s", len(b.failures), strings.Join(b.failures, "\n"))
	}
	return nil
}

// section measures a group and prints what came out, also into RESULTS.md. A group that cannot be measured is a failure of
// its own; the others are measured all the same.
func (b *bench) section(ctx context.Context, g group) error {
	s := &section{title: g.title}
	from := loadAverage()
	if err := g.measure(b, ctx, s); err != nil {
		if ctx.Err() != nil {
			return err
		}
		b.fail("%s: %v", g.name, err)
		return nil
	}
	text := s.markdown(b.machine(), b.command(), from, loadAverage())
	fmt.Println(text)
	if !b.write {
		return nil
	}
	file := filepath.Join(b.root, "integration", "bench", "RESULTS.md")
	return rewrite(file, s.title, text)
}

// say tells of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.0fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// fail notes what went wrong, to go on with the next workload.
func (b *bench) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	first, _, _ := strings.Cut(text, "\n")
	b.failures = append(b.failures, first)
	b.say("FAILED %s", text)
}

// command is what to type to measure again.
func (b *bench) command() string {
	return strings.Join(append([]string{"go run ./integration/bench"}, os.Args[1:]...), " ")
}
