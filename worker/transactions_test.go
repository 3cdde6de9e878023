package worker

import (
	"testing"
	"time"
)

// TestHowLongTransactionsLast under load, and without.
func TestHowLongTransactionsLast(t *testing.T) {
	const ms = time.Millisecond
	now := time.Unix(1000, 0)
	at := func(lasted, took time.Duration, b boundary) *transactions {
		task := &sourceTask{lifecycle: lifecycle{w: &Worker{cfg: Config{Now: func() time.Time { return now }}}}}
		return &transactions{t: task, open: true, boundary: b, interval: 50 * ms, began: now.Add(-lasted), took: took}
	}
	for _, c := range []struct {
		lasted, ending time.Duration
		enough         bool
	}{
		{0, 0, true}, // the first one, of which nobody knows what it costs
		{10 * ms, 5 * ms, false},
		{100 * ms, 5 * ms, true},
		{900 * ms, 80 * ms, false},
		{1000 * ms, 80 * ms, true},
	} {
		if got := at(c.lasted, c.ending, boundaryPoll).longEnough(); got != c.enough {
			t.Errorf("a transaction of %s, where an end takes %s: long enough %t", c.lasted, c.ending, got)
		}
	}
	for _, c := range []struct {
		boundary boundary
		lasted   time.Duration
		took     time.Duration
		wait     time.Duration
		ends     bool
	}{
		{boundaryPoll, 10 * ms, 5 * ms, idle, true},
		{boundaryPoll, 10 * ms, 80 * ms, 10 * ms, true}, // a slow coordinator, or a busy machine
		{boundaryPoll, 10 * ms, time.Minute, longest, true},
		{boundaryInterval, 10 * ms, 5 * ms, 40 * ms, true},
		{boundaryInterval, 70 * ms, 5 * ms, 0, true},
		{boundaryConnector, 10 * ms, 5 * ms, 0, false},
	} {
		if wait, ends := at(c.lasted, c.took, c.boundary).patience(); wait != c.wait || ends != c.ends {
			t.Errorf("%s, after %s: waits %s, %t", c.boundary, c.lasted, wait, ends)
		}
	}
	behind := at(0, 0, boundaryInterval)
	behind.ending = &ending{}
	if _, ends := behind.patience(); ends {
		t.Error("a transaction ends before the one before it")
	}
	closed := at(0, 0, boundaryPoll)
	closed.open = false
	if _, ends := closed.patience(); ends {
		t.Error("a transaction that is not open has an end")
	}
}
