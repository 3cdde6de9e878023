package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Admin creates, describes and checks topics and changes group offsets.
type Admin struct {
	client *Client
	admin  sarama.ClusterAdmin
}

// NewAdmin makes an Admin that uses c's connections. Closing c ends it. While the
// cluster elects a controller, it waits.
func NewAdmin(c *Client) (*Admin, error) {
	a, err := withController(func() (sarama.ClusterAdmin, error) { return sarama.NewClusterAdminFromClient(c.cluster) })
	if err != nil {
		return nil, fmt.Errorf("making an admin client: %w", err)
	}
	return &Admin{client: c, admin: a}, nil
}

// An election takes seconds; Java's admin client waits for a minute by default.
const (
	controllerWait  = time.Minute
	controllerPause = 200 * time.Millisecond
)

// withController asks again while the cluster has no controller.
func withController[T any](ask func() (T, error)) (T, error) {
	for began := time.Now(); ; time.Sleep(controllerPause) {
		got, err := ask()
		if !errors.Is(err, sarama.ErrControllerNotAvailable) || time.Since(began) >= controllerWait {
			return got, err
		}
	}
}

// BrokerDefault in Topic.Partitions or Topic.Replication leaves the number to
// the brokers' own setting.
const BrokerDefault = -1

// Topic says how a topic is to be created.
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
	Configs     map[string]string
}

// TopicInfo describes an existing topic.
type TopicInfo struct {
	Name        string
	Partitions  int32
	Replication int16 // of partition 0
	Internal    bool
}

// CreateTopic creates a topic. created is false when it exists already. After
// ErrMayNotCreate, Java's TopicAdmin takes it to be created on first use.
func (a *Admin) CreateTopic(ctx context.Context, t Topic) (created bool, err error) {
	detail := &sarama.TopicDetail{NumPartitions: t.Partitions, ReplicationFactor: t.Replication, ConfigEntries: map[string]*string{}}
	for k, v := range t.Configs {
		detail.ConfigEntries[k] = &v
	}
	err = awaitErr(ctx, func() error { return a.admin.CreateTopic(t.Name, detail, false) })
	if leavesToBroker(t) && (errors.Is(err, sarama.ErrInvalidReplicationFactor) || errors.Is(err, sarama.ErrInvalidPartitions)) {
		if err := a.fillDefaults(ctx, detail); err != nil {
			return false, fmt.Errorf("creating topic %q: %w", t.Name, err)
		}
		err = awaitErr(ctx, func() error { return a.admin.CreateTopic(t.Name, detail, false) })
	}
	switch {
	case err == nil:
		a.client.log.Info("created topic", "topic", t.Name, "partitions", t.Partitions, "replication", t.Replication)
		return true, nil
	case errors.Is(err, sarama.ErrTopicAlreadyExists):
		return false, nil
	case IsAuthorization(err):
		if topics, derr := a.describe(ctx, t.Name); derr != nil || !errors.Is(topics[0].Err, sarama.ErrUnknownTopicOrPartition) {
			a.client.log.Debug("not authorized to create a topic, taking it to exist", "topic", t.Name)
			return false, nil
		}
		return false, fmt.Errorf("topic %q: %w: %w", t.Name, ErrMayNotCreate, a.needs(err, "CREATE on the topic or the cluster"))
	}
	return false, fmt.Errorf("creating topic %q: %w", t.Name, err)
}

// CreateTopicRetrying is CreateTopic that waits, for at most the time of
// default.api.timeout.ms, for enough brokers to be up and answering.
func (a *Admin) CreateTopicRetrying(ctx context.Context, t Topic) (created bool, err error) {
	err = a.retrying(ctx, "creating topic", t.Name, func(ctx context.Context) error {
		created, err = a.CreateTopic(ctx, t)
		return err
	})
	return created, err
}

