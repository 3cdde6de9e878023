package storetest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
)

// topic names a topic that no other case uses, on a broker that may be shared.
func topic(t *testing.T, name string, partitions int32) kafka.Topic {
	t.Helper()
	return kafka.Topic{Name: fmt.Sprintf("storetest-%s-%08x", name, rand.Uint32()), Partitions: partitions, Replication: 1}
}
