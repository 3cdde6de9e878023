//go:build race

package hotpath

// The race detector lets pools forget, and is slow.
const (
	rowsOfTest = 6_000
	leniency   = 5
)