// retrying makes a call again, for at most the time of default.api.timeout.ms and
// as often as retries says,
// while there are too few brokers or the one that was asked has gone. sarama
// chooses any broker it knows each time, so the living ones are looked up anew.
func (a *Admin) retrying(ctx context.Context, doing, topic string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.client.Settings.APITimeout)
	defer cancel()
	for n := 1; ; n++ {
		err := call(ctx)
		missing := errors.Is(err, sarama.ErrUnknownTopicOrPartition)
		if err == nil || missing || ctx.Err() != nil || n > a.client.Settings.Producer.Retries ||
			!errors.Is(err, sarama.ErrInvalidReplicationFactor) && !IsRetriable(err) {
			return err
		}
		a.client.log.Info(doing+" failed, trying again", "topic", topic, "error", err)
		if sleep(ctx, a.client.Settings.backoff(n, 0)) != nil {
			return err
		}
		if err := awaitErr(ctx, a.client.refresh); err != nil {
			a.client.log.Debug("looking up the brokers failed", "error", err)
		}
	}
}

func (a *Admin) needs(err error, right string) error { return a.client.Settings.Needs(err, right) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// DescribeTopic looks a topic up; ErrNoTopic says that there is none.
func (a *Admin) DescribeTopic(ctx context.Context, name string) (TopicInfo, error) {
	var topics []*sarama.TopicMetadata
	err := a.retrying(ctx, "describing topic", name, func(ctx context.Context) (err error) {
		topics, err = a.describe(ctx, name)
		return err
	})
	if err == nil && topics[0].Err != sarama.ErrNoError {
		err = topics[0].Err
	}
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return TopicInfo{}, fmt.Errorf("topic %q: %w", name, ErrNoTopic)
	case err != nil:
		return TopicInfo{}, fmt.Errorf("describing topic %q: %w", name, a.needs(err, "DESCRIBE on the topic"))
	}
	t := topics[0]
	info := TopicInfo{Name: t.Name, Partitions: int32(len(t.Partitions)), Internal: t.IsInternal}
	for _, p := range t.Partitions {
		if p.ID == 0 {
			info.Replication = int16(len(p.Replicas))
		}
	}
	return info, nil
}

// describe asks once for one topic, whose Err tells whether there is one.
func (a *Admin) describe(ctx context.Context, name string) ([]*sarama.TopicMetadata, error) {
	topics, err := await(ctx, func() ([]*sarama.TopicMetadata, error) { return a.admin.DescribeTopics([]string{name}) })
	if err == nil && len(topics) != 1 {
		err = sarama.ErrIncompleteResponse
	}
	return topics, err
}

// TopicConfig reads configuration values of a topic, all of them when no names
// are given; ErrNoTopic says that there is no such topic.
func (a *Admin) TopicConfig(ctx context.Context, topic string, names ...string) (map[string]string, error) {
	var results []*sarama.ConfigResourceResult
	err := a.retrying(ctx, "reading the configuration of topic", topic, func(ctx context.Context) (err error) {
		results, err = await(ctx, func() ([]*sarama.ConfigResourceResult, error) {
			return a.admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic, ConfigNames: names}}, sarama.DescribeConfigsOptions{})
		})
		return err
	})
	if err == nil && len(results) == 1 && results[0].ErrorCode != sarama.ErrNoError {
		err = &sarama.DescribeConfigError{Err: results[0].ErrorCode, ErrMsg: results[0].ErrorMsg}
	}
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return nil, fmt.Errorf("topic %q: %w", topic, ErrNoTopic)
	case err != nil:
		return nil, fmt.Errorf("reading the configuration of topic %q: %w", topic, a.needs(err, "DESCRIBE_CONFIGS on the topic"))
	}
	out := map[string]string{}
	for _, r := range results {
		for _, e := range r.Configs {
			out[e.Name] = e.Value
		}
	}
	return out, nil
}

