//go:build real

package worker

import (
	"testing"

	peers "github.com/millrace/millrace/integration/rig"
)

// TestOnApacheKafka plays on a broker of Apache Kafka what decides delivery.
func TestOnApacheKafka(t *testing.T) {
	fresh := func(t *testing.T, options ...rigOption) *rig {
		t.Helper()
		k := peers.Kafka(t, map[string]string{
			"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
			"offsets.topic.replication.factor": "1", "group.initial.rebalance.delay.ms": "0",
		})
		return newRigOn(t, k.Bootstrap(), options...)
	}
	t.Run("sink", func(t *testing.T) {
		s := newListSink()
		playSink(t, s, fresh(t, listSinks(s)))
	})
	for _, boundary := range []string{"poll", "interval"} {
		t.Run("exactly once by "+boundary, func(t *testing.T) {
			s := &listSource{topic: "out", values: words(3000), size: 100}
			playExactlyOnce(t, s, fresh(t, listSources(s), inKafka), boundary)
		})
	}
	t.Run("transactions of the connector's own", func(t *testing.T) {
		playDefined(t, fresh(t, listSources(definingSource()), inKafka))
	})
	t.Run("fenced", func(t *testing.T) {
		s, gate := gatedSource()
		playFenced(t, fresh(t, listSources(s), inKafka), gate)
	})
}

func BenchmarkSourceTaskOnApacheKafka(b *testing.B) {
	benchmarkSource(b, false, func(options ...rigOption) *rig { return newRigOn(b, peers.Kafka(b).Bootstrap(), options...) })
}
