package snapshot

import (
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// The pace counts the rows since the start alone, estimates may be too low, and only
// what is done is complete.
func TestProgress(t *testing.T) {
	began := time.Unix(1000, 0)
	p := &progress{}
	p.resume(&position.Checkpoint{Done: []string{"a.a"}, Total: 50})
	if p.now.Rows != 50 || p.now.State != connect.ProgressRunning || p.now.Tables != 1 {
		t.Errorf("before it goes on: %+v", p.now)
	}
	p.begin(began, []*job{{estimate: 100, before: 20}, {estimate: 70}}, 50, 1)
	for _, c := range []struct {
		rows, estimated int64
		after           time.Duration
		percent         float64
		remaining       time.Duration
	}{
		{50, 200, time.Second, 25, 0},
		{100, 200, 2 * time.Second, 50, 4 * time.Second},
		{150, 200, 5 * time.Second, 75, 2500 * time.Millisecond},
		{300, 300, 6 * time.Second, 99.9, 0},
	} {
		p.now.Rows = c.rows
		p.estimate(began.Add(c.after))
		if n := p.now; n.EstimatedRows != c.estimated || n.Percent != c.percent || n.Remaining != c.remaining || n.AllTables != 3 {
			t.Errorf("%d rows after %v: %+v", c.rows, c.after, n)
		}
	}
	p.finish()
	if n := p.now; n.State != connect.ProgressDone || n.Percent != 100 || n.EstimatedRows != 300 {
		t.Errorf("done: %+v", n)
	}
}
