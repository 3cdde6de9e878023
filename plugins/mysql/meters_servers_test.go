//go:build servers

package mysql

import (
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// shownMetrics keeps the functions of the metrics that a task shows.
type shownMetrics map[string]func() float64

func (s shownMetrics) Counter(string, string) interface{ Add(float64) } { return nil }
func (s shownMetrics) Gauge(string, string) interface{ Set(float64) }   { return nil }
func (s shownMetrics) Func(name, _ string, value func() float64, labels ...string) {
	s[labels[len(labels)-1]+" "+name[len("debezium_metrics_"):]] = value
}

// Text shows a text as the name of a function that gives 1.
func (s shownMetrics) Text(name, _, in string, value func() string, labels ...string) {
	s[labels[len(labels)-1]+" "+name[len("debezium_metrics_"):]] = func() float64 {
		if in != name[len("debezium_metrics_"):] {
			return -1
		}
		return map[string]float64{"": 0, "mysql-bin.000001": 1, "STOPPED": 10, "RUNNING": 11}[value()]
	}
}

// The metrics of a task follow its snapshot, its stream and its restart.
func TestTaskMetrics(t *testing.T) {
	db := rig.MySQL(t)
	database(t, db, "shop")
	l := newLife(t, db, 5801, map[string]string{"database.include.list": "shop", "include.schema.changes": "false"})
	l.runtime.metrics = shownMetrics{}
	check := func(when string, want map[string]float64) {
		t.Helper()
		for name, n := range want {
			value := l.runtime.metrics[name]
			if value == nil {
				t.Fatalf("there is no metric %s", name)
			}
			if got := value(); got != n {
				t.Errorf("%s: %s is %g, want %g", when, name, got, n)
			}
		}
	}
	l.start()
	check("before the snapshot", map[string]float64{"streaming Connected": 0, "streaming MilliSecondsSinceLastEvent": -1, "snapshot RowsScanned": 0})
	l.take(2)
	mustExec(t, db, "BEGIN", "INSERT INTO shop.a VALUES (3,'y',3),(4,'z',4)", "UPDATE shop.a SET v='w' WHERE id=3", "COMMIT", "DELETE FROM shop.a WHERE id=4",
		"CREATE DATABASE other", "CREATE TABLE other.t (id INT PRIMARY KEY)", "INSERT INTO other.t VALUES (1)", "ALTER TABLE shop.a ADD COLUMN n INT",
		"INSERT INTO shop.a VALUES (5,'v',5,5)")
	l.take(6)
	check("after the stream", map[string]float64{
		"snapshot TotalTableCount": 1, "snapshot RemainingTableCount": 0, "snapshot RowsScanned": 2, "snapshot TotalNumberOfEventsSeen": 2,
		"snapshot SnapshotRunning": 0, "snapshot SnapshotCompleted": 1, "snapshot SnapshotAborted": 0, "snapshot SnapshotSkipped": 0,
		"streaming BinlogFilename": 1, "schema-history Status": 11, "streaming QueueTotalCapacity": 8192, "snapshot QueueRemainingCapacity": 8192,
		"streaming MaxQueueSizeInBytes": 0, "streaming CurrentQueueSizeInBytes": 0, "schema-history MilliSecondsSinceLastRecoveredChange": -1,
		"streaming Connected": 1, "streaming IsGtidModeEnabled": 1, "streaming TotalNumberOfCreateEventsSeen": 3,
		"streaming TotalNumberOfUpdateEventsSeen": 1, "streaming TotalNumberOfDeleteEventsSeen": 1, "streaming NumberOfEventsFiltered": 1,
		"streaming TotalNumberOfEventsSeen": 6, "streaming NumberOfDisconnects": 0, "streaming NumberOfErroneousEvents": 0,
		"schema-history RecoveryStartTime": -1,
	})
	if n := l.runtime.metrics["streaming NumberOfCommittedTransactions"](); n < 3 {
		t.Errorf("%g transactions were committed", n)
	}
	if behind := l.runtime.metrics["streaming MilliSecondsBehindSource"](); behind < 0 || behind > 60_000 {
		t.Errorf("%g ms behind", behind)
	}
	l.stop()
	check("stopped", map[string]float64{"streaming Connected": 0, "schema-history Status": 10})
	l.start()
	check("started again", map[string]float64{"streaming Connected": 1, "snapshot SnapshotSkipped": 1, "snapshot SnapshotCompleted": 0})
	for _, name := range []string{"MilliSecondsSinceLastRecoveredChange", "MilliSecondsSinceLastAppliedChange"} {
		if ms := l.runtime.metrics["schema-history "+name](); ms < 0 || ms > 60_000 {
			t.Errorf("%s is %g", name, ms)
		}
	}
	if n := l.runtime.metrics["schema-history ChangesApplied"](); n < 2 {
		t.Errorf("%g changes were applied", n)
	}
}
