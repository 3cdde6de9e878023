// Package worker runs connectors and tasks. It decides nothing about the
// cluster: a herder tells it what to start, pause and stop, and hears of what
// became of it through a StatusListener.
package worker
