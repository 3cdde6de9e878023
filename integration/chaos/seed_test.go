//go:build servers || real

package chaos

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// seeded returns the source of a test's choices: MILLRACE_SEED, or a new seed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MILLRACE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("MILLRACE_SEED: %v", err)
		}
	}
	t.Logf("MILLRACE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
