package kafka_test

import (
	"runtime"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// TestClientsAreSmall opens many clients: a worker has several for each connector.
func TestClientsAreSmall(t *testing.T) {
	const n = 50
	c := cluster(t, embedded.Config{})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	client(t, c, kafka.RoleProducer, nil)
	before := heap()
	for range n {
		if _, err := client(t, c, kafka.RoleProducer, nil).Controller(); err != nil {
			t.Fatal(err)
		}
	}
	per := (heap() - before) / n
	t.Logf("%d bytes for each client and its connections in the broker", per)
	if per > 40<<10 {
		t.Errorf("a client takes %d bytes", per)
	}
}
