package connect

import "time"

// ProgressReporter is implemented by tasks that can say how far they are with
// work that comes to an end, such as the snapshot of a database. Progress is
// called from any goroutine while the task runs; ok is false when there is no
// such work.
type ProgressReporter interface {
	Progress() (p Progress, ok bool)
}

// Progress is how far a task is. The estimates may be wrong.
type Progress struct {
	Kind          string // what is being done, such as "snapshot"
	State         ProgressState
	Rows          int64 // done
	EstimatedRows int64 // of all that is to be done; never fewer than Rows
	Percent       float64
	Tables        int    // done
	AllTables     int    // to be done in all
	Table         string // being read, "" for none
	Remaining     time.Duration
}

// ProgressState says whether work is under way.
type ProgressState string

// The states of work.
const (
	ProgressRunning ProgressState = "RUNNING"
	ProgressDone    ProgressState = "DONE"
)
