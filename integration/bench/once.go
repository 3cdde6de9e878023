package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
)

// oncePairs are the pairs of runs that exactly-once delivery is measured by. Before them come pairs that warm up: the
// broker's processor time fell over the first ones, whatever the delivery.
const (
	onceWarmup = 4
	oncePairs  = 7
)

// Deliveries, as exactly.once.source.support names them.
const (
	leastOnce   = "disabled"
	exactlyOnce = "enabled"
)

// onceWorkload is what both deliveries are measured by.
type onceWorkload struct {
	name, text string
	records    int // of a run
	begin      func(ctx context.Context, w *peer.Worker, kind string, pair int) (onceRun, error)
}

// onceRun is a connector that has been told to write records to a topic behind those that it has.
type onceRun struct {
	topic string
	base  int64 // offset at which they begin
	end   func() error
}

func onceNames() []string { return []string{"datagen", "catchup"} }

// once is the state of the measurement: two workers, and what sees the records of committed transactions only.
type once struct {
	*bench
	workers map[string]*peer.Worker
	client  sarama.Client
	place   place // where the rows of the table begin in the binlog
}

// measureOnce says what exactly-once delivery costs against at-least-once delivery. Two workers, one of each kind,
// take turns in one process of measurement, so that what else the machine does falls on both; the cost is the median over
// the pairs.
func (b *bench) measureOnce(ctx context.Context, s *section) error {
	o := &once{bench: b, workers: map[string]*peer.Worker{}}
	for _, kind := range []string{leastOnce, exactlyOnce} {
		w, err := b.member(ctx, "millrace", "once-"+kind, "once-"+kind, map[string]string{
			"exactly.once.source.support": kind, "value.converter.schemas.enable": "false",
		})
		if err != nil {
			return err
		}
		defer b.end(w)
		o.workers[kind] = w
	}
	var err error
	if o.client, err = committedClient(b.kafka.Bootstrap()); err != nil {
		return err
	}
	defer o.client.Close()
	s.say("Method: two workers, one with exactly.once.source.support=enabled, take turns in %d pairs of runs, behind %d that warm "+
		"up. Time is taken from the first to the last record that a reader of committed records can see; the cost is that of each "+
		"pair. Figures are medians, with the least and the greatest in brackets.", oncePairs, onceWarmup)
	if b.asked("datagen") {
		if err := o.measure(ctx, s, o.datagen()); err != nil {
			return err
		}
	}
	if !b.asked("catchup") {
		return nil
	}
	w, err := o.catchUp(ctx)
	if err != nil {
		return err
	}
	return o.measure(ctx, s, w)
}

// committedClient sees the records of committed transactions only.
func committedClient(bootstrap string) (sarama.Client, error) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.AllowAutoTopicCreation = false
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	return sarama.NewClient([]string{bootstrap}, config)
}

// measure lets the workers take turns.
func (o *once) measure(ctx context.Context, s *section, w onceWorkload) error {
	runs := map[string][]figures{}
	for pair := range onceWarmup + oncePairs {
		order := []string{leastOnce, exactlyOnce}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, kind := range order {
			f, err := o.deliver(ctx, w, kind, pair)
			if err != nil {
				return logged(o.workers[kind], fmt.Errorf("%s, exactly.once.source.support=%s: %w", w.name, kind, err))
			}
			o.say("%s, pair %d, exactly once %s: %s", w.name, pair, kind, f)
			if pair >= onceWarmup {
				runs[kind] = append(runs[kind], f)
			}
		}
	}
	printOnce(s, w, runs[leastOnce], runs[exactlyOnce])
	return nil
}

// deliver is one run, from its first committed records to its last.
func (o *once) deliver(ctx context.Context, w onceWorkload, kind string, pair int) (figures, error) {
	worker := o.workers[kind]
	run, err := w.begin(ctx, worker, kind, pair)
	if err != nil {
		return nil, err
	}
	first, err := o.untilCommitted(ctx, run.topic, run.base+1)
	if err != nil {
		return nil, err
	}
	began, own, broker := time.Now(), cpuSeconds(worker.Pid()), cpuSeconds(o.kafka.Pid())
	if _, err := o.untilCommitted(ctx, run.topic, run.base+int64(w.records)); err != nil {
		return nil, err
	}
	took, million := time.Since(began).Seconds(), float64(run.base+int64(w.records)-first)/1e6
	f := figures{
		rate: million * 1e6 / took, cpu: (cpuSeconds(worker.Pid()) - own) / million,
		brokerCPU: (cpuSeconds(o.kafka.Pid()) - broker) / million,
	}
	return f, run.end()
}

