package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/millrace/millrace/integration/peer"
)

// ticksPerSecond is the unit of times in /proc, the same on all of Linux's ports.
const ticksPerSecond = 100

// settle makes measurements independent of those before them: the disk takes what they wrote, or the next broker to write
// would have to wait for it, and a virtual machine gets the memory back that its host took when it was freed, or the next to
// fill the page cache would have to.
func settle() {
	const free = 4 << 30 // bytes; more than a measurement writes
	syscall.Sync()
	if m, err := syscall.Mmap(-1, 0, free, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE); err == nil {
		_ = syscall.Munmap(m)
	}
}

// cpuSeconds is the processor time, of user and system, that a process has used, 0 when it is gone.
func cpuSeconds(pid int) float64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	if err != nil {
		return 0
	}
	return (user + system) / ticksPerSecond
}

// memory is the resident memory of a process in MiB.
func memory(pid int) (float64, error) { return processStatus(pid, "VmRSS") }

// peak is the most resident memory, in MiB, that a process had since resetPeak.
func peak(pid int) (float64, error) { return processStatus(pid, "VmHWM") }

// resetPeak makes the present memory of a process its peak (proc(5), clear_refs).
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

func processStatus(pid int, key string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, key+": %f kB", &kib); n == 1 {
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("no %s in the status of process %d", key, pid)
}

// metric is the sum of a metric of a millrace worker over all its labels. It is named by how it ends. A worker with an admin
// listener serves its metrics there.
func (b *bench) metric(ctx context.Context, w *peer.Worker, suffix string) (float64, error) {
	base := w.URL()
	if admin := b.properties["admin.listeners"]; admin != "" {
		base = admin
	}
	response, err := get(ctx, base+"/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s/metrics: %s", base, response.Status)
	}
	sum, found := 0.0, false
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name, _, _ = strings.Cut(name, "{"); !strings.HasSuffix(name, suffix) || strings.HasPrefix(name, "#") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+v, true
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s at /metrics", w.Name(), suffix)
	}
	return sum, nil
}

// mallocs counts the allocations of a millrace worker since it was started.
func (b *bench) mallocs(ctx context.Context, w *peer.Worker) (float64, error) {
	return b.metric(ctx, w, "go_memstats_mallocs_total")
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	var load float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &load) // 0 where there is none
	}
	return load
}
