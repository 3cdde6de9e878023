package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// figures are the rows of the table: what load.py measures, and whether more is better.
var figures = []struct {
	phase, key, title string
	more              bool
}{
	{"idle", "rss_mib", "memory when idle, MiB", false},
	{"snapshot", "rows_per_s", "snapshot, rows/s", true},
	{"snapshot", "cpu_s_per_million", "snapshot, CPU s per million rows", false},
	{"snapshot", "peak_rss_mib", "snapshot, peak memory, MiB", false},
	{"stream", "rows_per_s", "catching up, rows/s", true},
	{"stream", "cpu_s_per_million", "catching up, CPU s per million rows", false},
	{"stream", "peak_rss_mib", "catching up, peak memory, MiB", false},
	{"latency", "ms_p50", "commit to topic, median, ms", false},
	{"latency", "ms_p99", "commit to topic, 99 %, ms", false},
}

// printTable prints a Markdown table, with the factor by which the last worker is better than the first.
func printTable(kinds []string, phases map[string]map[string]map[string]float64) {
	fmt.Printf("\n| load | %s |", strings.Join(kinds, " | "))
	if len(kinds) > 1 {
		fmt.Print(" factor |")
	}
	fmt.Printf("\n|%s\n", strings.Repeat(" --- |", 1+len(kinds)+min(1, len(kinds)-1)))
	for _, f := range figures {
		fmt.Printf("| %s |", f.title)
		for _, k := range kinds {
			fmt.Printf(" %g |", phases[k][f.phase][f.key])
		}
		if len(kinds) > 1 {
			fmt.Printf(" %.1f |", factor(phases[kinds[0]][f.phase][f.key], phases[kinds[len(kinds)-1]][f.phase][f.key], f.more))
		}
		fmt.Println()
	}
}

func factor(first, last float64, more bool) float64 {
	if more {
		return last / first
	}
	return first / last
}

// machine describes this machine in a line.
func machine() string {
	model := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s/%s, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().Format(time.DateOnly))
}
