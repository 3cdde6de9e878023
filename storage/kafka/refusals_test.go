package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// What brokers refuse to an admin client names the resource, the user and the right.
func TestRefusalsNameTheRight(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "in"}
	for name, c := range map[string]struct {
		key  kmsg.Key
		code *kerr.Error
		ask  func(context.Context, *kafka.Admin) error
		says string
	}{
		"list": {kmsg.OffsetFetch, kerr.GroupAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error {
			_, err := a.GroupOffsets(ctx, "g")
			return err
		}, "needs DESCRIBE on the group"},
		"set": {kmsg.OffsetCommit, kerr.GroupAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error {
			return a.SetGroupOffsets(ctx, "g", map[kafka.TopicPartition]int64{tp: 1})
		}, "needs READ on the group"},
		"set on a topic": {kmsg.OffsetCommit, kerr.TopicAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error {
			return a.SetGroupOffsets(ctx, "g", map[kafka.TopicPartition]int64{tp: 1})
		}, "needs READ on the topic"},
		"forget": {kmsg.OffsetDelete, kerr.GroupAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error {
			return a.DeleteGroupOffsets(ctx, "g", []kafka.TopicPartition{tp})
		}, "needs DELETE on the group"},
		"delete": {kmsg.DeleteGroups, kerr.GroupAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error { return a.DeleteGroup(ctx, "g") },
			"needs DELETE on the group"},
		"fence": {kmsg.InitProducerID, kerr.TransactionalIDAuthorizationFailed, func(ctx context.Context, a *kafka.Admin) error { return a.Fence(ctx, "g") },
			"needs WRITE and DESCRIBE on the transactional id"},
	} {
		t.Run(name, func(t *testing.T) {
			e := cluster(t, embedded.Config{})
			must(t, e.Fake.CreateTopic("in", 1, nil))
			e.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.code, Count: -1, TopLevel: c.key == kmsg.OffsetDelete || c.key == kmsg.InitProducerID})
			err := c.ask(t.Context(), adminOf(t, e))
			if err == nil || !strings.Contains(err.Error(), `"g"`) || !strings.Contains(err.Error(), "the admin client's user, the anonymous one (security.protocol), "+c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func adminOf(t *testing.T, e *embedded.Cluster) *kafka.Admin {
	t.Helper()
	client, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: kafka.Properties{"bootstrap.servers": e.Bootstrap(), "default.api.timeout.ms": "3000"}})
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	a, err := kafka.NewAdmin(client)
	must(t, err)
	return a
}

// A topic that may not be created is an error only while there is none.
func TestTopicsThatMayNotBeCreated(t *testing.T) {
	e := cluster(t, embedded.Config{})
	must(t, e.Fake.CreateTopic("there", 1, nil))
	e.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	a := adminOf(t, e)
	if created, err := a.CreateTopic(t.Context(), kafka.Topic{Name: "there", Partitions: 1, Replication: 1}); created || err != nil {
		t.Errorf("one that exists: %v, %v", created, err)
	}
	_, err := a.CreateTopic(t.Context(), kafka.Topic{Name: "missing", Partitions: 1, Replication: 1})
	if !errors.Is(err, kafka.ErrMayNotCreate) || !kafka.IsAuthorization(err) || !strings.Contains(err.Error(), `"missing"`) || !strings.Contains(err.Error(), "needs CREATE on the topic or the cluster") {
		t.Errorf("one that does not: %v", err)
	}
}
