package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The figures of a run.
const (
	rate        = "rows/s"
	cpu         = "CPU s per million"
	brokerCPU   = "broker's CPU s per million"
	mysqlCPU    = "MySQL's CPU s per million"
	peakMemory  = "peak MiB"
	allocations = "allocations a row"
)

// figures are what one run gave, by name.
type figures map[string]float64

func (f figures) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s %s", number(f[name]), name))
	}
	return strings.Join(parts, ", ")
}

// results are the figures of all runs, by workload, phase and worker.
type results map[[3]string][]figures

func (r results) add(workload, phase, kind string, f figures) {
	key := [3]string{workload, phase, kind}
	r[key] = append(r[key], f)
}

// of are the values of one figure in all runs.
func (r results) of(workload, phase, kind, figure string) series {
	var s series
	for _, f := range r[[3]string{workload, phase, kind}] {
		if v, ok := f[figure]; ok {
			s = append(s, v)
		}
	}
	return s
}

// series are the values of one figure in several runs.
type series []float64

func (s series) median() float64 { return medianOf(s, func(v float64) float64 { return v }) }

// String is the median with the spread of the runs.
func (s series) String() string {
	switch len(s) {
	case 0:
		return "–"
	case 1:
		return number(s[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.median()), number(slices.Min(s)), number(slices.Max(s)))
}

// ratio is the one median in terms of the other.
func ratio(of, to series) float64 {
	if len(of) == 0 || len(to) == 0 || to.median() == 0 {
		return 0
	}
	return of.median() / to.median()
}

// times writes a ratio, if there is one.
func times(of, to series, format string) string {
	r := ratio(of, to)
	if r == 0 {
		return "–"
	}
	return fmt.Sprintf(format, r)
}

// number writes a figure with as many digits as say something.
func number(v float64) string {
	switch {
	case v >= 10_000:
		return group3(int64(v+50) / 100 * 100)
	case v >= 1_000:
		return group3(int64(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// group3 writes thousands with a comma.
func group3(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", group3(n/1000), n%1000)
}

func medianOf[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.SortFunc(values, cmp.Compare)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// quantile is the value that a part p of sorted values does not exceed.
func quantile(sorted []float64, p float64) float64 {
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))]
}
