package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/millrace/millrace/worker"
)

// garbagePercent is how much garbage there may be for what is in use, in percent. On the way of records there is hardly
// any, so that it costs little to collect it early: it comes from connectors that start, and from requests.
const garbagePercent = 50

// limitMemory sets the collector's pace, and lets it work harder, rather than the kernel end the process, when memory comes
// close to the limit of the container. GOGC and GOMEMLIMIT in the environment win.
func limitMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
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
