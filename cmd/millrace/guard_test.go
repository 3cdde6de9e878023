package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProfiles(t *testing.T) {
	for path, want := range map[string]int{
		"/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK, "/debug/pprof/symbol": http.StatusOK,
		"/debug/pprof/cmdline": http.StatusNotFound, // arguments are nobody's business
		"/debug/pprof/none":    http.StatusNotFound,
	} {
		answer := httptest.NewRecorder()
		debugHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}

func TestTaskMemory(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		set   int
		limit int64
		want  int
	}{
		{0, math.MaxInt64, 32 * mib}, // no limit
		{0, 4096 * mib, 32 * mib},
		{0, 256 * mib, 32 * mib},
		{0, 128 * mib, 16 * mib},
		{0, 16 * mib, 4 * mib},
		{100 * mib, 128 * mib, 100 * mib},
		{1, math.MaxInt64, 1},
	} {
		if got := taskMemory(c.set, c.limit); got != c.want {
			t.Errorf("set to %d, with a limit of %d: %d, want %d", c.set, c.limit, got, c.want)
		}
	}
}
