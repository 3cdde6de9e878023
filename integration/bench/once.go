package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
)

// oncePairs are the pairs of runs that exactly-once delivery is measured by.
const oncePairs = 7

// delivery is one run: DatagenSource writes records as fast as it can.
type delivery struct{ seconds, workerCPU, brokerCPU float64 } // for the records that count

// measureOnce says what exactly-once delivery costs against at-least-once delivery. Two workers, one of each kind,
// take turns in one process of measurement, so that what else the machine does falls on both; the cost is the median over
// the pairs.
func (b *bench) measureOnce(ctx context.Context, s *section) error {
	kinds := []string{"disabled", "enabled"}
	workers := map[string]*peer.Worker{}
	for _, kind := range kinds {
		w, err := b.onceWorker(ctx, kind)
		if err != nil {
			return err
		}
		defer w.Kill()
		workers[kind] = w
	}
	client, err := committedClient(b.kafka.Bootstrap())
	if err != nil {
		return err
	}
	defer client.Close()
	runs := map[string][]delivery{}
	for pair := range oncePairs + 1 {
		order := slices.Clone(kinds)
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, kind := range order {
			d, err := b.deliver(ctx, client, workers[kind], fmt.Sprintf("once-%s-%d", kind, pair))
			if err != nil {
				return fmt.Errorf("exactly.once.source.support=%s: %w", kind, err)
			}
			b.say("pair %d, exactly once %s: %.2f s per million", pair, kind, d.seconds)
			if pair > 0 { // the first pair warms up
				runs[kind] = append(runs[kind], d)
			}
		}
	}
	b.printOnce(s, runs["disabled"], runs["enabled"])
	return nil
}

// onceWorker starts a millrace worker that writes in transactions or not.
func (b *bench) onceWorker(ctx context.Context, support string) (*peer.Worker, error) {
	return b.member(ctx, "millrace", "once-"+support, "once-"+support, map[string]string{
		"exactly.once.source.support": support, "value.converter.schemas.enable": "false",
	})
}

// committedClient sees the records of committed transactions only.
func committedClient(bootstrap string) (sarama.Client, error) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.AllowAutoTopicCreation = false
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	return sarama.NewClient([]string{bootstrap}, config)
}

// deliver creates a connector, measures from its first committed records to its last, and deletes it.
func (b *bench) deliver(ctx context.Context, client sarama.Client, w *peer.Worker, name string) (delivery, error) {
	body, err := json.Marshal(map[string]any{"name": name, "config": map[string]string{
		"connector.class": "millrace.DatagenSourceConnector", "tasks.max": "1", "topic": name, "records": fmt.Sprint(b.records),
		"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
	}})
	if err != nil {
		return delivery{}, err
	}
	if err := post(ctx, w.URL()+"/connectors", body); err != nil {
		return delivery{}, err
	}
	first, err := untilCommitted(ctx, client, name, 1)
	if err != nil {
		return delivery{}, err
	}
	began, worker, broker := time.Now(), cpuSeconds(w.Pid()), cpuSeconds(b.kafka.Pid())
	if _, err := untilCommitted(ctx, client, name, int64(b.records)); err != nil {
		return delivery{}, err
	}
	perMillion := 1e6 / float64(int64(b.records)-first)
	d := delivery{time.Since(began).Seconds() * perMillion, (cpuSeconds(w.Pid()) - worker) * perMillion, (cpuSeconds(b.kafka.Pid()) - broker) * perMillion}
	return d, remove(ctx, w.URL()+"/connectors/"+name)
}

// untilCommitted waits until that many offsets of a topic's partition are committed. In a topic with transactions a few
// of them are their ends.
func untilCommitted(ctx context.Context, client sarama.Client, topic string, n int64) (int64, error) {
	for began := time.Now(); ; {
		end, err := client.GetOffset(topic, 0, sarama.OffsetNewest)
		if err == nil && end >= n {
			return end, nil
		}
		if time.Since(began) > 2*time.Minute {
			return 0, fmt.Errorf("%d of %d records of topic %s after two minutes: %w", end, n, topic, err)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
		if err != nil {
			_ = client.RefreshMetadata(topic) // it is not there yet
		}
	}
}

func (b *bench) printOnce(s *section, least, once []delivery) {
	s.say("Method: two workers, one with exactly.once.source.support=enabled, take turns; in each of %d pairs of runs a "+
		"DatagenSource writes %d records as fast as it can to a topic of one partition, and time is taken from the first to the last "+
		"committed record. That is the hardest case: nothing but the transactions is in the way.", len(least), b.records)
	s.head("per million records, medians", "at least once", "exactly once", "cost, median of the pairs")
	for _, f := range []struct {
		title string
		of    func(delivery) float64
	}{
		{"time, s", func(d delivery) float64 { return d.seconds }},
		{"worker's CPU, s", func(d delivery) float64 { return d.workerCPU }},
		{"broker's CPU, s", func(d delivery) float64 { return d.brokerCPU }},
	} {
		var costs []float64
		for i := range least {
			costs = append(costs, 100*(f.of(once[i])/f.of(least[i])-1))
		}
		s.say("| %s | %.2f | %.2f | %+.1f %% |", f.title, medianOf(least, f.of), medianOf(once, f.of), medianOf(costs, func(c float64) float64 { return c }))
	}
}