// untilCommitted waits until a topic's partition has so many offsets that are committed, and returns how many there are. In
// a topic with transactions a few of them are their ends.
func (o *once) untilCommitted(ctx context.Context, topic string, n int64) (int64, error) {
	for began := time.Now(); ; {
		end, err := o.client.GetOffset(topic, 0, sarama.OffsetNewest)
		if err == nil && end >= n {
			return end, nil
		}
		if time.Since(began) > o.deadline {
			return 0, fmt.Errorf("%d of %d records of topic %s after %s: %w", end, n, topic, o.deadline, err)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
		if err != nil {
			_ = o.client.RefreshMetadata(topic) // it is not there yet
		}
	}
}

// datagen is the hardest case: nothing but the transactions is in the way.
func (o *once) datagen() onceWorkload {
	begin := func(ctx context.Context, w *peer.Worker, kind string, pair int) (onceRun, error) {
		name := fmt.Sprintf("once-%s-%d", kind, pair)
		c := connector{w, name}
		err := c.configure(ctx, map[string]string{
			"connector.class": "millrace.DatagenSourceConnector", "tasks.max": "1", "topic": name, "records": strconv.Itoa(o.records),
			"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
		})
		return onceRun{topic: name, end: func() error {
			if err := c.remove(ctx); err != nil {
				return err
			}
			return o.topics.remove(name)
		}}, err
	}
	return onceWorkload{"datagen", "DatagenSource at full speed", o.records, begin}
}

// catchUp lets each worker learn an empty table by a connector, which reads the rows that then follow in each run.
func (o *once) catchUp(ctx context.Context) (onceWorkload, error) {
	w := workload{name: "catchup", table: sysbench("once")}
	rows := o.records / 4
	conn, err := o.mysql.Connect()
	if err != nil {
		return onceWorkload{}, err
	}
	defer conn.Close()
	if err := w.table.make(conn); err != nil {
		return onceWorkload{}, err
	}
	prefix := func(kind string) string { return "once-catchup-" + kind }
	for kind, worker := range o.workers {
		c := connector{worker, prefix(kind)}
		if err := c.configure(ctx, o.config(w, c.name, "no_data")); err != nil {
			return onceWorkload{}, err
		}
		if err := o.awaken(ctx, w.table, []string{w.topicOf(c.name)}, health(ctx, c)); err != nil {
			return onceWorkload{}, logged(worker, err)
		}
		if err := c.stop(ctx); err != nil {
			return onceWorkload{}, err
		}
	}
	if err := peer.Execute(conn, fmt.Sprintf("DELETE FROM %s.%s", database, w.table.name)); err != nil {
		return onceWorkload{}, err
	}
	if o.place, err = binlogEnd(conn); err != nil {
		return onceWorkload{}, err
	}
	if err := w.table.fill(conn, 1, rows); err != nil {
		return onceWorkload{}, err
	}
	begin := func(ctx context.Context, worker *peer.Worker, kind string, _ int) (onceRun, error) {
		c := connector{worker, prefix(kind)}
		return o.resumed(ctx, c, w.topicOf(c.name))
	}
	return onceWorkload{"catchup", fmt.Sprintf("the MySQL connector, catching up with sysbench's table, %d rows in a transaction", transaction), rows, begin}, nil
}

// resumed sets a stopped connector back to where the rows begin and resumes it.
func (o *once) resumed(ctx context.Context, c connector, topic string) (onceRun, error) {
	if err := c.setOffset(ctx, map[string]any{"server": c.name}, o.place.offset()); err != nil {
		return onceRun{}, err
	}
	base, err := o.topics.ends([]string{topic})
	if err != nil {
		return onceRun{}, err
	}
	return onceRun{topic, base, func() error {
		if err := c.stop(ctx); err != nil {
			return err
		}
		return o.topics.truncate(topic)
	}}, c.resume(ctx)
}

func printOnce(s *section, w onceWorkload, least, exactly []figures) {
	s.head(fmt.Sprintf("%s: %d records a run", w.text, w.records), "at least once", "exactly once", "cost, %")
	for _, f := range []struct {
		title string
		name  string
		cost  func(least, exactly float64) float64
	}{
		{"records/s; the cost in time", rate, func(least, exactly float64) float64 { return least/exactly - 1 }},
		{"worker's CPU s per million", cpu, func(least, exactly float64) float64 { return exactly/least - 1 }},
		{"broker's CPU s per million", brokerCPU, func(least, exactly float64) float64 { return exactly/least - 1 }},
	} {
		var a, b, costs series
		for i := range least {
			a, b = append(a, least[i][f.name]), append(b, exactly[i][f.name])
			costs = append(costs, 100*f.cost(a[i], b[i]))
		}
		s.row(f.title, a.String(), b.String(), fmt.Sprintf("**%+.1f** (%+.1f – %+.1f)", costs.median(), slices.Min(costs), slices.Max(costs)))
	}
}
