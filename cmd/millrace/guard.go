package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/millrace/millrace/worker"
)

// limitMemory lets the garbage collector work harder, rather than the kernel end the process, when memory comes close
// to the limit of the container. GOMEMLIMIT in the environment wins. It is a guard: in ordinary work memory is bounded by
// the queues, and the collector's pace does not matter.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set()
	if err != nil {
		log.Debug("no memory limit was found", "error", err)
		return
	}
	log.Debug("the garbage collector heeds a memory limit", "bytes", limit)
}

// taskMemory is what the records of tasks may take: what the settings say, or else the
// usual, unless that is more than an eighth of the limit that the garbage collector
// heeds. The rest is for all that a worker and its connectors hold besides, and for
// the collector.
func taskMemory(set int, limit int64) int {
	const least = 4 << 20
	if set > 0 {
		return set
	}
	return max(least, int(min(worker.DefaultTaskMemory, limit/8)))
}

// debugHandler serves profiles of the process; it is only for the admin listeners.
func debugHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/debug/pprof/", pprof.Index)
	m.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return m
}
