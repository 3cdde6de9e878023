package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// The fields by which the REST API shows offsets of sinks (SinkUtils).
const (
	sinkTopicKey     = "kafka_topic"
	sinkPartitionKey = "kafka_partition"
	sinkOffsetKey    = "kafka_offset"
)

// BadOffsetsError says what is wrong with offsets that a user gave.
type BadOffsetsError struct{ Reason string }

func (e *BadOffsetsError) Error() string { return e.Reason }

// sinkAdmin is an admin client of a sink connector with the connector's group.
func (w *Worker) sinkAdmin(ctx context.Context, name string, config map[string]string) (_ *kafka.Admin, group string, release func(), err error) {
	admin, release, err := w.admin(ctx, w.adminOf(config))
	if err != nil {
		return nil, "", nil, err
	}
	props := sinkConsumerProperties(w.cfg.Properties, state.TaskID{Connector: name}, kafka.Properties(config).WithPrefix("consumer.override."))
	return admin, props["group.id"], release, nil
}

// sinkOffsets lists the offsets of a sink connector's consumer group.
func (w *Worker) sinkOffsets(ctx context.Context, name string, config map[string]string) ([]connect.PartitionOffset, error) {
	admin, group, release, err := w.sinkAdmin(ctx, name, config)
	if err != nil {
		return nil, err
	}
	defer release()
	offsets, err := admin.GroupOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	var out []connect.PartitionOffset
	for tp, offset := range offsets {
		out = append(out, connect.PartitionOffset{
			Partition: map[string]any{sinkTopicKey: tp.Topic, sinkPartitionKey: int64(tp.Partition)},
			Offset:    map[string]any{sinkOffsetKey: offset},
		})
	}
	slices.SortFunc(out, func(a, b connect.PartitionOffset) int {
		return cmp.Or(strings.Compare(a.Partition[sinkTopicKey].(string), b.Partition[sinkTopicKey].(string)),
			cmp.Compare(a.Partition[sinkPartitionKey].(int64), b.Partition[sinkPartitionKey].(int64)))
	})
	return out, nil
}

// sinkChange is a new offset of a partition, nil to remove it.
type sinkChange struct {
	tp     kafka.TopicPartition
	offset *int64
}

// parseSinkOffsets reads what a user gave (SinkUtils.parseSinkConnectorOffsets).
func parseSinkOffsets(offsets []connect.PartitionOffset) ([]sinkChange, error) {
	bad := func(format string, args ...any) error { return &BadOffsetsError{fmt.Sprintf(format, args...)} }
	var out []sinkChange
	for _, o := range offsets {
		var c sinkChange
		if o.Partition == nil {
			return nil, bad("The partition for a sink connector offset cannot be null or missing")
		}
		topic, hasTopic := o.Partition[sinkTopicKey]
		partition, hasPartition := o.Partition[sinkPartitionKey]
		if !hasTopic || !hasPartition {
			return nil, bad("The partition for a sink connector offset must contain the keys '%s' and '%s'", sinkTopicKey, sinkPartitionKey)
		}
		var ok bool
		if c.tp.Topic, ok = topic.(string); !ok {
			return nil, bad("Kafka topic names must be valid strings and may not be null")
		}
		n, ok := wholeNumber(partition)
		if !ok || n < 0 || n > 1<<31-1 {
			return nil, bad("Failed to parse the following Kafka partition value in the provided offsets: '%v'. Partition values for sink connectors need to be integers.", partition)
		}
		c.tp.Partition = int32(n)
		if o.Offset != nil {
			value, has := o.Offset[sinkOffsetKey]
			if !has {
				return nil, bad("The offset for a sink connector should either be null or contain the key '%s'", sinkOffsetKey)
			}
			n, ok := wholeNumber(value)
			if !ok || n < 0 {
				return nil, bad("Failed to parse the following Kafka offset value in the provided offsets: '%v'. Offset values for sink connectors need to be integers.", value)
			}
			c.offset = &n
		}
		out = append(out, c)
	}
	return out, nil
}

// wholeNumber reads a number, or a text that is one.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return int64(v), v == float64(int64(v))
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	case interface{ Int64() (int64, error) }: // json.Number
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// alterSinkOffsets carries out changes in the connector's consumer group, which
// must have no members.
func (w *Worker) alterSinkOffsets(ctx context.Context, name string, config map[string]string, offsets []connect.PartitionOffset, reset bool) error {
	changes, err := parseSinkOffsets(offsets)
	if err != nil {
		return err
	}
	admin, group, release, err := w.sinkAdmin(ctx, name, config)
	if err != nil {
		return err
	}
	defer release()
	if reset {
		return asBusy("reset", name, admin.DeleteGroup(ctx, group))
	}
	set := map[kafka.TopicPartition]int64{}
	var remove []kafka.TopicPartition
	for _, c := range changes {
		if c.offset != nil {
			set[c.tp] = *c.offset
		} else {
			remove = append(remove, c.tp)
		}
	}
	if len(set) > 0 {
		if err := admin.SetGroupOffsets(ctx, group, set); err != nil {
			return asBusy("alter", name, err)
		}
	}
	return asBusy("alter", name, admin.DeleteGroupOffsets(ctx, group, remove))
}

// asBusy explains an error that means that the group still has members, or that a
// user named a partition that does not exist.
func asBusy(doing, name string, err error) error {
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return &BadOffsetsError{fmt.Sprintf("Failed to %s consumer group offsets for connector %s: %v", doing, name, err)}
	}
	for _, code := range []sarama.KError{sarama.ErrNonEmptyGroup, sarama.ErrUnknownMemberId, sarama.ErrRebalanceInProgress, sarama.ErrGroupSubscribedToTopic} {
		if errors.Is(err, code) {
			return fmt.Errorf("Failed to %s consumer group offsets for connector %s either because its tasks haven't stopped completely yet or the connector was resumed "+
				"before the request to %s its offsets could be successfully completed. If the connector is in a stopped state, this operation can be safely retried. "+
				"If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks: %w", doing, name, doing, err)
		}
	}
	return err
}
