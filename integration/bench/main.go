// Bench measures a millrace worker beside a Java worker on this machine: how soon it answers after it was started, and what
// it does with a table of rows.
//
// usage: go run ./integration/bench [-rows N] [-connectors N] [-records N] [-only start,create,load,once] [-workers java,millrace]
//
//	start  a worker begins on internal topics that hold 100 connectors; from the exec to the first answer of
//	       GET /connectors that lists them all, several times, and its memory then
//	create connectors are created through the REST API of three workers, one after the other and eight at a time: until all
//	       of them run, the rebalances that it took, and the memory of each worker
//	load   load.py: snapshot rate, catch-up rate, latency, CPU seconds and peak memory
//	once   what exactly-once delivery costs against at-least-once delivery
//
// Kafka and MySQL are started for the occasion. The workers run one after the other against the same servers. Machines
// are noisy: compare the ratios of one run, never figures of two. Results that are spoken of elsewhere stand in RESULTS.md,
// with the machine that they come from.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
)

type bench struct {
	rows       int
	connectors int
	records    int
	only       string
	workers    string

	root, dir string
	home      install.Home
	kafka     *peer.Kafka
	mysql     *peer.Database
}

func main() {
	var b bench
	flag.IntVar(&b.rows, "rows", 200_000, "rows of the load")
	flag.IntVar(&b.connectors, "connectors", 1000, "connectors to create")
	flag.IntVar(&b.records, "records", 2_000_000, "records of a run of once")
	flag.StringVar(&b.only, "only", "start,load,once", "what to measure: start, create, load, once")
	flag.StringVar(&b.workers, "workers", "java,millrace", "the workers to measure, in this order")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.home, err = install.DefaultHome(); err != nil {
		return err
	}
	if b.root, err = peer.ModuleRoot(ctx); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "millrace-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	kafkaDir, err := b.sub("kafka")
	if err != nil {
		return err
	}
	if b.kafka, err = peer.StartKafka(ctx, peer.KafkaConfig{Home: b.home, Dir: kafkaDir, Heap: "1g"}); err != nil {
		return err
	}
	defer b.kafka.Kill()
	fmt.Println(machine())
	if strings.Contains(b.only, "start") {
		if err := b.measureStart(ctx); err != nil {
			return fmt.Errorf("measuring the start: %w", err)
		}
	}
	if strings.Contains(b.only, "create") {
		if err := b.measureCreate(ctx); err != nil {
			return fmt.Errorf("measuring how connectors are created: %w", err)
		}
	}
	if strings.Contains(b.only, "load") {
		if err := b.measureLoad(ctx); err != nil {
			return err
		}
	}
	if strings.Contains(b.only, "once") {
		if err := b.measureOnce(ctx); err != nil {
			return fmt.Errorf("measuring exactly-once delivery: %w", err)
		}
	}
	return nil
}

func (b *bench) sub(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// worker starts a worker of a kind with a group of its own.
func (b *bench) worker(ctx context.Context, kind, group string) (*peer.Worker, error) {
	return b.member(ctx, kind, group, group)
}

// member starts a worker of a kind in a directory of its own.
func (b *bench) member(ctx context.Context, kind, group, name string) (*peer.Worker, error) {
	dir, err := b.sub(name)
	if err != nil {
		return nil, err
	}
	c := peer.WorkerConfig{
		Home: b.home, Dir: dir, Bootstrap: b.kafka.Bootstrap(), Group: group, Heap: "1g",
		Plugins:    []string{install.JarsDebezium},
		Properties: map[string]string{"exactly.once.source.support": "disabled"},
	}
	switch kind {
	case "java":
		return peer.StartJava(ctx, c)
	case "millrace":
		if c.Binary, err = peer.BuildMillrace(ctx, b.root); err != nil {
			return nil, err
		}
		return peer.StartWorker(ctx, c)
	}
	return nil, fmt.Errorf("no worker %q: there are java and millrace", kind)
}

// measureLoad runs load.py on each worker and prints its phases side by side.
func (b *bench) measureLoad(ctx context.Context) error {
	python, err := b.home.Python()
	if err != nil {
		return err
	}
	dir, err := b.sub("mysql")
	if err != nil {
		return err
	}
	if b.mysql, err = peer.StartMySQL(ctx, peer.DatabaseConfig{Home: b.home, Dir: dir, Options: []string{"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"}}); err != nil {
		return err
	}
	defer b.mysql.Kill()
	var kinds []string
	phases := make(map[string]map[string]map[string]float64) // kind, phase, figure
	for kind := range strings.SplitSeq(b.workers, ",") {
		if phases[kind], err = b.load(ctx, python, kind); err != nil {
			return fmt.Errorf("measuring the load of %s: %w", kind, err)
		}
		kinds = append(kinds, kind)
	}
	printTable(kinds, phases)
	return nil
}

func (b *bench) load(ctx context.Context, python, kind string) (map[string]map[string]float64, error) {
	w, err := b.worker(ctx, kind, "load-"+kind)
	if err != nil {
		return nil, err
	}
	defer w.Kill()
	cmd := exec.CommandContext(ctx, python, filepath.Join(b.root, "integration", "bench", "load.py"),
		"--rest", w.URL(), "--pid", fmt.Sprint(w.Pid()), "--rows", fmt.Sprint(b.rows),
		"--bootstrap", b.kafka.Bootstrap(), "--mysql", b.mysql.Address())
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s%s\nthe end of the worker's log:\n%s", err, out, &problems, w.LogTail(15))
	}
	return readPhases(out)
}

// readPhases reads the objects that load.py prints, one a line, by the name of their phase.
func readPhases(out []byte) (map[string]map[string]float64, error) {
	phases := make(map[string]map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var all map[string]any
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
			return nil, fmt.Errorf("reading %q: %w", lines.Text(), err)
		}
		name, _ := all["phase"].(string)
		figures := make(map[string]float64)
		for key, value := range all {
			if n, ok := value.(float64); ok {
				figures[key] = n
			}
		}
		phases[name] = figures
	}
	return phases, nil
}
