//go:build servers || real

package security

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain lets many cases of a test wait at the same time, on however few processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
