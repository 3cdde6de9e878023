package kafka_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// A broker from before Kafka 2.4 refuses -1 as a number: the numbers that it would choose are read from its
// configuration, for which the user needs the right.
func TestDefaultsOfAnOldBroker(t *testing.T) {
	for _, c := range []struct {
		name    string
		allowed bool
		says    string
	}{{"allowed", true, ""}, {"not allowed", false, "DESCRIBE_CONFIGS on the cluster"}} {
		t.Run(c.name, func(t *testing.T) {
			e, err := embedded.Start(embedded.Config{Options: []kfake.Opt{kfake.BrokerConfigs(map[string]string{"default.replication.factor": "1", "num.partitions": "3"})}})
			must(t, err)
			t.Cleanup(e.Close)
			e.Fake.Control(func(rq kmsg.Request) (kmsg.Response, error, bool) {
				e.Fake.KeepControl()
				switch rq := rq.(type) {
				case *kmsg.CreateTopicsRequest:
					for _, topic := range rq.Topics {
						if topic.ReplicationFactor < 1 || topic.NumPartitions < 1 {
							rs := rq.ResponseKind().(*kmsg.CreateTopicsResponse)
							rs.Topics = []kmsg.CreateTopicsResponseTopic{{Topic: topic.Topic, ErrorCode: kerr.InvalidReplicationFactor.Code}}
							return rs, nil, true
						}
					}
				case *kmsg.DescribeConfigsRequest:
					if c.allowed || rq.Resources[0].ResourceType != kmsg.ConfigResourceTypeBroker {
						return nil, nil, false
					}
					rs := rq.ResponseKind().(*kmsg.DescribeConfigsResponse)
					rs.Resources = []kmsg.DescribeConfigsResponseResource{{
						ErrorCode: kerr.ClusterAuthorizationFailed.Code, ResourceType: rq.Resources[0].ResourceType, ResourceName: rq.Resources[0].ResourceName,
					}}
					return rs, nil, true
				}
				return nil, nil, false
			})
			client, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: kafka.Properties{"bootstrap.servers": e.Bootstrap(), "default.api.timeout.ms": "3000"}})
			must(t, err)
			t.Cleanup(func() { _ = client.Close() })
			a, err := kafka.NewAdmin(client)
			must(t, err)
			created, err := a.CreateTopicRetrying(t.Context(), kafka.Topic{Name: "log", Partitions: kafka.BrokerDefault, Replication: kafka.BrokerDefault})
			if !c.allowed {
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "log") {
					t.Errorf("created %v: %v", created, err)
				}
				return
			}
			info, derr := a.DescribeTopic(t.Context(), "log")
			if err != nil || !created || derr != nil || info.Partitions != 3 || info.Replication != 1 {
				t.Errorf("created %v: %v; %+v, %v", created, err, info, derr)
			}
		})
	}
}
