package status

import (
	"context"
	"fmt"
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
// is read. Writes are queued and sent by one goroutine, the sender, because those
// who report statuses must not wait for brokers; a write that failed is queued
// again after a wait.
type Kafka struct {
	*table
	log    *topiclog.Log
	logger *slog.Logger
	denied kafka.Repeats
	now    func() time.Time
	queue  *queue
	ctx    context.Context // of the sender, ended by Close
	stop   context.CancelFunc
	sender sync.WaitGroup
}

// OpenKafka creates or checks the topic, reads it to its end and follows it.
func OpenKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Kafka{table: newTable(cfg.Logger), logger: cfg.Logger, now: time.Now, queue: newQueue()}
	clients := topiclog.WorkerClients(cfg.Worker, cfg.ClientID+"statuses", false)
	clients.Producer["retries"] = "0" // whether a write is worth repeating is decided here
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
	k.sender.Go(k.send)
	return k, nil
}

// PutConnector writes a connector's status without waiting. With safe it does
// nothing when another worker has written in a later generation. DESTROYED
// removes.
func (k *Kafka) PutConnector(name string, s state.Status, safe bool) {
	t, ok := k.begin(func() *cell { return k.connector(name) }, s, safe)
	if ok {
		k.write(t, safe, record(connectorKey(name), statusValue(s)))
	}
}

// PutTask writes a task's status as PutConnector does a connector's.
func (k *Kafka) PutTask(id state.TaskID, s state.Status, safe bool) {
	t, ok := k.begin(func() *cell { return k.task(id) }, s, safe)
	if ok {
		k.write(t, safe, record(taskKey(id), statusValue(s)))
	}
}

// PutTopic notes that a task has used a topic.
func (k *Kafka) PutTopic(id state.TaskID, topic string) {
	value := topicValue(Topic{Name: topic, Task: id, Discovered: k.now()})
	k.queue.put(write{record: record(topicKey(topic, id.Connector), value), repeat: always})
}

// DeleteTopics forgets the topics that a connector has used.
func (k *Kafka) DeleteTopics(connector string) {
	for _, topic := range k.Topics(connector) {
		k.queue.put(write{record: record(topicKey(topic, connector), nil), repeat: always})
	}
}

func always() bool { return true }

func record(key string, value []byte) kafka.Record {
	return kafka.Record{Partition: kafka.AnyPartition, Key: []byte(key), Value: value}
}

func (k *Kafka) write(t ticket, safe bool, r kafka.Record) {
	k.queue.put(write{record: r, repeat: func() bool { return k.repeat(t) }, unsure: safe && t.status.Generation < 0})
}

const retryWait = 100 * time.Millisecond

// send is the sender: it hands writes to the log in order until Close.
func (k *Kafka) send() {
	read := 0 // writes up to this number know what was in the topic when they were put
	for {
		w, ok := k.queue.take(k.ctx)
		if !ok {
			return
		}
		if w.reached != nil {
			close(w.reached)
			continue
		}
		if w.unsure && w.number > read {
			read = k.queue.count()
			if err := k.log.ReadToEnd(k.ctx); err != nil {
				read = 0
				k.failed(w, err)
				continue
			}
		}
		if w.unsure && !w.repeat() {
			continue
		}
		err := k.log.Send(k.ctx, w.record, func(err error) {
			if err != nil {
				k.failed(w, err)
			}
		})
		if err != nil && k.ctx.Err() == nil {
			k.failed(w, err)
		}
	}
}

// failed queues a write again, if that may help and it is still of use. Others may have written before a broker is back,
// which is looked for first.
func (k *Kafka) failed(w write, err error) {
	if kafka.IsAuthorization(err) || kafka.IsAuthentication(err) {
		k.denied.Log(k.logger, slog.LevelError, "statuses cannot be written, trying again", err)
	} else if !kafka.IsRetriable(err) {
		k.logger.Error("writing a status failed", "key", string(w.record.Key), "error", err)
		return
	}
	w.unsure = true
	time.AfterFunc(retryWait, func() {
		if k.ctx.Err() == nil && w.repeat() {
			k.queue.put(w)
		}
	})
}

// Flush waits until all that was put before has been written or has failed once.
func (k *Kafka) Flush(ctx context.Context) error {
	reached := make(chan struct{})
	k.queue.put(write{reached: reached})
	select {
	case <-reached:
		return k.log.Flush(ctx)
	case <-k.ctx.Done():
		return fmt.Errorf("flushing statuses: %w", kafka.ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("flushing statuses: %w", context.Cause(ctx))
	}
}

// Refresh returns when all that is stored now has been read.
func (k *Kafka) Refresh(ctx context.Context) error { return k.log.ReadToEnd(ctx) }

// Close writes what was put, but does not wait long for brokers that do not answer,
// and ends the store.
func (k *Kafka) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := k.Flush(ctx); err != nil {
		k.logger.Warn("statuses may be missing", "error", err)
	}
	k.stop()
	k.sender.Wait()
	k.log.Close()
}

const closeTimeout = 5 * time.Second
