//go:build real

package storetest_test

import (
	"os"
	"testing"
)

// TestApacheKafka needs MILLRACE_KAFKA, the bootstrap servers of a cluster on which
// topics called storetest-... may be created.
func TestApacheKafka(t *testing.T) {
	bootstrap := os.Getenv("MILLRACE_KAFKA")
	if bootstrap == "" {
		t.Fatal("MILLRACE_KAFKA is not set")
	}
	kafkaStores(t, bootstrap)
}