// CheckCompacted makes sure that a topic is compacted and nothing else, for
// which purpose and property name what it holds and where it was named. It
// passes when the principal may not see the configuration, as Java's
// verifyTopicCleanupPolicyOnlyCompact does.
func (a *Admin) CheckCompacted(ctx context.Context, topic, property, purpose string) error {
	config, err := a.TopicConfig(ctx, topic, "cleanup.policy")
	switch {
	case errors.Is(err, ErrNoTopic), IsAuthorization(err):
		a.client.log.Info("cannot verify the cleanup policy of a topic", "topic", topic, "reason", err)
		return nil
	case err != nil:
		return err
	}
	policies := splitList(strings.ToLower(config["cleanup.policy"]))
	if len(policies) == 0 || len(policies) == 1 && policies[0] == "compact" {
		return nil
	}
	slices.Sort(policies)
	return fmt.Errorf("topic '%[1]s' supplied via the '%[2]s' property is required to have 'cleanup.policy=compact'"+
		" to guarantee consistency and durability of %[3]s, but found the topic currently has 'cleanup.policy=%[4]s'."+
		" Continuing would likely result in eventually losing %[3]s and problems restarting this Connect cluster in the future."+
		" Change the '%[2]s' property in the Connect worker configurations to use a topic with 'cleanup.policy=compact'",
		topic, property, purpose, strings.Join(policies, ","))
}

// EndOffsets returns the high watermark of each partition: the offset behind
// the last record that is replicated, of open transactions too.
func (a *Admin) EndOffsets(ctx context.Context, topic string, partitions []int32) (map[int32]int64, error) {
	return a.offsets(ctx, topic, partitions, sarama.OffsetNewest)
}

// StartOffsets returns the first offset that each partition still has.
func (a *Admin) StartOffsets(ctx context.Context, topic string, partitions []int32) (map[int32]int64, error) {
	return a.offsets(ctx, topic, partitions, sarama.OffsetOldest)
}

// OffsetsSince returns the offset of the first record in each partition that is not
// older than a time; the end of one that has none.
func (a *Admin) OffsetsSince(ctx context.Context, topic string, partitions []int32, since time.Time) (map[int32]int64, error) {
	out, err := a.offsets(ctx, topic, partitions, since.UnixMilli())
	if err != nil {
		return nil, err
	}
	var none []int32
	for p, o := range out {
		if o < 0 {
			none = append(none, p)
		}
	}
	if len(none) == 0 {
		return out, nil
	}
	ends, err := a.EndOffsets(ctx, topic, none)
	maps.Copy(out, ends)
	return out, err
}

func (a *Admin) offsets(ctx context.Context, topic string, partitions []int32, at int64) (map[int32]int64, error) {
	ask := map[int32]int64{}
	for _, p := range partitions {
		ask[p] = at
	}
	answer, err := await(ctx, func() (map[string]map[int32]*sarama.OffsetResult, error) {
		return a.admin.ListOffsets(map[string]map[int32]int64{topic: ask}, &sarama.ListOffsetsOptions{})
	})
	if err != nil {
		return nil, fmt.Errorf("listing the offsets of topic %q: %w", topic, a.needs(err, "DESCRIBE on the topic"))
	}
	out := map[int32]int64{}
	for _, p := range partitions {
		r := answer[topic][p]
		switch {
		case r == nil:
			return nil, fmt.Errorf("listing the offsets of topic %q: %w", topic, sarama.ErrIncompleteResponse)
		case r.Err != nil && !errors.Is(r.Err, sarama.ErrNoError):
			return nil, a.offsetError(topic, p, r.Err)
		}
		out[p] = r.Offset
	}
	return out, nil
}

// offsetError refreshes what the client knows of leaders, so that the next
// attempt asks the right one.
func (a *Admin) offsetError(topic string, partition int32, err error) error {
	if IsRetriable(err) {
		_ = a.client.RefreshMetadata(topic)
	}
	return fmt.Errorf("listing the offset of partition %d of topic %q: %w", partition, topic, a.needs(err, "DESCRIBE on the topic"))
}

// DeleteTopic removes a topic; a missing one is no error.
func (a *Admin) DeleteTopic(ctx context.Context, name string) error {
	err := awaitErr(ctx, func() error { return a.admin.DeleteTopic(name) })
	if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return fmt.Errorf("deleting topic %q: %w", name, err)
	}
	return nil
}
