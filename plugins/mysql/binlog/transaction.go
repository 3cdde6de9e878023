package binlog

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// TrackerConfig says where a Tracker starts.
type TrackerConfig struct {
	Flavor position.Flavor
	// Offset is where the connector resumes. Its time and server id are those of
	// the offsets until the first event says better.
	Offset position.Offset
	// GTIDs is the set with which reading begins, nil when the connector does not
	// resume by GTID. The Tracker works on a copy.
	GTIDs *position.Set
	// GTIDMode is whether the server uses GTIDs: then the time of events is that of
	// the transaction's first commit, in microseconds.
	GTIDMode bool
	// KeepSource is the filter of gtid.source.includes and excludes when
	// gtid.source.filter.dml.events is on; nil keeps all.
	KeepSource func(source string) bool
	// Checkpoint, if not nil, makes all offsets say that a snapshot is running and
	// has come that far.
	Checkpoint *position.Checkpoint
}

// Boundary is what an event means to the transaction.
type Boundary uint8

// The boundaries.
const (
	NoBoundary Boundary = iota
	Begin               // a transaction begins with this event
	Commit              // and ends
	Rollback            // ends with ROLLBACK; what it holds has happened all the same
)

// Action is what to do with an event.
type Action struct {
	Boundary Boundary
	// Skip is set for rows events that were handled before the restart, or come
	// from a filtered source.
	Skip bool
	// FirstRow is the number of rows that were handled before the restart.
	FirstRow int64
}

// Tracker follows a binlog and knows, at each row, the source offset from which
// to resume behind it. It does no I/O. Events go through it like this:
//
//	a := t.Enter(e)
//	...           for each row i of a rows event that is not to be skipped, from
//	              a.FirstRow on: t.RowOffset(i + 1)
//	...           for a schema change: t.Touch(), t.Offset()
//	...           for the record of a boundary: t.Offset()
//	t.Leave(e)
//
// The offsets are those of io.debezium.connector.binlog.BinlogOffsetContext, with
// two differences, both where Java's offsets lead to lost rows: inside an XA
// transaction the offset stays at its beginning, and the first GTID that is ever
// seen does not count as done before its transaction is.
type Tracker struct {
	cfg TrackerConfig

	set              *position.Set // with the transaction being read
	current, restart position.SetText

	file, restartFile string
	pos, restartPos   int64
	size              int64
	event             int64
	serverID          uint32
	inTx, inXA        bool
	standalone        bool // MariaDB: the transaction is one statement, which no COMMIT ends
	amid              bool // a transaction or statement has begun that has not ended

	gtid    position.GTID
	hasGTID bool
	thread  int64

	eventTime, sourceTime       int64 // microseconds
	hasEventTime, hasSourceTime bool
	payloadTime                 uint32 // of a payload event whose events are being read

	skipEvents int64
	skipping   bool
	startRow   int64
	ignoreRows bool

	extra       *position.Extra
	incremental map[string]any
	combined    *position.Extra // of the two, nil until asked for
	base        *position.Base  // of the current event, nil until asked for
	slab        position.Slab
}

// NewTracker starts at the configured offset.
func NewTracker(cfg TrackerConfig) *Tracker {
	o := cfg.Offset
	t := &Tracker{
		cfg: cfg, file: o.File, restartFile: o.File, pos: o.Pos, restartPos: o.Pos,
		event: o.Event, skipEvents: o.Event, startRow: o.Row, thread: -1,
		serverID: uint32(o.ServerID), sourceTime: o.Time * 1e6, hasSourceTime: o.HasTime,
	}
	if cfg.GTIDs != nil {
		t.set = cfg.GTIDs.Clone()
		t.current = t.set.Text()
	}
	t.restart = t.current
	return t
}

// Enter takes the next event.
func (t *Tracker) Enter(e *Event) Action {
	t.base = nil
	t.serverID = e.ServerID
	if !e.InPayload && t.payloadTime != 0 {
		t.setTime(e, t.payloadTime)
		t.payloadTime = 0
	}
	t.move(e)
	switch e.Kind {
	case KindGTID:
		return t.enterGTID(e)
	case KindQuery:
		return t.enterQuery(e)
	case KindXID:
		return Action{Boundary: Commit}
	case KindXAPrepare:
		t.endXA()
	case KindRows:
		if t.skipping || t.ignoreRows {
			return Action{Skip: true}
		}
		return Action{FirstRow: t.startRow}
	}
	return Action{}
}

