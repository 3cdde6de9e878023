package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/chunk"
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
	// Threads is how many connections read rows (snapshot.max.threads); 1 when 0.
	// WholeTables keeps tables from being cut into pieces for them
	// (legacy.snapshot.max.threads).
	Threads     int
	WholeTables bool
	// PieceRows is the number of rows of such a piece; 10,000 when 0. Tables with
	// less than twice as many are read with a plain statement.
	PieceRows int
	// Connect opens further connections with the session of the first one.
	Connect func(ctx context.Context) (*server.Conn, error)
	// Resume, if not nil, is how far the snapshot had come when it was
	// interrupted. The caller has read the binlog from its offset up to Position
	// when it calls Fill.
	Resume *position.Checkpoint
	// From, if not nil, is where streaming goes on: the structure is read anew
	// (snapshot.mode=recovery) and recorded as of this offset.
	From *position.Offset
	// Beside, if not nil, says which stream waits for the snapshot.
	Beside *Beside
	// Note is told of what happens; nil for nobody.
	Note Note
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
	// Table is a table as it is known; nil when it is not.
	Table(id table.ID) *table.Table
	// Plan makes the events of a table; nil when the table is not known.
	Plan(id table.ID) (*event.Plan, error)
	// SetClock sets the time at which records are made.
	SetClock(nanos int64)
}

// Reader takes one snapshot. It belongs to one goroutine, but for Progress.
type Reader struct {
	cfg    Config
	conn   *server.Conn   // holds the locks
	others []*server.Conn // read rows as well
	schema Schema
	log    *slog.Logger
	lock   locker
	slab   position.Slab

	file      string // where the snapshot was taken
	pos       int64
	gtids     position.SetText
	begun     bool
	pending   []Statement // structure that has not been applied
	recorded  bool        // the structure is in the schema history
	announced bool        // its start has been told
	tables    []table.ID  // whose rows are wanted
	monitored []table.ID  // and the signal table
	notes     []noted
	later     []noted // those behind the current row
	ahead     bool    // the row behind the current one is being looked for
	scan      scan
	progress  progress
	// checkpointRows is how many rows share an offset.
	checkpointRows int64
	src            event.Source
	last           lastRecord
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
	if cfg.PieceRows <= 0 {
		cfg.PieceRows = pieceRows
	}
	r := &Reader{cfg: cfg, conn: conn, schema: schema, log: cfg.Logger}
	r.checkpointRows = int64(max(1, cfg.PieceRows/pieceCheckpoints))
	r.progress.resume(cfg.Resume)
	r.lock = locker{conn: conn, mode: mode, timeout: cfg.LockTimeout, log: cfg.Logger}
	return r, nil
}

