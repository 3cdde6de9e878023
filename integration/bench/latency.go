package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/peer"
)

const (
	commits     = 2000
	commitEvery = 5 * time.Millisecond
)

// The figures of latencies.
const (
	fromCommit50, fromCommit99, fromCommitMax = "ms from commit, p50", "ms from commit, p99", "ms from commit, most"
	fromInsert50, fromInsert99                = "ms from INSERT, p50", "ms from INSERT, p99"
)

// measureLatency commits single rows at a steady pace and waits for each of them at a consumer.
func (b *bench) measureLatency(ctx context.Context, s *section) error {
	w := workload{name: "latency", table: sysbench("latency")}
	conn, err := b.mysql.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := w.table.make(conn); err != nil {
		return err
	}
	all := results{}
	for run := range b.runs {
		for _, kind := range b.workers {
			f, err := b.latency(ctx, conn, w, kind, run)
			if ctx.Err() != nil {
				return err
			}
			if err != nil {
				b.fail("latency of %s, run %d: %v", kind, run+1, err)
				continue
			}
			all.add(w.name, "", kind, f)
			b.say("run %d, latency of %s: %s", run+1, kind, f)
		}
	}
	s.say("Method: %d rows are inserted one by one, each in its own transaction, one every %s, in each of %d runs on workers that "+
		"take turns. A consumer waits for the records. Time is taken from the moment at which MySQL has answered the INSERT, "+
		"that is, from the commit, and from the one at which the INSERT was sent. MySQL syncs neither its log nor its binlog at "+
		"each commit, so the commit itself is short. Figures are medians of the runs, with the least and the greatest in brackets.",
		commits, commitEvery, b.runs)
	s.head("ms", "Java", "Millrace", "Java/Millrace")
	for _, name := range []string{fromCommit50, fromCommit99, fromCommitMax, fromInsert50, fromInsert99} {
		java, mill := all.of(w.name, "", "java", name), all.of(w.name, "", "millrace", name)
		s.row(name, java.String(), mill.String(), times(java, mill, "%.1f"))
	}
	return nil
}

// latency is one run on a worker of its own.
func (b *bench) latency(ctx context.Context, conn *client.Conn, w workload, kind string, run int) (figures, error) {
	worker, err := b.worker(ctx, kind, "latency-"+kind)
	if err != nil {
		return nil, err
	}
	defer b.end(worker)
	prefix := fmt.Sprintf("latency-%s-%d", kind, run)
	c, topic := connector{worker, prefix}, w.topicOf(prefix)
	if err := c.configure(ctx, b.config(w, prefix, "no_data")); err != nil {
		return nil, err
	}
	if err := b.awaken(ctx, w.table, []string{topic}, health(ctx, c)); err != nil {
		return nil, logged(worker, err)
	}
	if err := peer.Execute(conn, "DELETE FROM bench.latency"); err != nil {
		return nil, err
	}
	if err := sleep(ctx, 3*time.Second); err != nil { // for what else a new connector has to do
		return nil, err
	}
	f, err := b.commitRows(ctx, conn, topic)
	if err != nil {
		return nil, logged(worker, err)
	}
	return f, c.remove(ctx)
}

// commitRows inserts rows while another goroutine notes when they come out of the topic.
func (b *bench) commitRows(ctx context.Context, conn *client.Conn, topic string) (figures, error) {
	end, err := b.topics.ends([]string{topic})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	seen := make(chan arrivals, 1)
	stop, err := b.watch(ctx, topic, end, seen)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := sleep(ctx, time.Second); err != nil {
		return nil, err
	}
	sent, committed, err := insertSteadily(ctx, conn)
	if err != nil {
		return nil, err
	}
	got := <-seen
	if got.err != nil {
		return nil, got.err
	}
	return latencies(sent, committed, got.at[:]), nil
}

// insertSteadily inserts row i at i times 5 ms, and says when each was sent and committed.
func insertSteadily(ctx context.Context, conn *client.Conn) (sent, committed []time.Time, err error) {
	began := time.Now()
	for i := range commits {
		if err := sleep(ctx, time.Until(began.Add(time.Duration(i)*commitEvery))); err != nil {
			return nil, nil, err
		}
		sent = append(sent, time.Now())
		if _, err := conn.Execute(fmt.Sprintf("INSERT INTO bench.latency VALUES (%d, 1, 'c', 'p')", i)); err != nil {
			return nil, nil, err
		}
		committed = append(committed, time.Now())
	}
	return sent, committed, nil
}

// arrivals are the times at which the rows came.
type arrivals struct {
	at  [commits]time.Time
	err error
}

// watch notes when each row comes, until all are there or ctx ends, and then sends the times.
func (b *bench) watch(ctx context.Context, topic string, from int64, seen chan<- arrivals) (stop func(), err error) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	consumer, err := sarama.NewConsumer([]string{b.kafka.Bootstrap()}, config)
	if err != nil {
		return nil, err
	}
	partition, err := consumer.ConsumePartition(topic, 0, from)
	if err != nil {
		_ = consumer.Close() // the first error says more
		return nil, err
	}
	go func() { seen <- collect(ctx, partition.Messages()) }()
	return func() {
		_ = partition.Close() // nothing is expected of it any more
		_ = consumer.Close()
	}, nil
}

func collect(ctx context.Context, messages <-chan *sarama.ConsumerMessage) (a arrivals) {
	for missing := commits; missing > 0; {
		select {
		case <-ctx.Done():
			a.err = fmt.Errorf("%d of %d rows did not come: %w", missing, commits, ctx.Err())
			return a
		case m := <-messages:
			at := time.Now()
			var key struct{ ID int }
			if m.Value == nil || json.Unmarshal(m.Key, &key) != nil || key.ID >= commits || !a.at[key.ID].IsZero() {
				continue // of the row that awakened the connector
			}
			a.at[key.ID], missing = at, missing-1
		}
	}
	return a
}

func latencies(sent, committed, arrived []time.Time) figures {
	since := func(from []time.Time) []float64 {
		var all []float64
		for i, at := range arrived {
			all = append(all, float64(at.Sub(from[i]).Microseconds())/1000)
		}
		slices.Sort(all)
		return all
	}
	commit, insert := since(committed), since(sent)
	return figures{
		fromCommit50: quantile(commit, 0.5), fromCommit99: quantile(commit, 0.99), fromCommitMax: quantile(commit, 1),
		fromInsert50: quantile(insert, 0.5), fromInsert99: quantile(insert, 0.99),
	}
}
