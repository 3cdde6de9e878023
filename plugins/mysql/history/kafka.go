package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strconv"

	"github.com/millrace/millrace/storage/kafka"
)

// KafkaConfig says which topic holds the history and how it is reached.
type KafkaConfig struct {
	// Topic is schema.history.internal.kafka.topic.
	Topic string
	// Producer and Consumer are the client properties with their prefixes
	// schema.history.internal.producer. and .consumer. taken off;
	// bootstrap.servers is among them. The producer's serve administration too.
	Producer, Consumer map[string]string
	Logger             *slog.Logger
}

// Kafka keeps records in the only partition of a topic
// (io.debezium.storage.kafka.history.KafkaSchemaHistory).
type Kafka struct {
	cfg     KafkaConfig
	log     *kafka.Log
	created bool // by this Kafka
}

// topicConfigs keep everything forever.
func topicConfigs() map[string]string {
	return map[string]string{
		"cleanup.policy":  "delete",
		"retention.ms":    strconv.FormatInt(1<<63-1, 10),
		"retention.bytes": "-1",
	}
}

// topicName is what brokers allow (org.apache.kafka.common.internals.Topic).
var topicName = regexp.MustCompile(`\A[a-zA-Z0-9._-]{1,249}\z`)

// NewKafka returns the history kept in a topic; nothing is connected yet. An
// error says that the name can be no topic's.
func NewKafka(cfg KafkaConfig) (*Kafka, error) {
	if !topicName.MatchString(cfg.Topic) || cfg.Topic == "." || cfg.Topic == ".." {
		return nil, fmt.Errorf("schema.history.internal.kafka.topic: %q is no name of a topic: use up to 249 letters, digits, dots, underscores and hyphens", cfg.Topic)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	producer, consumer := maps.Clone(cfg.Producer), maps.Clone(cfg.Consumer)
	return &Kafka{cfg: cfg, log: kafka.NewLog(kafka.LogConfig{
		Topic:    kafka.Topic{Name: cfg.Topic, Partitions: 1, Replication: kafka.BrokerDefault, Configs: topicConfigs()},
		Producer: producer, Consumer: consumer, Admin: producer, Logger: cfg.Logger,
	})}, nil
}

// Create implements Creator: it makes the topic with one partition that keeps
// records forever. A topic that exists is left as it is.
func (k *Kafka) Create(ctx context.Context) error {
	var err error
	if k.created, err = k.log.Create(ctx); err != nil {
		return fmt.Errorf("creating the topic %s of schema.history.internal.kafka.topic (or create it by hand, with one partition and without limits of retention): %w", k.cfg.Topic, ofClient("producer", err))
	}
	return nil
}

// Exists implements Creator.
func (k *Kafka) Exists(ctx context.Context) (bool, error) {
	exists, err := k.log.Exists(ctx)
	return exists, named("producer", err)
}

// named says which property names the topic, or is wrong itself.
func named(client string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("schema.history.internal.kafka.topic: %w", ofClient(client, err))
}

// ofClient puts the prefix of a client's properties before one that is wrong.
func ofClient(client string, err error) error {
	if wrong := (*kafka.PropertyError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("schema.history.internal.%s.%w", client, err)
	}
	return err
}

// leastRetention is five years, as Debezium asks for.
const leastRetention = 5 * 365 * 24 * 60 * 60 * 1000

// Check implements Checker: a topic that forgets, is compacted, has several
// partitions or has lost its beginning is no history. A topic that does not exist,
// or that the principal may not describe, has no problems, nor has one that Create has
// just made.
func (k *Kafka) Check(ctx context.Context) (problems []string) {
	if k.created {
		return nil
	}
	add := func(format string, args ...any) {
		problems = append(problems, "the schema history topic "+k.cfg.Topic+" "+fmt.Sprintf(format, args...))
	}
	_ = k.log.Inspect(ctx, func(a *kafka.Admin) error {
		info, err := a.DescribeTopic(ctx, k.cfg.Topic)
		if err != nil {
			return err
		}
		if info.Partitions != 1 {
			add("has %d partitions, so that statements may be read in another order than they ran; move it to a topic with one", info.Partitions)
		}
		if start, err := a.StartOffsets(ctx, k.cfg.Topic, []int32{0}); err == nil && start[0] > 0 {
			add("has lost its first %d records, so that tables may not be known; rebuild it with snapshot.mode=recovery if a task stops because of it", start[0])
		}
		config, err := a.TopicConfig(ctx, k.cfg.Topic, "cleanup.policy", "retention.ms", "retention.bytes")
		if err != nil {
			return err
		}
		if policy := config["cleanup.policy"]; policy != "delete" && policy != "" {
			add("has cleanup.policy=%s, which removes records; set it to delete", policy)
		}
		if ms, err := strconv.ParseInt(config["retention.ms"], 10, 64); err == nil && ms >= 0 && ms < leastRetention {
			add("has retention.ms=%d, after which records are removed; set it to -1", ms)
		}
		if bytes := config["retention.bytes"]; bytes != "-1" && bytes != "" {
			add("has retention.bytes=%s, beyond which records are removed; set it to -1", bytes)
		}
		return nil
	})
	return problems
}

// Append implements Storage: all records are acknowledged when it returns.
func (k *Kafka) Append(ctx context.Context, records []*Record) error {
	batch := make([]kafka.Record, len(records))
	for i, r := range records {
		batch[i] = kafka.Record{Value: r.AppendPretty(nil)}
	}
	return named("producer", k.log.Append(ctx, batch...))
}

// Read implements Storage. A topic that does not exist holds no records. Null
// records are skipped, as Debezium does.
func (k *Kafka) Read(ctx context.Context, apply func(at string, record []byte) error) error {
	var refused error
	err := k.log.ReadAll(ctx, func(r kafka.Record) error {
		if r.Value == nil {
			k.cfg.Logger.Warn("skipping a null record of the schema history", "topic", k.cfg.Topic, "offset", r.Offset)
			return nil
		}
		refused = apply(fmt.Sprintf("%s-%d, offset %d", k.cfg.Topic, r.Partition, r.Offset), r.Value)
		return refused
	})
	switch {
	case errors.Is(err, kafka.ErrNoTopic):
		return nil
	case refused != nil: // which names the record
		return refused
	}
	return named("consumer", err)
}

// Close ends the connections.
func (k *Kafka) Close() error { return k.log.Close() }