// move follows the position in the binlog.
func (t *Tracker) move(e *Event) {
	switch {
	case e.Kind == KindRotate:
		t.file, t.pos, t.size = e.Rotate.File, e.Rotate.Pos, 0
		t.restartFile, t.restartPos, t.event = t.file, t.pos, 0
		t.inTx, t.inXA, t.amid = false, false, false // no transaction goes on in another file
	case e.Pos() > 0:
		t.pos, t.size = e.Pos(), int64(e.Size)
		if !t.inTx && !t.inXA {
			t.restartPos, t.event = t.pos+t.size, 0
		}
	}
}

func (t *Tracker) enterGTID(e *Event) Action {
	t.amid = true
	if t.set != nil && !e.GTID.Anonymous {
		t.gtid, t.hasGTID = e.GTID.GTID, true
		t.restart = t.current
		t.set.Add(t.gtid)
		t.current = t.set.Text()
		t.ignoreRows = t.cfg.KeepSource != nil && !t.cfg.KeepSource(t.gtid.Source())
	}
	if t.cfg.Flavor != position.MariaDB {
		return Action{}
	}
	t.standalone = e.GTID.Standalone
	t.begin()
	return Action{Boundary: Begin}
}

func (t *Tracker) enterQuery(e *Event) Action {
	switch classify(e.Query.SQL) {
	case verbBegin:
		t.begin()
		t.thread = int64(e.Query.Thread)
		return Action{Boundary: Begin}
	case verbCommit:
		return Action{Boundary: Commit}
	case verbRollback:
		return Action{Boundary: Rollback}
	case verbXAStart:
		if !t.inTx {
			t.inXA, t.amid = true, true
			t.restartFile, t.restartPos, t.event = t.file, t.pos, 0
		}
	}
	return Action{}
}

func (t *Tracker) begin() {
	t.restartFile, t.restartPos, t.event = t.file, t.pos, 0
	t.inTx, t.inXA, t.amid = true, false, true
	if t.skipEvents != 0 {
		t.skipping = true
	}
}

func (t *Tracker) endXA() {
	if t.inXA {
		t.inXA = false
		t.commit()
	}
}

func (t *Tracker) commit() {
	t.restart = t.current
	t.restartFile, t.restartPos, t.event = t.file, t.pos+t.size, 0
	t.inTx, t.inXA, t.amid, t.thread = false, false, false, -1
	t.skipping, t.ignoreRows = false, false
	t.base = nil
}

// Leave ends the work on an event: from now on it counts as done.
func (t *Tracker) Leave(e *Event) {
	t.base = nil
	switch e.Kind {
	case KindPayload:
		t.payloadTime = e.Timestamp // counts when the events inside are done
		t.amid = true
		return
	case KindHeartbeat:
		return
	case KindXID:
		t.commit()
	case KindQuery:
		switch v := classify(e.Query.SQL); {
		case v == verbCommit || v == verbRollback:
			t.commit()
		case v == verbXAOutcome, v == verbOther && !t.inXA && (!t.inTx || t.standalone):
			t.amid = false
		}
	case KindXAPrepare:
		t.amid = false
	case KindRows:
		if !t.skipping && !t.ignoreRows {
			t.startRow = 0
		}
	}
	if !e.madeUp() || t.inTx || t.inXA { // what is made up for a connection does not come before the next transaction again
		t.event++
	}
	if t.skipping {
		t.skipEvents--
		t.skipping = t.skipEvents > 0
	}
	if !e.InPayload && e.Timestamp != 0 {
		t.setTime(e, e.Timestamp)
	}
}

// setTime takes the time of an event over. With GTIDs that of MySQL's GTID event
// holds for the whole transaction.
func (t *Tracker) setTime(e *Event, seconds uint32) {
	micros := int64(seconds) * 1e6
	if t.cfg.Flavor == position.MySQL && t.cfg.GTIDMode && t.hasEventTime {
		if e.Kind != KindGTID || e.GTID.Anonymous {
			return
		}
		if e.GTID.OriginalCommit != 0 {
			micros = int64(e.GTID.OriginalCommit)
		}
	}
	t.eventTime, t.hasEventTime = micros, true
}

