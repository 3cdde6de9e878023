package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// TopicPartition names a partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Fence makes the producers of the given transactional ids unable to write
// again: it begins a new epoch for each id at its coordinator, as Java's
// Admin.fenceProducers does. It waits for open transactions to be ended, for at
// most the time of default.api.timeout.ms.
func (a *Admin) Fence(ctx context.Context, ids ...string) error {
	ctx, cancel := context.WithTimeout(ctx, a.client.Settings.APITimeout)
	defer cancel()
	const parallel = 8
	slots := make(chan struct{}, parallel)
	errs := make(chan error, len(ids))
	for _, id := range ids {
		slots <- struct{}{}
		go func() {
			errs <- a.fence(ctx, id)
			<-slots
		}()
	}
	var all []error
	for range ids {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

func (a *Admin) fence(ctx context.Context, id string) error {
	for n := 1; ; n++ {
		err := a.newEpoch(ctx, id)
		if err == nil || !IsRetriable(err) {
			return err
		}
		if errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
			_ = awaitErr(ctx, func() error { return a.client.RefreshTransactionCoordinator(id) })
		}
		if sleep(ctx, a.client.Settings.backoff(n, 0)) != nil {
			return err
		}
	}
}

func (a *Admin) newEpoch(ctx context.Context, id string) error {
	err := awaitErr(ctx, func() error {
		b, err := a.client.TransactionCoordinator(id)
		if err != nil {
			return err
		}
		r, err := b.InitProducerID(&sarama.InitProducerIDRequest{
			Version: 4, TransactionalID: &id, TransactionTimeout: time.Minute, ProducerID: -1, ProducerEpoch: -1,
		})
		if err != nil {
			return err
		}
		if r.Err != sarama.ErrNoError {
			return r.Err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fencing the producer of transactional id %q: %w", id, a.needs(err, "WRITE and DESCRIBE on the transactional id"))
	}
	return nil
}

// GroupOffsets returns the committed offsets of a consumer group; it is empty
// when the group does not exist.
func (a *Admin) GroupOffsets(ctx context.Context, group string) (map[TopicPartition]int64, error) {
	r, err := await(ctx, func() (*sarama.OffsetFetchResponse, error) { return a.admin.ListConsumerGroupOffsets(group, nil) })
	if err == nil && r.Err != sarama.ErrNoError {
		err = r.Err
	}
	switch {
	case errors.Is(err, sarama.ErrGroupIDNotFound):
		return map[TopicPartition]int64{}, nil
	case err != nil:
		return nil, fmt.Errorf("listing the offsets of group %q: %w", group, a.groupNeeds(err, "DESCRIBE"))
	}
	out := map[TopicPartition]int64{}
	for topic, partitions := range r.Blocks {
		for p, block := range partitions {
			if block.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("listing the offset of group %q in partition %d of topic %q: %w", group, p, topic, a.groupNeeds(block.Err, "DESCRIBE"))
			}
			if block.Offset >= 0 {
				out[TopicPartition{topic, p}] = block.Offset
			}
		}
	}
	return out, nil
}

// SetGroupOffsets commits offsets for a group that has no members.
func (a *Admin) SetGroupOffsets(ctx context.Context, group string, offsets map[TopicPartition]int64) error {
	ask := map[string]map[int32]sarama.OffsetAndMetadata{}
	for tp, o := range offsets {
		if ask[tp.Topic] == nil {
			ask[tp.Topic] = map[int32]sarama.OffsetAndMetadata{}
		}
		ask[tp.Topic][tp.Partition] = sarama.OffsetAndMetadata{Offset: o, LeaderEpoch: -1}
	}
	r, err := await(ctx, func() (*sarama.OffsetCommitResponse, error) {
		return a.admin.AlterConsumerGroupOffsets(group, ask, nil)
	})
	if err != nil {
		return fmt.Errorf("altering the offsets of group %q: %w", group, a.groupNeeds(err, "READ"))
	}
	for topic, partitions := range r.Errors {
		for p, code := range partitions {
			if code != sarama.ErrNoError {
				return fmt.Errorf("altering the offset of group %q in partition %d of topic %q: %w", group, p, topic, a.groupNeeds(code, "READ"))
			}
		}
	}
	return nil
}

// DeleteGroupOffsets removes committed offsets of a group that has no members.
func (a *Admin) DeleteGroupOffsets(ctx context.Context, group string, partitions []TopicPartition) error {
	for _, tp := range partitions {
		err := awaitErr(ctx, func() error { return a.admin.DeleteConsumerGroupOffset(group, tp.Topic, tp.Partition) })
		if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) && !errors.Is(err, sarama.ErrGroupIDNotFound) {
			return fmt.Errorf("deleting the offset of group %q in partition %d of topic %q: %w", group, tp.Partition, tp.Topic, a.groupNeeds(err, "DELETE"))
		}
	}
	return nil
}

// DeleteGroup removes a group without members and its offsets; a missing group
// is no error.
func (a *Admin) DeleteGroup(ctx context.Context, group string) error {
	err := awaitErr(ctx, func() error { return a.admin.DeleteConsumerGroup(group) })
	if err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) {
		return fmt.Errorf("deleting group %q: %w", group, a.groupNeeds(err, "DELETE"))
	}
	return nil
}

// groupNeeds adds the right that is missing to a refusal. A request about offsets
// of a group needs the given right on the group, and READ on their topics or,
// where they are only listed, DESCRIBE (Kafka's documentation, "Protocols to ACLs").
func (a *Admin) groupNeeds(err error, onGroup string) error {
	onTopic := "READ"
	if onGroup == "DESCRIBE" {
		onTopic = onGroup
	}
	if errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		return a.needs(err, onTopic+" on the topic")
	}
	return a.needs(err, onGroup+" on the group")
}
