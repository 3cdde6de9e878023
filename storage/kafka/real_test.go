//go:build real

package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

func TestApacheKafka(t *testing.T) {
	readsOnlyCommitted(t, rig.Kafka(t).Bootstrap(), fmt.Sprintf("kafkatest-%08x", rand.Uint32()))
}
