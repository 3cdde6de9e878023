package main

import "testing"

func TestReadPhases(t *testing.T) {
	phases, err := readPhases([]byte("{\"phase\": \"idle\", \"rss_mib\": 19.5}\n{\"phase\": \"snapshot\", \"rows\": 10, \"rows_per_s\": 200}\n"))
	if err != nil || phases["idle"]["rss_mib"] != 19.5 || phases["snapshot"]["rows_per_s"] != 200 {
		t.Errorf("%v, %v", phases, err)
	}
	if _, err := readPhases([]byte("Traceback")); err == nil {
		t.Error("what is no JSON is no error")
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := medianOf(c.all, func(v float64) float64 { return v }); got != c.want {
			t.Errorf("median of %v is %g", c.all, got)
		}
	}
}

func TestFactor(t *testing.T) {
	if got := factor(100, 1000, true); got != 10 {
		t.Errorf("ten times the rate is a factor of %g", got)
	}
	if got := factor(600, 20, false); got != 30 {
		t.Errorf("a thirtieth of the memory is a factor of %g", got)
	}
}
