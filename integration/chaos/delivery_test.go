//go:build servers || real

package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	deliveryWorkers = 3
	deliveryKills   = 6               // unless MILLRACE_KILLS says otherwise
	longestPause    = 4 * time.Second // between two kills
	lastWords       = "the end"       // the record that follows all others of a topic

	// rebalanceTimeout ends waiting for a member that was killed while it waited to join: the embedded broker
	// does not watch over its session then.
	rebalanceTimeout = "15000"
)

// sources are the source connectors whose records are counted, by name: each writes to a topic of its name.
var sources = map[string]map[string]string{
	"by-poll":     {"tasks.max": "2", "transaction.boundary": "poll"},
	"by-interval": {"tasks.max": "1", "transaction.boundary": "interval", "transaction.boundary.interval.ms": "150"},
}

// Promise: who reads committed records of a source sees each exactly once and in order, and sinks get each at least once,
// however often workers and brokers are killed, at the same time as well.
func (c *delivery) keepsItsPromise(t *testing.T, random *rand.Rand, kills int) {
	t.Helper()
	c.create(t)
	for n := range kills {
		time.Sleep(time.Duration(random.Int64N(int64(longestPause))))
		c.kill(t, random, n+1)
		if n%5 == 4 {
			c.awaitProgress(t) // lest the kills prevent all work and prove nothing
		}
	}
	c.awaitBrokers(t)
	c.awaitProgress(t)
	c.stopSources(t)
	written := c.readAll(t)
	c.checkFile(t, written)
	c.checkVerifiableSink(t, written)
}

func killsWanted(t *testing.T) int {
	text := os.Getenv("MILLRACE_KILLS")
	if text == "" {
		return deliveryKills
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("MILLRACE_KILLS: %v", err)
	}
	return n
}

// delivery is a cluster of brokers and the workers of one group.
type delivery struct {
	brokers   []*peer.Kafka // to be killed; none when the broker is the embedded one
	bootstrap string
	restarted chan error // of the broker that was killed last; nil when none is on its way back
	client    sarama.Client
	workers   []*peer.Worker
	file      string // of the file sink
	counts    map[string]int
}

func newDelivery(t *testing.T, bootstrap string, brokers ...*peer.Kafka) *delivery {
	t.Helper()
	c := &delivery{bootstrap: bootstrap, brokers: brokers, file: filepath.Join(rig.Dir(t), "sink.txt"), counts: map[string]int{}}
	c.client = rig.Client(t, c.bootstrap)
	for range deliveryWorkers {
		c.workers = append(c.workers, rig.Worker(t, peer.WorkerConfig{Bootstrap: c.bootstrap, Properties: map[string]string{
			"config.storage.replication.factor": "-1", "offset.storage.replication.factor": "-1", "status.storage.replication.factor": "-1",
			"session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "0",
			"rebalance.timeout.ms":     rebalanceTimeout,
			"offset.flush.interval.ms": "200",
			"key.converter":            "org.apache.kafka.connect.storage.StringConverter",
			"value.converter":          "org.apache.kafka.connect.storage.StringConverter",
		}}))
	}
	return c
}

// create creates the connectors.
func (c *delivery) create(t *testing.T) {
	t.Helper()
	for name, more := range sources {
		config := map[string]string{
			"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector",
			"topic":           name, "throughput": "100", "complete.record.data": "true",
			"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "-1",
			"exactly.once.support": "requested",
		}
		for k, v := range more {
			config[k] = v
		}
		rig.CreateConnector(t, c.workers[0].URL(), name, config)
	}
	consumer := map[string]string{
		"topics": "by-poll,by-interval", "tasks.max": "2",
		"consumer.override.isolation.level":    "read_committed",
		"consumer.override.session.timeout.ms": "3000", "consumer.override.heartbeat.interval.ms": "500",
		"consumer.override.max.poll.interval.ms": rebalanceTimeout,
	}
	for name, own := range map[string]map[string]string{
		"to-file":       {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "file": c.file},
		"to-verifiable": {"connector.class": "org.apache.kafka.connect.tools.VerifiableSinkConnector"},
	} {
		for k, v := range consumer {
			own[k] = v
		}
		rig.CreateConnector(t, c.workers[0].URL(), name, own)
	}
}