// RowOffset is the offset after the first n rows of the current rows event.
func (t *Tracker) RowOffset(n int64) connect.Offset {
	if t.base == nil {
		t.Touch()
		t.base = t.newBase()
	}
	if t.inXA {
		n = 0
	}
	return connect.Offset{Base: t.base, N: n}
}

// Touch makes the current event's time that of the offset (ts_sec), as for a
// change of data or schema.
func (t *Tracker) Touch() {
	t.sourceTime, t.hasSourceTime = t.eventTime, t.hasEventTime
	t.base = nil
}

// Offset is the offset as it stands between two rows events.
func (t *Tracker) Offset() connect.Offset {
	return connect.Offset{Base: t.newBase()}
}

func (t *Tracker) newBase() *position.Base {
	b := position.Base{
		File: t.restartFile, Pos: t.restartPos, GTIDs: t.restart, Event: t.event,
		Time: floorSeconds(t.sourceTime), HasTime: t.hasSourceTime, ServerID: int64(t.serverID), Extra: t.extras(),
	}
	if t.cfg.Checkpoint != nil {
		b.Snapshot, b.Checkpoint = position.SnapshotInitial, t.cfg.Checkpoint
	}
	if t.inXA {
		b.Event = 0
	}
	return t.slab.New(b)
}

func floorSeconds(micros int64) int64 {
	s := micros / 1e6
	if micros%1e6 < 0 {
		s--
	}
	return s
}

// SetExtra sets the additional fields of the offsets that follow. What x points
// at must not change any more.
func (t *Tracker) SetExtra(x *position.Extra) { t.extra, t.combined, t.base = x, nil, nil }

// SetIncremental sets the fields of a running incremental snapshot in the offsets
// that follow; nil for none. The map must not change any more.
func (t *Tracker) SetIncremental(fields map[string]any) {
	t.incremental, t.combined, t.base = fields, nil, nil
}

// extras are all additional fields of the offsets.
func (t *Tracker) extras() *position.Extra {
	if t.incremental == nil {
		return t.extra
	}
	if t.combined == nil {
		t.combined = &position.Extra{RowTable: -1}
		if t.extra != nil {
			*t.combined = *t.extra
		}
		t.combined.Incremental = t.incremental
	}
	return t.combined
}

// Done is where the binlog has been read up to; ok is false inside a transaction
// or statement, which counts as a whole. Offsets may lag behind: those of MariaDB
// stay at a statement until the next transaction begins.
func (t *Tracker) Done() (file string, pos int64, ok bool) {
	return t.file, t.pos + t.size, !t.amid
}

// Within reports whether a set holds all transactions that have been read.
func (t *Tracker) Within(executed *position.Set) bool {
	return t.set == nil || executed.ContainsAll(t.set)
}

// EventMicros is the time of the current event in microseconds since 1970, as
// the source block of a change event gives it: that of the event before, but in
// GTID mode that of the transaction's first commit. ok is false before any event
// had a time.
func (t *Tracker) EventMicros() (micros int64, ok bool) { return t.eventTime, t.hasEventTime }

// GTID is the transaction being read; ok is false without GTIDs.
func (t *Tracker) GTID() (g position.GTID, ok bool) { return t.gtid, t.hasGTID }

// Executed is the text of the set of all transactions read so far, the one being
// read included; empty without GTIDs.
func (t *Tracker) Executed() position.SetText { return t.current }

// Thread is the connection that runs the transaction, -1 when unknown.
func (t *Tracker) Thread() int64 { return t.thread }

// File and Pos say where the current event begins.
func (t *Tracker) File() string { return t.file }

// Pos is where the current event begins in File.
func (t *Tracker) Pos() int64 { return t.pos }

// ServerID is the server that wrote the current event.
func (t *Tracker) ServerID() uint32 { return t.serverID }

// Reached reports whether everything up to a position of the server's binlog has
// been read, and nothing is half read. set is what the server has executed there,
// nil to go by file and pos alone.
func (t *Tracker) Reached(want *position.Offset, set *position.Set) bool {
	if t.amid {
		return false
	}
	return t.set != nil && set != nil && t.set.ContainsAll(set) || position.Reached(t.file, t.pos+t.size, want)
}

// TransactionID names the transaction that has begun: its GTID, or else where it
// begins, as the records of provide.transaction.metadata do.
func (t *Tracker) TransactionID() string {
	if t.hasGTID {
		return t.gtid.String()
	}
	return fmt.Sprintf("file=%s,pos=%d", t.restartFile, t.restartPos)
}
