// Package worker runs connectors and tasks. It decides nothing about the
// cluster: a herder tells it what to start, pause and stop (Runtime), and hears
// of what became of it (StatusListener).
//
// DESIGN.md tells the way of a record, the life of a task and which goroutine
// owns what.
package worker
