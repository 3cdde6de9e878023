package kafka_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// A broker that goes while it is asked is no reason to give up: a living one is asked.
func TestAdminAsksAgain(t *testing.T) {
	c := cluster(t, embedded.Config{Brokers: 3})
	a := admin(t, c)
	create(t, a, kafka.Topic{Name: "t", Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}})
	asked := 0
	c.Fake.ControlKey(kmsg.DescribeConfigs.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		if asked++; asked <= 2 {
			c.Fake.KeepControl()
			return nil, errors.New("the connection ends"), true
		}
		return nil, nil, false
	})
	config, err := a.TopicConfig(t.Context(), "t", "cleanup.policy")
	if err != nil || config["cleanup.policy"] != "compact" || asked != 3 {
		t.Errorf("%v, %v after %d requests", config, err, asked)
	}
	if _, err := a.TopicConfig(t.Context(), "none"); !errors.Is(err, kafka.ErrNoTopic) {
		t.Errorf("a topic that is not there: %v", err)
	}
}
