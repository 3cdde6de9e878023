package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/IBM/sarama"
)

// leavesToBroker reports whether the broker is to choose a number. Brokers from
// before Kafka 2.4 cannot (KIP-464), and refuse -1 as a number.
func leavesToBroker(t Topic) bool {
	return t.Replication == BrokerDefault || t.Partitions == BrokerDefault
}

// fillDefaults reads from a broker's configuration the numbers that it would
// choose.
func (a *Admin) fillDefaults(ctx context.Context, t *sarama.TopicDetail) error {
	const replication, partitions = "default.replication.factor", "num.partitions"
	controller, err := a.client.Controller()
	if err != nil {
		return err
	}
	id := strconv.Itoa(int(a.client.controllerID()))
	rq := &sarama.DescribeConfigsRequest{Version: 1, Resources: []*sarama.ConfigResource{
		{Type: sarama.BrokerResource, Name: id, ConfigNames: []string{replication, partitions}},
	}}
	rs, err := await(ctx, func() (*sarama.DescribeConfigsResponse, error) { return controller.DescribeConfigs(rq) })
	if err == nil && len(rs.Resources) == 1 && rs.Resources[0].ErrorCode != int16(sarama.ErrNoError) {
		err = sarama.KError(rs.Resources[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("reading %s and %s of broker %s, because it does not know replication factor -1: %w",
			replication, partitions, id, a.needs(err, "DESCRIBE_CONFIGS on the cluster, or the topic a replication factor of its own"))
	}
	for _, r := range rs.Resources {
		for _, e := range r.Configs {
			n, err := strconv.ParseInt(e.Value, 10, 16)
			switch {
			case err != nil:
			case e.Name == replication && t.ReplicationFactor == BrokerDefault:
				t.ReplicationFactor = int16(n)
			case e.Name == partitions && t.NumPartitions == BrokerDefault:
				t.NumPartitions = int32(n)
			}
		}
	}
	return nil
}
