//go:build real

package producer

import (
	"math/rand/v2"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/rig"
)

func TestOnApacheKafka(t *testing.T) {
	k := rig.Kafka(t, map[string]string{"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1"})
	admin, err := sarama.NewClusterAdmin([]string{k.Bootstrap()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	create := func(t *testing.T, topic string, partitions int32, maxBytes string) {
		t.Helper()
		detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": &maxBytes}}
		if err := admin.CreateTopic(topic, detail, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := "chaos-" + codec
			create(t, topic, chaosPartitions, "3000")
			chaos{seed: 1, codec: codec, breakOneIn: 8, topic: topic}.play(t, k.Bootstrap(), func(*rand.Rand, int32) {})
		})
	}
	t.Run("transactions", func(t *testing.T) { playTransactions(t, k.Bootstrap(), "txn") })
	t.Run("fencing", func(t *testing.T) { playFencing(t, k.Bootstrap(), "fence") })
}

func BenchmarkOnApacheKafka(b *testing.B) {
	k := rig.Kafka(b)
	for _, codec := range []string{"none", "lz4", "zstd"} {
		b.Run(codec, func(b *testing.B) { benchmarkProduce(b, newClient(b, k.Bootstrap(), nil), "bench-"+codec, codec) })
	}
}
