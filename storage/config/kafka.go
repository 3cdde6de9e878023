package config

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/topiclog"
)

// KafkaConfig says where a worker keeps its configuration.
type KafkaConfig struct {
	// Topic is config.storage.topic, with config.storage.replication.factor and
	// the topic settings below config.storage.; its partitions are always one.
	Topic kafka.Topic
	// Worker holds the worker's properties, from which the clients take theirs.
	Worker kafka.Properties
	// ClientID begins the client ids, such as "connect-cluster-".
	ClientID string
	// ExactlyOnce makes readers skip records of transactions that were aborted
	// (exactly.once.source.support=enabled).
	ExactlyOnce bool
	// TransactionalID, "" for none, is that of the leader's writes: they are
	// fenced from exactly.once.source.support=preparing on. It is
	// "connect-cluster-" and the group id.
	TransactionalID string
	Logger          *slog.Logger
}

// Kafka is a Store in a compacted topic. The goroutine of its log applies records
// and owns the applier; states are published through an atomic pointer.
type Kafka struct {
	cfg      KafkaConfig
	log      *topiclog.Log
	applier  *applier
	listener Listener // nil until Start has read the topic
	now      atomic.Pointer[State]
}

var _ Store = (*Kafka)(nil)

// NewKafka makes a store; Start connects it.
func NewKafka(cfg KafkaConfig) *Kafka {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Kafka{cfg: cfg, applier: newApplier(cfg.Logger, cfg.Topic.Name)}
	k.now.Store(empty())
	return k
}

// Start implements Store.
func (k *Kafka) Start(ctx context.Context, listener Listener) (*State, error) {
	clients := topiclog.WorkerClients(k.cfg.Worker, k.cfg.ClientID+"configs", k.cfg.ExactlyOnce)
	clients.Producer["delivery.timeout.ms"] = strconv.Itoa(1<<31 - 1)
	topic := k.cfg.Topic
	topic.Partitions = 1
	log, err := topiclog.Open(ctx, topiclog.Config{
		Topic: topic, Property: "config.storage.topic", Purpose: "connector configurations", MaxPartitions: 1,
		Producer: clients.Producer, Consumer: clients.Consumer, Admin: clients.Admin,
		TransactionalID: k.cfg.TransactionalID, Logger: k.cfg.Logger,
	}, k.apply)
	if err != nil {
		return nil, err
	}
	k.log, k.listener = log, listener
	first := k.State()
	log.Follow()
	return first, nil
}

func (k *Kafka) apply(records []kafka.Record) {
	next, changes := k.applier.apply(k.now.Load(), records)
	k.now.Store(next)
	if k.listener != nil {
		k.listener(next, changes)
	}
}

// State implements Store.
func (k *Kafka) State() *State { return k.now.Load() }

// Refresh implements Store.
func (k *Kafka) Refresh(ctx context.Context) error { return k.log.ReadToEnd(ctx) }

// Claim implements Store.
func (k *Kafka) Claim(ctx context.Context) error { return k.log.Claim(ctx) }

// Close implements Store.
func (k *Kafka) Close() {
	if k.log != nil {
		k.log.Close()
	}
}

// exclusive writes records that only the leader may write, and reads them back.
func (k *Kafka) exclusive(ctx context.Context, what string, records ...kafka.Record) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := k.log.AppendExclusive(ctx, records...)
	if err == nil {
		err = k.log.ReadToEnd(ctx)
	}
	return wrap(what, err)
}

// shared writes a record that any worker may write, and reads it back.
func (k *Kafka) shared(ctx context.Context, what string, r kafka.Record) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := k.log.Append(ctx, r)
	if err == nil {
		err = k.log.ReadToEnd(ctx)
	}
	return wrap(what, err)
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("writing %s to the config topic: %w", what, err)
	}
	return nil
}

// PutConnector implements Store.
func (k *Kafka) PutConnector(ctx context.Context, name string, config map[string]string, target state.Target) error {
	return k.exclusive(ctx, "the configuration of connector "+name, connectorRecords(name, config, target)...)
}

// RemoveConnector implements Store.
func (k *Kafka) RemoveConnector(ctx context.Context, name string) error {
	return k.exclusive(ctx, "the removal of connector "+name, removalRecords(name)...)
}

// PutTasks implements Store. The commit is written only after the configurations
// have been read back, so that no reader can meet it without them.
func (k *Kafka) PutTasks(ctx context.Context, connector string, configs []map[string]string) error {
	what := "the task configurations of connector " + connector
	if err := k.Refresh(ctx); err != nil {
		return wrap(what, err)
	}
	if len(configs) > 0 {
		if err := k.exclusive(ctx, what, taskRecords(connector, configs)...); err != nil {
			return err
		}
	}
	return k.exclusive(ctx, what, record(commitPrefix+connector, commitValue(len(configs))))
}

// PutTarget implements Store.
func (k *Kafka) PutTarget(ctx context.Context, connector string, target state.Target) error {
	return k.shared(ctx, "the target state of connector "+connector, record(targetPrefix+connector, targetValue(target)))
}

// PutTaskCount implements Store.
func (k *Kafka) PutTaskCount(ctx context.Context, connector string, tasks int) error {
	return k.exclusive(ctx, "the task count of connector "+connector, record(fencingPrefix+connector, taskCountValue(tasks)))
}

// PutSessionKey implements Store.
func (k *Kafka) PutSessionKey(ctx context.Context, key SessionKey) error {
	return k.exclusive(ctx, "a session key", record(sessionKeyKey, sessionKeyValue(key)))
}

// PutRestart implements Store.
func (k *Kafka) PutRestart(ctx context.Context, r Restart) error {
	return k.exclusive(ctx, "the restart of connector "+r.Connector, record(restartPrefix+r.Connector, restartValue(r)))
}

// PutLoggerLevel implements Store.
func (k *Kafka) PutLoggerLevel(ctx context.Context, logger, level string) error {
	return k.shared(ctx, "the level of logger "+logger, record(loggerPrefix+logger, loggerValue(level)))
}

func connectorRecords(name string, config map[string]string, target state.Target) []kafka.Record {
	var records []kafka.Record
	if target != "" {
		records = append(records, record(targetPrefix+name, targetValue(target)))
	}
	return append(records, record(connectorPrefix+name, propertiesValue(config)))
}

func removalRecords(name string) []kafka.Record {
	return []kafka.Record{record(connectorPrefix+name, nil), record(targetPrefix+name, nil)}
}

func taskRecords(connector string, configs []map[string]string) []kafka.Record {
	var records []kafka.Record
	for i, c := range configs {
		id := state.TaskID{Connector: connector, Task: i}
		records = append(records, record(taskPrefix+id.String(), propertiesValue(c)))
	}
	return records
}
