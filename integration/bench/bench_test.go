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

func TestFactor(t *testing.T) {
	if got := factor(100, 1000, true); got != 10 {
		t.Errorf("ten times the rate is a factor of %g", got)
	}
	if got := factor(600, 20, false); got != 30 {
		t.Errorf("a thirtieth of the memory is a factor of %g", got)
	}
}
