//go:build real

package storetest_test

import (
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

func TestApacheKafka(t *testing.T) {
	kafkaStores(t, rig.Kafka(t).Bootstrap())
}
