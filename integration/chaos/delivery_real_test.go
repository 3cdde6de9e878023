//go:build real

package chaos

import (
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// deliveryBrokers is how many brokers there are. One alone would be no base for promises: while a partition has no leader
// at all, Kafka forgets to end its transactions.
const deliveryBrokers = 3

func TestDeliveryOnApacheKafka(t *testing.T) {
	random := rig.Random(t)
	brokers := rig.KafkaQuorum(t, deliveryBrokers, map[string]string{"group.min.session.timeout.ms": "1000"})
	newDelivery(t, peer.BootstrapOf(brokers), brokers...).keepsItsPromise(t, random, killsWanted(t))
}
