package status

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/topiclog"
)

// KafkaConfig says where statuses are kept.
type KafkaConfig struct {
	// Topic is status.storage.topic with its partitions, replication factor and
	// settings.
	Topic kafka.Topic
	// Worker holds the worker's properties, from which the clients take theirs.
	Worker   kafka.Properties
	ClientID string // begins the client ids, such as "connect-cluster-"
	Logger   *slog.Logger
}

// Kafka keeps statuses in a compacted topic. The goroutine of its log applies what
// is read; failed writes are repeated by a goroutine each, after a wait.
type Kafka struct {
	*table
	log     *topiclog.Log
	logger  *slog.Logger
	now     func() time.Time
	ctx     context.Context // of the store's own writes, ended by Close
	stop    context.CancelFunc
	retries sync.WaitGroup
}

// OpenKafka creates or checks the topic, reads it to its end and follows it.
func OpenKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Kafka{table: newTable(cfg.Logger), logger: cfg.Logger, now: time.Now}
	clients := topiclog.WorkerClients(cfg.Worker, cfg.ClientID+"statuses", false)
	log, err := topiclog.Open(ctx, topiclog.Config{
		Topic: cfg.Topic, Property: "status.storage.topic", Purpose: "connector and task statuses",
		Producer: clients.Producer, Consumer: clients.Consumer, Admin: clients.Admin, Logger: cfg.Logger,
	}, k.apply)
	if err != nil {
		return nil, err
	}
	k.log = log
	k.ctx, k.stop = context.WithCancel(context.Background())
	log.Follow()
	return k, nil
}

// PutConnector writes a connector's status without waiting. With safe it does
// nothing when another worker has written in a later generation. DESTROYED
// removes.
func (k *Kafka) PutConnector(name string, s state.Status, safe bool) {
	t, ok := k.begin(func() *cell { return k.connector(name) }, s, safe)
	if ok {
		k.write(t, record(connectorKey(name), statusValue(s)))
	}
}

// PutTask writes a task's status as PutConnector does a connector's.
func (k *Kafka) PutTask(id state.TaskID, s state.Status, safe bool) {
	t, ok := k.begin(func() *cell { return k.task(id) }, s, safe)
	if ok {
		k.write(t, record(taskKey(id), statusValue(s)))
	}
}

// PutTopic notes that a task has used a topic.
func (k *Kafka) PutTopic(id state.TaskID, topic string) {
	value := topicValue(Topic{Name: topic, Task: id, Discovered: k.now()})
	k.send(record(topicKey(topic, id.Connector), value), func() bool { return true })
}

// DeleteTopics forgets the topics that a connector has used.
func (k *Kafka) DeleteTopics(connector string) {
	for _, topic := range k.Topics(connector) {
		k.send(record(topicKey(topic, connector), nil), func() bool { return true })
	}
}

func record(key string, value []byte) kafka.Record {
	return kafka.Record{Partition: kafka.AnyPartition, Key: []byte(key), Value: value}
}

func (k *Kafka) write(t ticket, r kafka.Record) {
	k.send(r, func() bool { return k.repeat(t) })
}

const retryWait = 100 * time.Millisecond

// send writes a record; after an error that may pass it does so again while
// repeat allows it.
func (k *Kafka) send(r kafka.Record, repeat func() bool) {
	err := k.log.Send(k.ctx, r, func(err error) {
		if err != nil {
			k.failed(r, err, repeat)
		}
	})
	if err != nil && k.ctx.Err() == nil {
		k.logger.Error("writing a status failed", "key", string(r.Key), "error", err)
	}
}

func (k *Kafka) failed(r kafka.Record, err error, repeat func() bool) {
	if !kafka.IsRetriable(err) {
		k.logger.Error("writing a status failed", "key", string(r.Key), "error", err)
		return
	}
	k.retries.Go(func() {
		select {
		case <-time.After(retryWait):
		case <-k.ctx.Done():
			return
		}
		if repeat() {
			k.send(r, repeat)
		}
	})
}

// Flush waits until all that was put before has been written or has failed.
func (k *Kafka) Flush(ctx context.Context) error { return k.log.Flush(ctx) }

// Refresh returns when all that is stored now has been read.
func (k *Kafka) Refresh(ctx context.Context) error { return k.log.ReadToEnd(ctx) }

// Close writes what was put and ends the store.
func (k *Kafka) Close() {
	k.log.Close()
	k.stop()
	k.retries.Wait()
}
