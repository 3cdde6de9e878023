//go:build real

package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// TestApacheKafka needs MILLRACE_KAFKA, the bootstrap servers of a cluster on which
// topics called kafkatest-... may be created.
func TestApacheKafka(t *testing.T) {
	bootstrap := os.Getenv("MILLRACE_KAFKA")
	if bootstrap == "" {
		t.Fatal("MILLRACE_KAFKA is not set")
	}
	readsOnlyCommitted(t, bootstrap, fmt.Sprintf("kafkatest-%08x", rand.Uint32()))
}
