package signal

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/storage/kafka"
)

// kafkaChannel reads signals from the first partition of a topic, for a group
// whose offset says which have been taken
// (io.debezium.pipeline.signal.channels.KafkaSignalChannel).
type kafkaChannel struct {
	cfg  Config
	done func() int64

	client    *kafka.Client
	admin     *kafka.Admin
	reader    *kafka.Reader
	committed int64
	failing   kafka.Repeats
}

// retryWait is the longest wait before the topic is looked for again.
const retryWait = 5 * time.Second

func (k *kafkaChannel) run(ctx context.Context, put func(Signal)) {
	for failures := 0; ctx.Err() == nil; {
		err := k.poll(ctx, put)
		if err == nil {
			failures = 0
			k.failing.Over()
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		wait := min(time.Duration(failures)*200*time.Millisecond, retryWait)
		k.failing.Log(k.cfg.Logger, slog.LevelWarn, "reading signals failed and is tried again", err,
			"signal.kafka.topic", k.cfg.Topic, "signal.kafka.groupId", k.cfg.Group)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (k *kafkaChannel) poll(ctx context.Context, put func(Signal)) error {
	if err := k.open(ctx); err != nil {
		return err
	}
	if err := k.commit(ctx, k.done()); err != nil {
		return err
	}
	records, err := k.reader.Poll(ctx)
	if err != nil {
		return err
	}
	for i := range records {
		k.record(&records[i], put)
	}
	return nil
}

// open connects and finds where to begin: behind the last signal that was taken,
// or with the topic's first record.
func (k *kafkaChannel) open(ctx context.Context) (err error) {
	if k.reader != nil {
		return nil
	}
	if k.client == nil {
		c, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleConsumer, Properties: k.cfg.Consumer, Logger: k.cfg.Logger})
		if err != nil {
			return err
		}
		if k.admin, err = kafka.NewAdmin(c); err != nil {
			return err
		}
		k.client = c
	}
	offsets, err := k.admin.GroupOffsets(ctx, k.cfg.Group)
	if err != nil {
		return err
	}
	k.committed = offsets[kafka.TopicPartition{Topic: k.cfg.Topic}]
	k.reader, err = kafka.NewReader(ctx, kafka.ReaderConfig{
		Client: k.client, Topic: k.cfg.Topic, Partitions: []int32{0}, From: map[int32]int64{0: k.committed},
	})
	return err
}

// commit notes what has been taken.
func (k *kafkaChannel) commit(ctx context.Context, done int64) error {
	if done <= k.committed {
		return nil
	}
	err := k.admin.SetGroupOffsets(ctx, k.cfg.Group, map[kafka.TopicPartition]int64{{Topic: k.cfg.Topic}: done})
	if err != nil {
		return fmt.Errorf("committing the offset of the topic of signals: %w", err)
	}
	k.committed = done
	return nil
}

// record takes a record that is meant for this connector.
func (k *kafkaChannel) record(r *kafka.Record, put func(Signal)) {
	if string(r.Key) != k.cfg.Connector {
		k.cfg.Logger.Info("a signal is for another connector", "topic", k.cfg.Topic, "offset", r.Offset, "key", string(r.Key), "connector", k.cfg.Connector)
		return
	}
	if len(r.Value) == 0 {
		return
	}
	s, err := parseLine(r.Value)
	if err != nil {
		k.cfg.Logger.Error("a signal is skipped", "topic", k.cfg.Topic, "offset", r.Offset, "error", err)
		return
	}
	s.next = r.Offset + 1
	put(s)
}

func (k *kafkaChannel) close(done int64) {
	if k.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), retryWait)
	defer cancel()
	if err := k.commit(ctx, done); err != nil {
		k.cfg.Logger.Warn("the signals taken last may come again", "error", err)
	}
	if k.reader != nil {
		k.reader.Close()
	}
	_ = k.client.Close() // nothing is under way
}
