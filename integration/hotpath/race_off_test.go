//go:build !race

package hotpath

const (
	rowsOfTest = 40_000
	leniency   = 1
)
