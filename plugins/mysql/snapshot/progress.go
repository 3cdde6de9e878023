package snapshot

import (
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// progress is how far the rows have been read. Any goroutine may ask.
type progress struct {
	mu    sync.Mutex
	began time.Time
	from  int64 // rows that were read before an interruption
	now   connect.Progress
	said  time.Time // when the log heard of it
}

// resume takes over what was read before an interruption; nil for nothing.
func (p *progress) resume(c *position.Checkpoint) {
	if c != nil {
		p.now = connect.Progress{Kind: "snapshot", State: connect.ProgressRunning, Rows: c.Total, EstimatedRows: c.Total, Tables: len(c.Done), AllTables: len(c.Done)}
	}
}

// begin counts what is to be read, besides rows and tables that were read before.
func (p *progress) begin(at time.Time, jobs []*job, rows int64, tables int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.said, p.from = at, at, rows
	p.now = connect.Progress{Kind: "snapshot", State: connect.ProgressRunning, Rows: rows, EstimatedRows: rows, Tables: tables, AllTables: tables + len(jobs)}
	for _, j := range jobs {
		p.now.EstimatedRows += max(0, j.estimate-j.before)
	}
}

// finish says that all is read.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.State, p.now.Table = connect.ProgressDone, ""
	p.now.EstimatedRows, p.now.Percent, p.now.Remaining = p.now.Rows, 100, 0
}

// logEvery is how often the log says how far a snapshot is.
const logEvery = 10 * time.Second

// report publishes how far the scan is.
func (r *Reader) report() {
	s, p := &r.scan, &r.progress
	now := r.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Rows, p.now.Tables = s.rows, len(s.done)
	if s.row.table != nil {
		p.now.Table = s.row.table.job.table.ID.String()
	}
	p.estimate(now)
	if now.Sub(p.said) < logEvery {
		return
	}
	p.said = now
	r.log.Info("snapshot: running", "rows", p.now.Rows, "estimated", p.now.EstimatedRows, "percent", p.now.Percent,
		"tables", p.now.Tables, "of", p.now.AllTables, "table", p.now.Table, "remaining", p.now.Remaining.Round(time.Second))
}

// estimate works out what share is done and how long the rest takes, at the pace
// since the start. Estimates of a table's rows may be too low: what is running is
// never said to be complete.
func (p *progress) estimate(now time.Time) {
	n := &p.now
	n.EstimatedRows = max(n.EstimatedRows, n.Rows)
	if n.EstimatedRows > 0 {
		n.Percent = min(99.9, 100*float64(n.Rows)/float64(n.EstimatedRows))
	}
	if rows := n.Rows - p.from; rows > 0 {
		n.Remaining = time.Duration(float64(now.Sub(p.began)) / float64(rows) * float64(n.EstimatedRows-n.Rows))
	}
}

// Progress says how far the snapshot is; ok is false before the first row is read.
func (r *Reader) Progress() (p connect.Progress, ok bool) {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	return r.progress.now, r.progress.now.State != ""
}
