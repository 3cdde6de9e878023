package kafka

import (
	"errors"
	"testing"
	"time"
)

func TestRepeats(t *testing.T) {
	var r Repeats
	one, two := errors.New("one of 12:30:01"), errors.New("two")
	again := errors.New("one of 12:30:02") // the same, at another time
	now := time.Now()
	for _, c := range []struct {
		err     error
		after   time.Duration
		due     bool
		omitted int
	}{
		{one, 0, true, 0}, {one, time.Second, false, 0}, {one, time.Second, false, 0}, {one, time.Minute, true, 2},
		{one, time.Second, false, 0}, {two, 0, true, 0}, {one, 0, false, 0}, {two, 0, false, 0}, {again, 0, false, 0}, {one, 2 * time.Minute, true, 3},
	} {
		now = now.Add(c.after)
		if omitted, due := r.Due(c.err, now); due != c.due || omitted != c.omitted {
			t.Errorf("%v after %s: %v, %d omitted", c.err, c.after, due, omitted)
		}
	}
	if !r.Over() || r.Over() {
		t.Error("the end of a failure is told once")
	}
	if _, due := r.Due(one, now); !due {
		t.Error("a failure that comes back is not told of")
	}
}
