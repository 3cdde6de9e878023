// Quickstart shows a newcomer change events: it starts millrace with an embedded broker, finds or starts a MySQL server,
// creates the connector of examples/ecommerce.json, changes rows and prints the records that come out.
//
// usage: go run ./integration/quickstart [-once] [-kafka-port N] [-rest-port N]
//
// The database is the first of these that there is: the server that MYSQL_DSN names (user:password@tcp(host:port)/), the
// MySQL of a running docker-compose.yml, an installed MySQL or MariaDB server, or the distribution's MariaDB, which is
// installed or unpacked for the occasion. An installed server is started once more, for this program alone, with data of
// its own. Ctrl-C stops everything that was started and removes its data. With -once the program ends after the expected
// events, with exit status 0 when they came in time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
)

const eventTimeout = time.Minute

func main() {
	var q quickstart
	flag.BoolVar(&q.once, "once", false, "end after the expected events")
	flag.IntVar(&q.kafkaPort, "kafka-port", 9092, "port of the embedded broker; the next free one when it is taken")
	flag.IntVar(&q.restPort, "rest-port", 8083, "port of the REST API; the next free one when it is taken")
	flag.Parse()
	q.out = os.Stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := q.run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if interrupted && errors.Is(err, context.Canceled) {
		return // Ctrl-C while something was being started
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// quickstart is one run. stops ends what was started, the last first.
type quickstart struct {
	once                bool
	kafkaPort, restPort int
	out                 io.Writer

	root  string
	home  install.Home
	dir   string
	stops []func() error
}

func (q *quickstart) say(format string, args ...any) { fmt.Fprintf(q.out, format+"\n", args...) }

func (q *quickstart) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, q.stop()) }()
	if err := q.prepare(ctx); err != nil {
		return err
	}
	db, err := q.findDatabase(ctx)
	if err != nil {
		return err
	}
	dev, err := q.startMillrace(ctx)
	if err != nil {
		return err
	}
	records, err := watch(dev.Bootstrap(), schemaTopic, rowTopic)
	if err != nil {
		return err
	}
	q.stops = append(q.stops, records.close)
	if err := q.createConnector(ctx, dev, db); err != nil {
		return err
	}
	return q.show(ctx, dev, db, records)
}

// prepare finds the checkout and makes a directory for this run.
func (q *quickstart) prepare(ctx context.Context) (err error) {
	if q.root, err = peer.ModuleRoot(ctx); err != nil {
		return err
	}
	if q.home, err = install.DefaultHome(); err != nil {
		return err
	}
	runs := filepath.Join(string(q.home), "quickstart")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return err
	}
	if q.dir, err = os.MkdirTemp(runs, "run-"); err != nil {
		return err
	}
	q.stops = append(q.stops, func() error { return os.RemoveAll(q.dir) })
	return nil
}

func (q *quickstart) stop() error {
	var all []error
	for i := len(q.stops) - 1; i >= 0; i-- {
		all = append(all, q.stops[i]())
	}
	return errors.Join(all...)
}

func (q *quickstart) startMillrace(ctx context.Context) (*peer.Dev, error) {
	kafka, err := q.choosePort("Kafka", q.kafkaPort, "-kafka-port")
	if err != nil {
		return nil, err
	}
	rest, err := q.choosePort("the REST API", q.restPort, "-rest-port")
	if err != nil {
		return nil, err
	}
	q.say("Building millrace ...")
	binary, err := peer.BuildMillrace(ctx, q.root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(q.dir, "millrace")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	began := time.Now()
	dev, err := peer.StartDev(ctx, peer.DevConfig{Binary: binary, Dir: dir, KafkaPort: kafka, RESTPort: rest})
	if err != nil {
		return nil, err
	}
	q.stops = append(q.stops, dev.Stop)
	q.say("Millrace runs: broker, worker and REST API in one process, ready after %d ms", time.Since(began).Milliseconds())
	q.say("  REST API   %s", dev.URL())
	q.say("  Kafka      %s", dev.Bootstrap())
	return dev, nil
}

// choosePort returns the wanted port, or the next free one, and says so.
func (q *quickstart) choosePort(what string, wanted int, flagName string) (int, error) {
	for port := wanted; port < wanted+100 && port < 1<<16; port++ {
		if !peer.PortFree(port) {
			continue
		}
		if port != wanted {
			q.say("Port %d is in use; %s takes %d instead (%s chooses another).", wanted, what, port, flagName)
		}
		return port, nil
	}
	return 0, fmt.Errorf("the ports %d to %d are all in use: choose another with %s", wanted, wanted+99, flagName)
}

// show changes rows and prints records: until the expected ones came, and then, unless this runs once, until the user
// ends it.
func (q *quickstart) show(ctx context.Context, dev *peer.Dev, db *database, records *watcher) error {
	limited, cancel := context.WithTimeoutCause(ctx, eventTimeout, fmt.Errorf("the events did not come in %s", eventTimeout))
	defer cancel()
	began := time.Now()
	if err := q.showExpected(limited, db, records); err != nil {
		if ctx.Err() == nil {
			return fmt.Errorf("%w; the end of the worker's log:\n%s", err, dev.LogTail(20))
		}
		return err
	}
	q.say("\nAll events are there, %.1f s after the connector was created.", time.Since(began).Seconds())
	if q.once {
		return nil
	}
	q.say("%s", hints(dev, db))
	for {
		select {
		case <-ctx.Done():
			q.say("\nStopping ...")
			return nil
		case <-dev.Done():
			return fmt.Errorf("the worker ended; the end of its log:\n%s", dev.LogTail(20))
		case r := <-records.records:
			q.print(r)
		}
	}
}

// showExpected waits for the first schema change, of the empty database, so that what follows is streamed and not part
// of the snapshot; then it makes the table and its rows.
func (q *quickstart) showExpected(ctx context.Context, db *database, records *watcher) error {
	q.say("\nWaiting for the connector's first records ...")
	r, err := records.next(ctx)
	if err != nil {
		return err
	}
	q.print(r)
	if err := db.exec(statements...); err != nil {
		return fmt.Errorf("changing rows: %w", err)
	}
	table, rows := false, 0
	for !table || rows < orders {
		if r, err = records.next(ctx); err != nil {
			return err
		}
		q.print(r)
		switch {
		case r.topic == rowTopic:
			rows++
		case r.createsTable():
			table = true
		}
	}
	return nil
}

func hints(dev *peer.Dev, db *database) string {
	return fmt.Sprintf(`
Try next, in another terminal:
  curl -s %[1]s/connectors/%[2]s/status
  curl -s %[1]s/connectors/%[2]s/offsets
  mysql -h %[3]s -P %[4]d -u %[5]s -p%[6]s ecommerce -e "UPDATE orders SET price = 49.99 WHERE order_id = '123456'"
  kcat -b %[7]s -t %[8]s
Further changes appear here. Ctrl-C stops everything that was started and removes its data.
`, dev.URL(), connectorName, db.host, db.port, db.user, db.password, dev.Bootstrap(), rowTopic)
}
