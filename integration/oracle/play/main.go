// Play compares a worker with Java Connect and Debezium: it plays scenarios, or the REST cases, and says what is equal.
//
// usage: go run ./integration/oracle/play [flags] [SCENARIO ...]
//
// A scenario is named by its file's name or number in integration/oracle/scenarios; none means all of the current
// release. Kafka, MySQL, MariaDB and the worker are started for the occasion, on free ports, and stopped afterwards;
// with -url the scenarios are played against what runs already. The exit status is 0 when everything is equal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/oracle"
	"github.com/millrace/millrace/integration/peer"
)

type options struct {
	java, record, rest bool
	release, out       string
	suite              oracle.Suite
}

func main() {
	var o options
	flag.BoolVar(&o.java, "java", false, "start a Java worker instead of millrace")
	flag.StringVar(&o.release, "release", "4.3", "release of the Java worker: 4.3 or 2.7")
	flag.BoolVar(&o.record, "record", false, "the recordings become the golden ones; with -java")
	flag.BoolVar(&o.rest, "rest", false, "play the REST cases instead of scenarios")
	flag.StringVar(&o.out, "out", "", "directory for recordings and logs; a new one below the system's for temporary files when empty")
	flag.StringVar(&o.suite.REST, "url", "", "play against this worker, with the three servers below, and start nothing")
	flag.StringVar(&o.suite.Bootstrap, "bootstrap", "127.0.0.1:9092", "Kafka, with -url")
	flag.StringVar(&o.suite.MySQL, "mysql", "127.0.0.1:3306", "MySQL, with -url; it loses its databases")
	flag.StringVar(&o.suite.MariaDB, "mariadb", "127.0.0.1:3307", "MariaDB, with -url; it loses its databases")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context, names []string) error {
	if o.record && !o.java {
		return errors.New("only Java's recordings are golden: -record needs -java")
	}
	home, err := install.DefaultHome()
	if err != nil {
		return err
	}
	if o.suite.Python, err = home.Python(); err != nil {
		return err
	}
	root, err := peer.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	o.suite.Dir = filepath.Join(root, "integration", "oracle")
	if err := o.makeOut(); err != nil {
		return err
	}
	scenarios, err := o.suite.Scenarios(names...)
	if err != nil {
		return err
	}
	if o.suite.REST == "" {
		end, err := o.startAll(ctx, home, root)
		defer end()
		if err != nil {
			return err
		}
	}
	if o.rest {
		return o.playREST(ctx)
	}
	return o.play(ctx, scenarios)
}

func (o *options) makeOut() (err error) {
	if o.out == "" {
		o.out, err = os.MkdirTemp("", "millrace-oracle-")
	} else {
		err = os.MkdirAll(o.out, 0o755)
	}
	o.suite.Out = o.out
	return err
}

// startAll starts the servers and the worker. The function it returns ends those that were started, also when it fails.
func (o *options) startAll(ctx context.Context, home install.Home, root string) (end func(), err error) {
	var running []*peer.Process
	end = func() {
		for _, p := range running {
			p.Kill()
			if err := os.RemoveAll(filepath.Join(p.Dir(), "data")); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	dirs := make(map[string]string)
	for _, name := range []string{"kafka", "mysql", "mariadb", "worker"} {
		dirs[name] = filepath.Join(o.out, name)
		if err := os.MkdirAll(dirs[name], 0o755); err != nil {
			return end, err
		}
	}
	kafka, err := peer.StartKafka(ctx, peer.KafkaConfig{Home: home, Dir: dirs["kafka"]})
	if err != nil {
		return end, err
	}
	running = append(running, kafka.Process)
	mysql, err := peer.StartMySQL(ctx, peer.DatabaseConfig{Home: home, Dir: dirs["mysql"]})
	if err != nil {
		return end, err
	}
	running = append(running, mysql.Process)
	mariadb, err := peer.StartMariaDB(ctx, peer.DatabaseConfig{Home: home, Dir: dirs["mariadb"]})
	if err != nil {
		return end, err
	}
	running = append(running, mariadb.Process)
	o.suite.Bootstrap, o.suite.MySQL, o.suite.MariaDB = kafka.Bootstrap(), mysql.Address(), mariadb.Address()
	worker, err := o.startWorker(ctx, home, root, dirs["worker"])
	if err != nil {
		return end, err
	}
	running = append(running, worker.Process)
	o.suite.REST = worker.URL()
	fmt.Printf("%s worker %s, Kafka %s, MySQL %s, MariaDB %s; logs in %s\n",
		worker.Name(), o.suite.REST, o.suite.Bootstrap, o.suite.MySQL, o.suite.MariaDB, o.out)
	return end, nil
}

func (o *options) startWorker(ctx context.Context, home install.Home, root, dir string) (*peer.Worker, error) {
	c := peer.WorkerConfig{
		Home: home, Dir: dir, Bootstrap: o.suite.Bootstrap, Group: "oracle",
		Release: o.release, Plugins: []string{install.JarsDebezium, install.JarsDebeziumMari},
	}
	switch {
	case o.rest: // what the golden answers were recorded with
		c.Group, c.Plugins = "player", []string{install.JarsDebezium}
		c.Properties = map[string]string{"exactly.once.source.support": "disabled"}
	case o.release == "2.7":
		c.Plugins = []string{install.JarsDebeziumOld}
	}
	if o.java {
		return peer.StartJava(ctx, c)
	}
	binary, err := peer.BuildMillrace(ctx, root)
	if err != nil {
		return nil, err
	}
	c.Release, c.Binary = "", binary
	return peer.StartWorker(ctx, c)
}

func (o *options) playREST(ctx context.Context) error {
	if o.record {
		return o.suite.RecordREST(ctx)
	}
	result, err := o.suite.PlayREST(ctx)
	if err != nil {
		return err
	}
	fmt.Println(result.Text)
	if !result.Equal {
		return fmt.Errorf("not all answers are equal; all of them are in %s", o.out)
	}
	return nil
}

func (o *options) play(ctx context.Context, scenarios []string) error {
	equal := 0
	for _, name := range scenarios {
		if o.record {
			text, err := o.suite.Record(ctx, name)
			if err != nil {
				return err
			}
			fmt.Println(text)
			continue
		}
		result, err := o.suite.Play(ctx, name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Printf("FAILED %v\n", err)
		default:
			fmt.Println(result.Text)
		}
		if err == nil && result.Equal {
			equal++
		}
	}
	if o.record {
		return nil
	}
	fmt.Printf("%d of %d scenarios equal; recordings in %s\n", equal, len(scenarios), o.out)
	if equal < len(scenarios) {
		return errors.New("not all scenarios are equal")
	}
	return nil
}
