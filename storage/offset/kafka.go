package offset

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/topiclog"
)

// KafkaConfig says where offsets are kept.
type KafkaConfig struct {
	// Topic is offset.storage.topic with its partitions, replication factor and
	// settings, or a connector's own offsets.storage.topic.
	Topic kafka.Topic
	// Property names the property that the topic's name comes from.
	Property string
	Clients  topiclog.Clients
	// ReadOnly is for offsets that are written elsewhere, in transactions.
	ReadOnly bool
	Logger   *slog.Logger
}

// WorkerConfig is the KafkaConfig of the worker's own offset topic.
func WorkerConfig(topic kafka.Topic, worker kafka.Properties, clientIDBase string, exactlyOnce bool, log *slog.Logger) KafkaConfig {
	clients := topiclog.WorkerClients(worker, clientIDBase+"offsets", exactlyOnce)
	clients.Producer["delivery.timeout.ms"] = strconv.Itoa(1<<31 - 1)
	return KafkaConfig{Topic: topic, Property: "offset.storage.topic", Clients: clients, Logger: log}
}

// Kafka is a Store in a compacted topic. The goroutine of its log applies what is
// read to the index.
type Kafka struct {
	index *index
	log   *topiclog.Log
}

var _ Store = (*Kafka)(nil)

// OpenKafka creates or checks the topic, reads it to its end and follows it.
func OpenKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	k := &Kafka{index: newIndex()}
	log, err := topiclog.Open(ctx, topiclog.Config{
		Topic: cfg.Topic, Property: cfg.Property, Purpose: "source connector offsets", ReadOnly: cfg.ReadOnly,
		Producer: cfg.Clients.Producer, Consumer: cfg.Clients.Consumer, Admin: cfg.Clients.Admin, Logger: cfg.Logger,
	}, k.apply)
	if err != nil {
		return nil, err
	}
	k.log = log
	log.Follow()
	return k, nil
}

func (k *Kafka) apply(records []kafka.Record) {
	for _, r := range records {
		k.index.put(r.Key, r.Value)
	}
}

// Get implements Store.
func (k *Kafka) Get(ctx context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error) {
	if err := k.log.ReadToEnd(ctx); err != nil {
		return nil, err
	}
	return k.index.get(connector, partitions)
}

// All implements Store.
func (k *Kafka) All(ctx context.Context, connector string) ([]connect.PartitionOffset, error) {
	if err := k.log.ReadToEnd(ctx); err != nil {
		return nil, err
	}
	return k.index.all(connector)
}

// Set implements Store.
func (k *Kafka) Set(ctx context.Context, connector string, offsets ...connect.PartitionOffset) error {
	entries, err := k.index.encodeAll(connector, offsets)
	if err != nil {
		return err
	}
	records := make([]kafka.Record, len(entries))
	for i, e := range entries {
		records[i] = kafka.Record{Partition: kafka.AnyPartition, Key: e.key, Value: e.value}
	}
	if err := k.log.Append(ctx, records...); err != nil {
		return fmt.Errorf("writing offsets of connector %s: %w", connector, err)
	}
	return nil
}

// Close implements Store.
func (k *Kafka) Close() { k.log.Close() }
