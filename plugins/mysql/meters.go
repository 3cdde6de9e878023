package mysql

import (
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
)

// meters are the metrics of a task under the names that the JMX exporter of
// Debezium's examples gives to the attributes of its MBeans
// (debezium.mysql:type=connector-metrics,context=CONTEXT,server=PREFIX). The
// goroutine that calls Poll sets them, others read.
type meters struct {
	now       func() time.Time
	streaming contextMeters
	snapshot  contextMeters

	connected, gtids                            atomic.Bool
	behind                                      atomic.Int64 // milliseconds, of the last event
	position                                    atomic.Int64
	committed, rolledBack, skipped, disconnects atomic.Int64

	snapshotBegan, snapshotEnded atomic.Int64 // nanoseconds since 1970
	aborted, without             atomic.Bool  // a snapshot that was broken off, or not needed

	recoveryBegan, recovered, applied atomic.Int64
	lastRecovered, lastApplied        atomic.Int64 // nanoseconds since 1970; 0 for never
	recovering, started               atomic.Bool  // the history is being read; it can be used

	file       atomic.Pointer[string] // of the binlog
	queue      int                    // max.queue.size
	queueBytes int                    // max.queue.size.in.bytes
}

// contextMeters are the attributes that contexts share.
type contextMeters struct {
	seen, created, updated, deleted, filtered, erroneous atomic.Int64
	last                                                 atomic.Int64 // nanoseconds since 1970 of the last event, 0 before there was one
}

// ShowMetrics shows the metrics that a task of a connector has, for a page that
// lists them.
func ShowMetrics(to connect.PluginMetrics) {
	m := &meters{now: time.Now}
	m.register(to, mysqlProduct().name, "PREFIX", func() (connect.Progress, bool) { return connect.Progress{}, false })
}

// register shows the metrics. A runtime without metrics gives nil.
//
// Attributes whose text changes with each event are left out: each text would be a
// series of its own.
func (m *meters) register(to connect.PluginMetrics, connector, prefix string, progress func() (connect.Progress, bool)) {
	if to == nil {
		return
	}
	text := func(context, name, help string, value func() string) {
		to.Text("debezium_metrics_"+name, help, name, value, "plugin", connector, "name", prefix, "context", context)
	}
	in := func(context string) func(name, help string, value func() float64) {
		return func(name, help string, value func() float64) {
			to.Func("debezium_metrics_"+name, help, value, "plugin", connector, "name", prefix, "context", context)
		}
	}
	m.registerShared(in("streaming"), &m.streaming)
	m.registerShared(in("snapshot"), &m.snapshot)
	m.registerStreaming(in("streaming"))
	m.registerSnapshot(in("snapshot"), progress)
	m.registerHistory(in("schema-history"))
	text("streaming", "BinlogFilename", "File of the binlog that is read; empty before there is one.", func() string {
		if file := m.file.Load(); file != nil {
			return *file
		}
		return ""
	})
	text("schema-history", "Status", "STOPPED, RECOVERING or RUNNING.", m.historyStatus)
}

func (m *meters) historyStatus() string {
	switch {
	case m.recovering.Load():
		return "RECOVERING"
	case m.started.Load():
		return "RUNNING"
	}
	return "STOPPED"
}

func (m *meters) registerShared(add func(string, string, func() float64), c *contextMeters) {
	add("TotalNumberOfEventsSeen", "Events since the task started.", number(&c.seen))
	add("TotalNumberOfCreateEventsSeen", "Inserted rows since the task started.", number(&c.created))
	add("TotalNumberOfUpdateEventsSeen", "Updated rows since the task started.", number(&c.updated))
	add("TotalNumberOfDeleteEventsSeen", "Deleted rows since the task started.", number(&c.deleted))
	add("NumberOfEventsFiltered", "Events of tables that are not captured.", number(&c.filtered))
	add("NumberOfErroneousEvents", "Events that could not be processed.", number(&c.erroneous))
	add("MilliSecondsSinceLastEvent", "Milliseconds since the last event, -1 before there was one.", func() float64 {
		return m.since(c.last.Load())
	})
	add("QueueTotalCapacity", "Records of which Debezium's queue holds max.queue.size at most; here records wait in batches.", func() float64 { return float64(m.queue) })
	add("QueueRemainingCapacity", "The same: no record waits in a queue.", func() float64 { return float64(m.queue) })
	add("MaxQueueSizeInBytes", "Bytes that Debezium's queue holds at most (max.queue.size.in.bytes).", func() float64 { return float64(m.queueBytes) })
	add("CurrentQueueSizeInBytes", "0: no record waits in a queue.", func() float64 { return 0 })
}

