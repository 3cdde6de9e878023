package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
)

// oncePairs are the pairs of runs that exactly-once delivery is measured by.
const oncePairs = 7

// delivery is one run: DatagenSource writes records as fast as it can.
type delivery struct{ seconds, workerCPU, brokerCPU float64 } // for the records that count

// measureOnce prints what exactly-once delivery costs against at-least-once delivery. Two workers, one of each kind,
// take turns in one process of measurement, so that what else the machine does falls on both; the cost is the median over
// the pairs.
func (b *bench) measureOnce(ctx context.Context) error {
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
			if pair > 0 { // the first pair warms up
				runs[kind] = append(runs[kind], d)
			}
		}
	}
	b.printOnce(runs["disabled"], runs["enabled"])
	return nil
}

// onceWorker starts a millrace worker that writes in transactions or not.
func (b *bench) onceWorker(ctx context.Context, support string) (*peer.Worker, error) {
	dir, err := b.sub("once-" + support)
	if err != nil {
		return nil, err
	}
	binary, err := peer.BuildMillrace(ctx, b.root)
	if err != nil {
		return nil, err
	}
	return peer.StartWorker(ctx, peer.WorkerConfig{
		Home: b.home, Dir: dir, Bootstrap: b.kafka.Bootstrap(), Group: "once-" + support, Binary: binary,
		Properties: map[string]string{"exactly.once.source.support": support, "value.converter.schemas.enable": "false"},
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

// cpuSeconds is the processor time that a process has used, 0 when it is gone.
func cpuSeconds(pid int) float64 {
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system float64
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		return 0
	}
	return (user + system) / 100 // clock ticks
}

func (b *bench) printOnce(least, once []delivery) {
	fmt.Printf("\n%d records a run, %d pairs of runs\n\n", b.records, len(least))
	fmt.Printf("| per million records, medians | at least once | exactly once | cost, median of the pairs |\n| --- | --- | --- | --- |\n")
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
		fmt.Printf("| %s | %.2f | %.2f | %+.1f %% |\n", f.title, medianOf(least, f.of), medianOf(once, f.of), medianOf(costs, func(c float64) float64 { return c }))
	}
}

func medianOf[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.SortFunc(values, cmp.Compare)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