// kill kills a worker, a broker or both, and starts again what it has killed. A broker comes back while the test goes on;
// no other is killed before all replicas are in step again.
func (c *delivery) kill(t *testing.T, random *rand.Rand, n int) {
	t.Helper()
	victim, what := random.IntN(len(c.workers)), "worker"
	var broker *peer.Kafka
	if chance := random.IntN(10); chance < 2 && len(c.brokers) > 0 {
		what = [...]string{"broker", "broker and worker"}[chance]
		broker = c.brokers[random.IntN(len(c.brokers))]
	}
	c.counts[what]++
	if broker != nil {
		c.awaitBrokers(t)
	}
	t.Logf("kill %d: %s (worker %d)", n, what, victim)
	if what != "broker" {
		c.workers[victim].Kill()
	}
	if broker != nil {
		broker.Kill()
		restarted := make(chan error, 1)
		go func() { restarted <- broker.Restart(t.Context()) }()
		c.restarted = restarted
	}
	if what != "broker" {
		if err := c.workers[victim].Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitBrokers waits until the broker that was killed last is back and all replicas are in step.
func (c *delivery) awaitBrokers(t *testing.T) {
	t.Helper()
	if c.restarted == nil {
		return
	}
	if err := <-c.restarted; err != nil {
		t.Fatal(err)
	}
	c.restarted = nil
	rig.Eventually(t, "all replicas are in step", func() error {
		if err := c.client.RefreshMetadata(); err != nil {
			return err
		}
		topics, err := c.client.Topics()
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if err := c.inStep(topic); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *delivery) inStep(topic string) error {
	partitions, err := c.client.Partitions(topic)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		in, err := c.client.InSyncReplicas(topic, p)
		if err != nil {
			return err
		}
		if len(in) < len(c.brokers) {
			return fmt.Errorf("partition %d of %s has only the replicas %v in step", p, topic, in)
		}
	}
	return nil
}

// awaitProgress waits until committed records have been added to every topic.
func (c *delivery) awaitProgress(t *testing.T) {
	t.Helper()
	for topic := range sources {
		from := rig.End(c.client, topic)
		rig.Eventually(t, "records in "+topic, func() error {
			if end := rig.End(c.client, topic); end <= from {
				return fmt.Errorf("the end stays %d; %s", from, c.failures())
			}
			return nil
		})
	}
}

// failures tells of failed tasks, for messages.
func (c *delivery) failures() string {
	all, err := peer.Statuses(context.Background(), c.workers[0].URL())
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for name, s := range all {
		for _, task := range s.Tasks {
			fmt.Fprintf(&b, "%s-%d %s %s;", name, task.ID, task.State, task.Trace)
		}
	}
	return b.String()
}

// stopSources stops the sources and ends their topics.
func (c *delivery) stopSources(t *testing.T) {
	t.Helper()
	for name := range sources {
		c.stop(t, name)
	}
	rig.Eventually(t, "all tasks end", func() error {
		for name := range sources {
			status, err := peer.StatusOf(t.Context(), c.workers[0].URL(), name)
			if err != nil {
				return err
			}
			if len(status.Tasks) > 0 {
				return fmt.Errorf("%d tasks of %s are left", len(status.Tasks), name)
			}
		}
		return nil
	})
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	p, err := sarama.NewSyncProducer(strings.Split(c.bootstrap, ","), config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for topic := range sources {
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(lastWords)}); err != nil {
			t.Fatal(err)
		}
	}
}

// stop stops a connector. A leader that has just taken over from one that was killed may be fenced once more by what that
// one had begun: the answer is 500 then, and says that the request can be repeated.
func (c *delivery) stop(t *testing.T, name string) {
	t.Helper()
	rig.Eventually(t, "stopping "+name, func() error {
		status, text, err := rig.Ask(t.Context(), http.MethodPut, c.workers[0].URL()+"/connectors/"+name+"/stop", "")
		if err == nil && status != http.StatusNoContent {
			err = fmt.Errorf("status %d: %s", status, text)
		}
		return err
	})
}

// number is the identity of a record of VerifiableSource.
type number struct {
	source string
	task   int
	seqno  int64
}

// wholeRecord matches the text of a record with complete.record.data.
var wholeRecord = regexp.MustCompile(`Struct\{name=([a-z-]+),task=(\d+),topic=[a-z-]+,time_ms=\d+,seqno=(\d+)\}`)

func numbersIn(text string) ([]number, error) {
	var out []number
	for _, m := range wholeRecord.FindAllStringSubmatch(text, -1) {
		task, err := strconv.Atoi(m[2])
		seqno, err2 := strconv.ParseInt(m[3], 10, 64)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		out = append(out, number{m[1], task, seqno})
	}
	return out, nil
}

// readAll reads the committed records of the sources and checks their numbers: those of a task are 0, 1, 2 and so on.
func (c *delivery) readAll(t *testing.T) map[number]bool {
	t.Helper()
	written := map[number]bool{}
	for topic := range sources {
		next := map[int]int64{}
		rig.Read(t, c.client, topic, func(m *sarama.ConsumerMessage) bool {
			if string(m.Value) == lastWords {
				return true
			}
			all, err := numbersIn(string(m.Value))
			if err != nil || len(all) != 1 || all[0].source != topic {
				t.Fatalf("%s at offset %d holds %q", topic, m.Offset, m.Value)
			}
			n := all[0]
			if n.seqno != next[n.task] {
				t.Errorf("%s: at offset %d task %d wrote %d; %d was to come", topic, m.Offset, n.task, n.seqno, next[n.task])
			}
			next[n.task] = n.seqno + 1
			written[n] = true
			return false
		})
		t.Logf("%s: each number exactly once and in order, up to %v by task", topic, next)
	}
	t.Logf("killed: %v", c.counts)
	return written
}

// checkFile waits until the file sink has written every record.
func (c *delivery) checkFile(t *testing.T, written map[number]bool) {
	t.Helper()
	c.awaitSink(t, "the file", written, func(see func(string) error) error { return eachLine(c.file, see) })
}

// checkVerifiableSink waits until VerifiableSink has printed every record as flushed. What it prints is in its workers' logs.
func (c *delivery) checkVerifiableSink(t *testing.T, written map[number]bool) {
	t.Helper()
	c.awaitSink(t, "VerifiableSink", written, func(see func(string) error) error {
		for _, w := range c.workers {
			err := eachLine(w.LogFile(), func(line string) error {
				if !strings.HasPrefix(line, `{"name":"to-verifiable",`) || !strings.HasSuffix(line, `"flushed":true}`) {
					return nil
				}
				return see(line)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// awaitSink waits until the lines that a sink has left hold every record that was written.
func (c *delivery) awaitSink(t *testing.T, name string, written map[number]bool, lines func(see func(string) error) error) {
	t.Helper()
	rig.Eventually(t, name+" has every record", func() error {
		seen, lineCount := map[number]bool{}, 0
		err := lines(func(line string) error {
			all, err := numbersIn(line)
			for _, n := range all {
				seen[n] = true
				lineCount++
			}
			return err
		})
		if err != nil {
			return err
		}
		for n := range written {
			if !seen[n] {
				return fmt.Errorf("%v is missing, beside %d records that are there; %s", n, len(seen), c.failures())
			}
		}
		t.Logf("%s: all %d records, %d of them repeated", name, len(written), lineCount-len(seen))
		return nil
	})
}

func eachLine(file string, see func(string) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := see(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}
