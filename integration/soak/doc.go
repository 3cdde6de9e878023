// Package soak holds a promise for as long as it is told to: whatever rows and structures change, and however often the
// worker is killed, the topics folded by key are the tables, row by row. `make soak` runs it.
package soak
