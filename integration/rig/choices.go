package rig

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/millrace/millrace/integration/peer"
)

// Seed is that of a test's random choices, MILLRACE_SEED or a new one. The test says which, so that it can be repeated.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MILLRACE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("MILLRACE_SEED: %v", err)
		}
	}
	t.Logf("MILLRACE_SEED=%d", seed)
	return seed
}

// Random is the source of a test's choices.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), 0))
}

// FreePort is a port of 127.0.0.1 that nothing listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := peer.FreePort()
	check(t, err)
	return port
}
