package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// record is one record of a watched topic.
type record struct {
	topic string
	value []byte
}

// payload is the record's value without its schema.
func (r record) payload() []byte {
	var envelope struct{ Payload json.RawMessage }
	if json.Unmarshal(r.value, &envelope) == nil && envelope.Payload != nil {
		return envelope.Payload
	}
	return r.value
}

// createsTable reports whether the record is the schema change of the orders table.
func (r record) createsTable() bool {
	var change struct{ DDL string }
	return json.Unmarshal(r.payload(), &change) == nil && strings.Contains(change.DDL, "CREATE TABLE")
}

// print shows a record as indented JSON below its topic's name.
func (q *quickstart) print(r record) {
	var b bytes.Buffer
	if err := json.Indent(&b, r.payload(), "  ", "  "); err != nil {
		b.Reset()
		b.Write(r.value)
	}
	q.say("\n%s\n  %s", r.topic, &b)
}

// watcher hands over the records of topics as they arrive, from the first one on. One goroutine reads each topic.
type watcher struct {
	records  chan record
	consumer sarama.Consumer
	done     chan struct{}
	readers  sync.WaitGroup
}

func watch(bootstrap string, topics ...string) (*watcher, error) {
	config := sarama.NewConfig()
	config.Metadata.Retry.Max = 0
	config.Metadata.AllowAutoTopicCreation = false // the worker creates them with its own settings
	config.Metadata.RefreshFrequency = time.Second
	consumer, err := sarama.NewConsumer([]string{bootstrap}, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to Kafka at %s: %w", bootstrap, err)
	}
	w := &watcher{records: make(chan record), consumer: consumer, done: make(chan struct{})}
	for _, topic := range topics {
		w.readers.Go(func() { w.read(topic) })
	}
	return w, nil
}

// read waits until the topic is there, then reads its only partition until the end of the watcher.
func (w *watcher) read(topic string) {
	var partition sarama.PartitionConsumer
	for partition == nil {
		p, err := w.consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
		if err == nil {
			partition = p
			break
		}
		select { // the topic appears with its first record
		case <-w.done:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	defer partition.AsyncClose()
	for {
		select {
		case <-w.done:
			return
		case m := <-partition.Messages():
			select {
			case w.records <- record{topic: topic, value: m.Value}:
			case <-w.done:
				return
			}
		}
	}
}

func (w *watcher) next(ctx context.Context) (record, error) {
	select {
	case r := <-w.records:
		return r, nil
	case <-ctx.Done():
		return record{}, context.Cause(ctx)
	}
}

func (w *watcher) close() error {
	close(w.done)
	w.readers.Wait()
	if err := w.consumer.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("closing the consumer: %w", err)
	}
	return nil
}
