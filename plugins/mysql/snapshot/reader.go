package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Config says what to read.
type Config struct {
	Filter *table.Filter
	// Locking is snapshot.locking.mode, LockTimeout how long a lock is waited for.
	Locking     string
	LockTimeout time.Duration
	// Data is false when only the structure is wanted.
	Data bool
	// IncludeTables is table.include.list, which also orders the tables.
	IncludeTables table.Patterns
	// OnlyTables is snapshot.include.collection.list; empty for all.
	OnlyTables table.Patterns
	// OnlyCapturedTables and OnlyCapturedDatabases limit what goes to the schema history.
	OnlyCapturedTables, OnlyCapturedDatabases bool
	// Order is snapshot.tables.order.by.row.count: disabled, ascending or descending.
	Order string
	// Overrides are SELECT statements by table (snapshot.select.statement.overrides).
	Overrides map[string]string
	// From, if not nil, is where streaming goes on: the structure is read anew
	// (snapshot.mode=recovery) and recorded as of this offset.
	From *position.Offset
	// Clock is what time it is; nil for time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Schema keeps the tables. It is told of the structure as the snapshot reads it.
type Schema interface {
	// Apply takes a statement, records it in the schema history and adds its
	// schema-change records to the batch.
	Apply(ctx context.Context, b *connect.Batch, st Statement, src *event.Source, offset connect.Offset) error
	// Flush makes sure that all statements are durably recorded.
	Flush(ctx context.Context) error
	// Plan makes the events of a table; nil when the table is not known.
	Plan(id table.ID) (*event.Plan, error)
	// SetClock sets the time at which records are made.
	SetClock(nanos int64)
}

// Reader takes one snapshot. It belongs to one goroutine.
type Reader struct {
	cfg    Config
	conn   *server.Conn
	schema Schema
	log    *slog.Logger
	lock   locker
	slab   position.Slab

	file     string // where the snapshot was taken
	pos      int64
	gtids    position.SetText
	started  bool
	pending  []Statement // structure that has not been applied
	recorded bool        // the structure is in the schema history
	scan     scan
	src      event.Source
	last     lastRecord
}

// New prepares a snapshot over a connection that nobody else uses. The session
// should have time_zone '+00:00'.
func New(conn *server.Conn, cfg Config, schema Schema) (*Reader, error) {
	mode, err := parseLocking(cfg.Locking)
	if err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	r := &Reader{cfg: cfg, conn: conn, schema: schema, log: cfg.Logger}
	r.lock = locker{conn: conn, mode: mode, timeout: cfg.LockTimeout, log: cfg.Logger}
	return r, nil
}

// Fill adds records to the batch until it is full or the snapshot has ended.
// It returns only when the last record of the batch is known to be followed by
// another one, or is marked as the last of the snapshot.
func (r *Reader) Fill(ctx context.Context, b *connect.Batch) (done bool, err error) {
	if !r.started {
		if err := r.begin(ctx); err != nil {
			return false, err
		}
		r.started = true
	}
	for len(r.pending) > 0 {
		if b.Full() {
			return false, nil
		}
		if err := r.applyNext(ctx, b); err != nil {
			return false, err
		}
	}
	if !r.recorded {
		// The history is durable before the first row leaves.
		if err := r.schema.Flush(ctx); err != nil {
			return false, err
		}
		r.recorded = true
	}
	if done, err = r.read(ctx, b); err != nil || !done {
		return false, err
	}
	r.last.mark(b, r.EndOffset())
	return true, r.end(ctx)
}

// begin takes the locks and reads position and structure.
func (r *Reader) begin(ctx context.Context) error {
	r.log.Info("snapshot: locking", "mode", r.cfg.Locking)
	if err := r.lock.begin(ctx); err != nil {
		return err
	}
	tables, err := r.captured(ctx)
	if err != nil {
		return err
	}
	if r.lock.needsTables() {
		if err := r.lock.lockTables(ctx, tables.data, tables.schema); err != nil {
			return err
		}
	}
	if err := r.readPosition(ctx); err != nil {
		return err
	}
	if r.pending, err = r.structure(ctx, tables.schema); err != nil {
		return err
	}
	if err := r.lock.structureRead(ctx); err != nil {
		return err
	}
	r.log.Info("snapshot: structure read", "tables", len(tables.schema), "captured", len(tables.data),
		"file", r.file, "pos", r.pos, "gtids", r.gtids.String())
	if !r.cfg.Data {
		return nil
	}
	r.scan.tables, err = r.order(ctx, tables.data)
	return err
}

// readPosition notes where the binlog stands.
func (r *Reader) readPosition(ctx context.Context) error {
	if from := r.cfg.From; from != nil {
		r.file, r.pos = from.File, from.Pos
		return r.setGTIDs(from.GTIDs)
	}
	st, err := r.conn.BinlogStatus(ctx)
	if err != nil {
		return fmt.Errorf("reading the position of the binlog: %w", err)
	}
	r.file, r.pos = st.File, st.Pos
	return r.setGTIDs(st.GTIDs)
}

// setGTIDs takes the set as the server prints it, and so it stays in the offsets
// of the snapshot.
func (r *Reader) setGTIDs(text string) error {
	if _, err := position.ParseSet(r.conn.Flavor(), text); err != nil {
		return fmt.Errorf("reading the server's GTID set: %w", err)
	}
	r.gtids = position.FixedText(text)
	return nil
}

// offset is the offset of a record made in the snapshot at the given time.
func (r *Reader) offset(nanos int64) connect.Offset {
	return connect.Offset{Base: r.slab.New(r.base(nanos, position.SnapshotInitial))}
}

// EndOffset is the offset after the snapshot; valid once Fill has ended it.
func (r *Reader) EndOffset() connect.Offset {
	return connect.Offset{Base: r.slab.New(r.base(r.src.Nanos, ""))}
}

func (r *Reader) base(nanos int64, s position.SnapshotType) position.Base {
	return position.Base{File: r.file, Pos: r.pos, GTIDs: r.gtids, Time: nanos / 1e9, HasTime: true, Snapshot: s}
}

// applyNext applies one statement of the structure.
func (r *Reader) applyNext(ctx context.Context, b *connect.Batch) error {
	st := r.pending[0]
	r.pending = r.pending[1:]
	now := r.cfg.Clock().UnixNano()
	r.schema.SetClock(now)
	r.src = event.Source{Nanos: now, Marker: event.MarkSnapshot, File: r.file, Pos: r.pos}
	before := len(b.Records)
	if err := r.schema.Apply(ctx, b, st, &r.src, r.offset(now)); err != nil {
		return err
	}
	r.last.note(b, before)
	return nil
}

// end gives back locks and transaction. The connection stays open.
func (r *Reader) end(ctx context.Context) error {
	if err := r.lock.end(ctx); err != nil {
		return err
	}
	if err := r.conn.Exec(ctx, "ROLLBACK"); err != nil {
		return fmt.Errorf("ending the snapshot's transaction: %w", err)
	}
	r.log.Info("snapshot: done", "rows", r.scan.rows)
	return nil
}

// lastRecord remembers where the last record of the batch being filled is.
type lastRecord struct{ index int }

func (l *lastRecord) note(b *connect.Batch, before int) {
	if len(b.Records) > before {
		l.index = len(b.Records) - 1
	}
}

// mark marks the last record of the snapshot. There is none in the batch when
// the snapshot found nothing at all.
func (l *lastRecord) mark(b *connect.Batch, offset connect.Offset) {
	if l.index < len(b.Records) {
		event.SetLast(&b.Records[l.index], offset)
	}
}