// Fill adds records to the batch until it is full or the snapshot has ended.
// It returns only when the last record of the batch is known to be followed by
// another one, or is marked as the last of the snapshot.
func (r *Reader) Fill(ctx context.Context, b *connect.Batch) (done bool, err error) {
	if !r.announced {
		r.announced = true
		r.tell("STARTED", nil)
		r.tellAll(b)
	}
	if err := r.Begin(ctx); err != nil {
		return false, err
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
	if r.scan.fetch == nil {
		if err := r.startReading(ctx); err != nil {
			return false, err
		}
	}
	done, err = r.read(ctx, b)
	r.tellAll(b)
	if err != nil || !done {
		return false, err
	}
	r.last.mark(b, r.EndOffset())
	if err := r.end(ctx); err != nil {
		return false, err
	}
	if r.cfg.Note != nil {
		r.cfg.Note(b, r.EndOffset(), "COMPLETED", nil)
	}
	return true, nil
}

// Begin takes the locks, reads position and structure, and gives the locks back
// as early as the mode allows it. It is done once.
func (r *Reader) Begin(ctx context.Context) error {
	if r.begun {
		return nil
	}
	r.log.Info("snapshot: locking", "mode", r.cfg.Locking, "connections", max(1, r.cfg.Threads))
	if err := r.connect(ctx); err != nil {
		return err
	}
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
	if err := r.view(ctx); err != nil {
		return err
	}
	err = r.conn.InServerZone(ctx, func() (err error) {
		switch {
		case r.cfg.Beside != nil:
			r.pending, err = r.besideStructure(ctx, tables.data)
		case r.cfg.Resume == nil:
			r.pending, err = r.structure(ctx, tables)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := r.lock.structureRead(ctx); err != nil {
		return err
	}
	r.log.Info("snapshot: structure read", "tables", len(tables.schema), "captured", len(tables.data),
		"file", r.file, "pos", r.pos, "gtids", r.gtids.String(), "interrupted before", r.cfg.Resume != nil)
	if r.cfg.Data {
		r.tables, r.monitored = tables.data, tables.monitored
	}
	r.begun = true
	return nil
}

// connect opens the connections that read rows besides the first one.
func (r *Reader) connect(ctx context.Context) error {
	for len(r.others)+1 < r.cfg.Threads && r.cfg.Data {
		c, err := r.cfg.Connect(ctx)
		if err != nil {
			return fmt.Errorf("opening connection %d of snapshot.max.threads=%d: %w", len(r.others)+2, r.cfg.Threads, err)
		}
		r.others = append(r.others, c)
	}
	for _, c := range r.connections() {
		statements := []string{"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", chunk.Session}
		if c.Flavor() == position.MySQL && c.VersionAtLeast(8, 0, 0) {
			statements = append(statements, "SET SESSION information_schema_stats_expiry=0") // estimates of now
		}
		for _, s := range statements {
			if err := c.Exec(ctx, s); err != nil {
				return fmt.Errorf("preparing the snapshot's session: %w", err)
			}
		}
	}
	return nil
}

func (r *Reader) connections() []*server.Conn { return append([]*server.Conn{r.conn}, r.others...) }

// viewAttempts is how often a view is taken anew that may differ from the position.
const viewAttempts = 20

// view begins the transactions that all rows are read in, and notes the position
// of the binlog that they show. Without a lock others may commit in between:
// then it is tried again, and at last the position is an earlier one than that of
// the rows. Changes come twice then; none is lost.
func (r *Reader) view(ctx context.Context) error {
	if r.lock.held() {
		if err := r.begin(ctx); err != nil {
			return err
		}
		return r.readPosition(ctx)
	}
	for range viewAttempts {
		if err := r.readPosition(ctx); err != nil {
			return err
		}
		file, pos, gtids := r.file, r.pos, r.gtids
		if err := r.begin(ctx); err != nil {
			return err
		}
		if err := r.readPosition(ctx); err != nil {
			return err
		}
		if file == r.file && pos == r.pos {
			return nil
		}
		r.file, r.pos, r.gtids = file, pos, gtids
	}
	r.log.Warn("snapshot: without a lock the position of the binlog could not be read at the very moment of the rows; changes of that moment come twice")
	return nil
}

// begin begins the transactions. A connection that holds table locks has none: it
// would give the locks back.
func (r *Reader) begin(ctx context.Context) error {
	if !r.lock.transaction() {
		return nil
	}
	for i, c := range r.connections() {
		if i == 0 && r.lock.byTables {
			continue
		}
		if err := c.Exec(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
			return fmt.Errorf("starting the snapshot's transaction: %w", err)
		}
	}
	return nil
}

// startReading begins to fetch the rows.
func (r *Reader) startReading(ctx context.Context) error {
	if c := r.cfg.Resume; c != nil {
		r.scan.done, r.scan.rows = slices.Clone(c.Done), c.Total
	}
	jobs, err := r.jobs(ctx, r.tables)
	if err != nil {
		return err
	}
	r.progress.begin(r.cfg.Clock(), jobs, r.scan.rows, len(r.scan.done))
	r.scan.fetch = startFetch(r.connections(), jobs, r.cfg.WholeTables)
	return nil
}

// readPosition notes where the binlog stands.
func (r *Reader) readPosition(ctx context.Context) error {
	if r.cfg.Beside != nil {
		r.besidePosition()
		return nil
	}
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

// Position is where the binlog stood when the rows were as they are read; valid
// after Begin.
func (r *Reader) Position() position.Offset {
	return position.Offset{File: r.file, Pos: r.pos, GTIDs: r.gtids.String()}
}

// offset is the offset of a record made in the snapshot at the given time.
func (r *Reader) offset(nanos int64, c *position.Checkpoint) connect.Offset {
	if r.cfg.Beside != nil {
		return r.besideOffset(nanos, position.SnapshotBlocking)
	}
	b := r.base(nanos, position.SnapshotInitial)
	b.Checkpoint = c
	return r.at(b)
}

// EndOffset is the offset after the snapshot; valid once Fill has ended it.
func (r *Reader) EndOffset() connect.Offset {
	if r.cfg.Beside != nil {
		return r.besideOffset(0, "")
	}
	return r.at(r.base(r.src.Nanos, ""))
}

// at is an offset at the snapshot's position, which may be within a transaction.
func (r *Reader) at(b position.Base) connect.Offset {
	o := connect.Offset{Base: r.slab.New(b)}
	if r.cfg.From != nil {
		o.N = r.cfg.From.Row
	}
	return o
}

func (r *Reader) base(nanos int64, s position.SnapshotType) position.Base {
	b := position.Base{File: r.file, Pos: r.pos, GTIDs: r.gtids, Time: nanos / 1e9, HasTime: true, Snapshot: s}
	if r.cfg.From != nil {
		b.Event = r.cfg.From.Event
	}
	return b
}

// applyNext applies one statement of the structure.
func (r *Reader) applyNext(ctx context.Context, b *connect.Batch) error {
	st := r.pending[0]
	r.pending = r.pending[1:]
	now := r.cfg.Clock().UnixNano()
	r.schema.SetClock(now)
	r.src = event.Source{Nanos: now, Marker: event.MarkSnapshot, File: r.file, Pos: r.pos}
	before := len(b.Records)
	// As in Debezium, the history calls the statements of any snapshot INITIAL.
	recorded := r.at(r.base(now, position.SnapshotInitial))
	if err := r.schema.Apply(ctx, b, st, &r.src, recorded); err != nil {
		return err
	}
	for i := before; i < len(b.Records); i++ {
		b.Records[i].Offset = r.offset(now, nil)
	}
	r.last.note(b, before)
	return nil
}

// end gives back locks and transactions. The first connection stays open.
func (r *Reader) end(ctx context.Context) error {
	r.Close()
	if err := r.lock.end(ctx); err != nil {
		return err
	}
	if err := r.conn.Exec(ctx, "ROLLBACK"); err != nil {
		return fmt.Errorf("ending the snapshot's transaction: %w", err)
	}
	r.progress.finish()
	r.log.Info("snapshot: done", "rows", r.scan.rows)
	return nil
}

// Close ends all reading and closes the connections that the Reader has opened. It
// may be called more than once.
func (r *Reader) Close() {
	if r.scan.fetch != nil {
		r.scan.fetch.stop()
	}
	for _, c := range r.others {
		_ = c.Close() // what matters has been read
	}
	r.others = nil
}

// lastRecord remembers where the last record of the batch being filled is.
type lastRecord struct {
	index int
	some  bool
}

func (l *lastRecord) note(b *connect.Batch, before int) {
	if len(b.Records) > before {
		l.index, l.some = len(b.Records)-1, true
	}
}

// mark marks the last record of the snapshot. There is none in the batch when
// the snapshot found nothing at all.
func (l *lastRecord) mark(b *connect.Batch, offset connect.Offset) {
	if l.some && l.index < len(b.Records) {
		event.SetLast(&b.Records[l.index], offset)
	}
}
