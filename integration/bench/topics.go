package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// topics looks at the topics of the run, which have one partition each, through a connection of its own.
type topics struct {
	client sarama.Client
	admin  sarama.ClusterAdmin
}

func newTopics(bootstrap string) (*topics, error) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.AllowAutoTopicCreation = false
	client, err := sarama.NewClient([]string{bootstrap}, config)
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &topics{client, admin}, nil
}

func (t *topics) close() { _ = t.admin.Close() } // the process ends

// ends is the sum of the numbers of records that were ever written to topics. One that is not there has none, nor
// has one that was made a moment ago and has no leader yet.
func (t *topics) ends(names []string) (int64, error) {
	broker := t.client.LeastLoadedBroker()
	if broker == nil {
		return 0, sarama.ErrBrokerNotAvailable
	}
	if err := broker.Open(t.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return 0, err
	}
	request := sarama.NewOffsetRequest(t.client.Config().Version)
	for _, name := range names {
		request.AddBlock(name, 0, sarama.OffsetNewest, 1)
	}
	response, err := broker.GetAvailableOffsets(request)
	if err != nil {
		return 0, fmt.Errorf("asking for the ends of topics: %w", err)
	}
	var sum int64
	none := []sarama.KError{sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition}
	for _, name := range names {
		block := response.GetBlock(name, 0)
		switch {
		case block == nil || slices.Contains(none, block.Err):
		case block.Err != sarama.ErrNoError:
			return 0, fmt.Errorf("asking for the end of topic %s: %w", name, block.Err)
		default:
			sum += block.Offset
		}
	}
	return sum, nil
}

// truncate deletes the records of a topic; the topic and its offsets stay.
func (t *topics) truncate(name string) error {
	end, err := t.ends([]string{name})
	if err != nil || end == 0 {
		return err
	}
	return t.admin.DeleteRecords(name, map[int32]int64{0: end})
}

func (t *topics) create(name string) error {
	return t.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
}

func (t *topics) remove(names ...string) error {
	for _, name := range names {
		if err := t.admin.DeleteTopic(name); err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return fmt.Errorf("deleting topic %s: %w", name, err)
		}
	}
	return nil
}

// stallLimit is how long a topic may get nothing before the wait is given up.
const stallLimit = 2 * time.Minute

// until waits until topics have as many records as are wanted, and says why that takes too long: a task has failed, nothing
// comes any more, or the deadline is over.
func (t *topics) until(ctx context.Context, names []string, want int64, deadline time.Duration, health func() error) error {
	began, grown, asked, last := time.Now(), time.Now(), time.Now(), int64(0)
	for {
		end, err := t.ends(names)
		now := time.Now()
		switch {
		case err == nil && end >= want:
			return nil
		case end > last:
			grown, last = now, end
		case now.Sub(grown) > stallLimit:
			return fmt.Errorf("%d of %d records are there, and none came for %s; %w", end, want, stallLimit, err)
		}
		if now.Sub(began) > deadline {
			return fmt.Errorf("%d of %d records are there after %s", end, want, deadline)
		}
		if now.Sub(asked) > 5*time.Second {
			asked = now
			if err := health(); err != nil {
				return err
			}
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}