func (m *meters) registerStreaming(add func(string, string, func() float64)) {
	add("Connected", "1 while the binlog is read.", flag(&m.connected))
	add("MilliSecondsBehindSource", "Milliseconds between the last event on the server and here.", number(&m.behind))
	add("BinlogPosition", "Position in the binlog file.", number(&m.position))
	add("IsGtidModeEnabled", "1 where the server uses GTIDs.", flag(&m.gtids))
	add("NumberOfCommittedTransactions", "Transactions that were committed.", number(&m.committed))
	add("NumberOfRolledBackTransactions", "Transactions that were rolled back.", number(&m.rolledBack))
	add("NumberOfSkippedEvents", "Events that could not be read and were skipped.", number(&m.skipped))
	add("NumberOfDisconnects", "Times that the task lost the server and started again.", number(&m.disconnects))
}

func (m *meters) registerSnapshot(add func(string, string, func() float64), progress func() (connect.Progress, bool)) {
	of := func(value func(connect.Progress) float64) func() float64 {
		return func() float64 {
			p, ok := progress()
			if !ok {
				return 0
			}
			return value(p)
		}
	}
	is := func(state connect.ProgressState) func() float64 {
		return of(func(p connect.Progress) float64 { return one(p.State == state && !m.aborted.Load()) })
	}
	add("TotalTableCount", "Tables of the snapshot.", of(func(p connect.Progress) float64 { return float64(p.AllTables) }))
	add("RemainingTableCount", "Tables that the snapshot has not copied yet.", of(func(p connect.Progress) float64 { return float64(p.AllTables - p.Tables) }))
	add("RowsScanned", "Rows that the snapshot has read.", of(func(p connect.Progress) float64 { return float64(p.Rows) }))
	add("SnapshotRunning", "1 while a snapshot is taken.", is(connect.ProgressRunning))
	add("SnapshotCompleted", "1 when the snapshot is complete.", is(connect.ProgressDone))
	add("SnapshotAborted", "1 when the snapshot was broken off.", flag(&m.aborted))
	add("SnapshotSkipped", "1 when no snapshot was needed.", flag(&m.without))
	add("SnapshotDurationInSeconds", "Seconds that the snapshot has taken so far.", m.duration)
}

func (m *meters) registerHistory(add func(string, string, func() float64)) {
	add("ChangesRecovered", "Records of the schema history that were read when the task started.", number(&m.recovered))
	add("ChangesApplied", "Changes of structures that were applied, when the task started and since.", number(&m.applied))
	add("MilliSecondsSinceLastRecoveredChange", "Milliseconds since the schema history was read, -1 if it was not.", func() float64 { return m.since(m.lastRecovered.Load()) })
	add("MilliSecondsSinceLastAppliedChange", "Milliseconds since a change of a structure was applied, -1 before there was one.", func() float64 { return m.since(m.lastApplied.Load()) })
	add("RecoveryStartTime", "When the recovery of the schema history began, in seconds since 1970; -1 without one.", func() float64 {
		if at := m.recoveryBegan.Load(); at != 0 {
			return float64(at / int64(time.Second))
		}
		return -1
	})
}

// read counts records of a snapshot.
func (m *meters) read(records int) {
	if records > 0 {
		m.snapshot.seen.Add(int64(records))
		m.snapshot.last.Store(m.now().UnixNano())
	}
}

func (m *meters) since(at int64) float64 {
	if at == 0 {
		return -1
	}
	return float64((m.now().UnixNano() - at) / int64(time.Millisecond))
}

func (m *meters) duration() float64 {
	began, ended := m.snapshotBegan.Load(), m.snapshotEnded.Load()
	if began == 0 {
		return 0
	}
	if ended < began {
		ended = m.now().UnixNano()
	}
	return float64((ended - began) / int64(time.Second))
}

func number(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) } }

func flag(b *atomic.Bool) func() float64 { return func() float64 { return one(b.Load()) } }

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// tally counts rows without atomic operations; publish adds them to the metrics
// once for a batch.
type tally struct {
	rows                            [binlog.Delete + 1]int64
	filtered, committed, rolledBack int64
}

// publish moves the counts to the metrics. server is when the last event happened
// there, in microseconds since 1970; file and position are where the binlog is.
func (t *tally) publish(m *meters, server int64, file string, position int64) {
	now := m.now()
	if shown := m.file.Load(); shown == nil || *shown != file {
		m.file.Store(&file)
	}
	s := &m.streaming
	created, updated, deleted := t.rows[binlog.Insert], t.rows[binlog.Update], t.rows[binlog.Delete]
	s.created.Add(created)
	s.updated.Add(updated)
	s.deleted.Add(deleted)
	s.filtered.Add(t.filtered)
	if n := created + updated + deleted + t.filtered; n > 0 {
		s.seen.Add(n)
		s.last.Store(now.UnixNano())
		m.behind.Store(max(0, now.UnixMilli()-server/1000))
	}
	m.committed.Add(t.committed)
	m.rolledBack.Add(t.rolledBack)
	m.position.Store(position)
	*t = tally{}
}

// boundary counts the end of a transaction.
func (t *tally) boundary(b binlog.Boundary) {
	switch b {
	case binlog.Commit:
		t.committed++
	case binlog.Rollback:
		t.rolledBack++
	}
}
