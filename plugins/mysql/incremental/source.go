package incremental

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Config says how snapshots are taken.
type Config struct {
	// ChunkSize is incremental.snapshot.chunk.size.
	ChunkSize int
	// VerifySchema is incremental.snapshot.allow.schema.changes: the first chunk of
	// a table waits until its structure has been the same for a whole window.
	VerifySchema bool
	// DeleteMarks is incremental.snapshot.watermarking.strategy=insert_delete.
	DeleteMarks bool
	// SignalTable takes the marks; not needed with ReadOnly.
	SignalTable table.ID
	// ReadOnly is read.only: nothing is written on the server.
	ReadOnly bool
	Filter   *table.Filter
	Server   server.Config
	Now      func() time.Time // nil for time.Now
	Logger   *slog.Logger
}

// Schema knows the tables as they are at the stream's position.
type Schema interface {
	// Plan makes the events of a table; nil when the table is not known.
	Plan(id table.ID) (*event.Plan, error)
	// Tables lists the tables that are known.
	Tables() []table.ID
	// Learn makes a table known whose structure the server tells; it adds its
	// schema-change records to the batch.
	Learn(ctx context.Context, b *connect.Batch, id table.ID) error
}

// Stream is the stream of changes that a snapshot runs beside.
type Stream interface {
	// SetIncremental sets the fields that offsets have from now on; nil for none.
	SetIncremental(fields map[string]any)
	// Place gives the source block and the offset of a row that is made now.
	Place(now time.Time) (*event.Source, connect.Offset)
	// Visible says how to read so that all that has been streamed is visible:
	// at all (else later), and with shared locks on the rows.
	Visible(ctx context.Context, conn *server.Conn) (ok, locking bool, err error)
	// Reached reports whether everything before a position has been streamed.
	Reached(at server.Status) bool
	// Connections counts the connections to the binlog so far.
	Connections() int
}

// Note tells of what happens. Data are further details by name
// (IncrementalSnapshotNotificationService). id is that of the signal, "" for none.
type Note func(b *connect.Batch, id, status string, data map[string]string)

// Source takes the snapshots of a connector, one chunk at a time.
type Source struct {
	cfg    Config
	schema Schema
	stream Stream
	note   Note
	log    *slog.Logger

	state   state
	paused  bool
	stop    []string  // expressions of tables to be taken out
	end     chunk.Key // last key of the chunk that was read
	rows    int64     // of the table, read since the start
	current table.ID  // table that was read last
	conn    *server.Conn

	chunkID  string // of the window; "" before the first one
	openedAt string // when the window's first mark was written
	open     bool   // the stream has passed the first mark
	window   *window
	stale    int // windows in a row whose rows did not fit the table as it is known

	// Of a read-only snapshot: where its window closes, and over which connection
	// of the stream that position was.
	until       server.Status
	pending     bool // a window is open
	blocked     bool // the chunk could not be read yet
	connections int

	// Of VerifySchema: the structure that the server told last, and whether it was
	// the same twice.
	structure string
	verified  bool
}

// New takes over what the offset says of a snapshot. Nothing is read yet.
func New(cfg Config, schema Schema, stream Stream, note Note, offset map[string]any) (*Source, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Source{cfg: cfg, schema: schema, stream: stream, note: note, log: cfg.Logger}
	var err error
	if s.state, err = load(offset); err != nil {
		return nil, err
	}
	stream.SetIncremental(s.state.offset())
	return s, nil
}

// Running reports whether tables are left to be read.
func (s *Source) Running() bool { return s.state.running() }

// Resume reads the next chunk of a snapshot that was running when the connector
// stopped.
func (s *Source) Resume(ctx context.Context, b *connect.Batch) error {
	if !s.state.running() {
		return nil
	}
	s.log.Info("an incremental snapshot goes on", "tables", s.state.names())
	return s.next(ctx, b)
}

// Request is what a signal asks for.
type Request struct {
	ID           string // of the signal
	Tables       []string
	SurrogateKey string
	Conditions   []Condition
}

// Condition limits the rows of the tables that an expression matches.
type Condition struct{ Tables, Filter string }

// ErrUnavailable says that nothing can mark windows.
var ErrUnavailable = errors.New("incremental snapshots need a signal table (signal.data.collection), or read.only=true")

// Execute adds tables to the snapshot, or starts one.
func (s *Source) Execute(ctx context.Context, b *connect.Batch, r Request) error {
	if !s.cfg.ReadOnly && s.cfg.SignalTable.Name == "" {
		return ErrUnavailable
	}
	running := s.state.running()
	var collections []Collection
	for _, name := range s.expand(r.Tables) {
		database, name, ok := strings.Cut(name, ".")
		if !ok {
			s.log.Warn("a table of a signal is not named DATABASE.TABLE and is left out", "signal", r.ID, "table", database)
			continue
		}
		id := table.ID{Database: database, Name: name}
		condition, err := conditionOf(id, r.Conditions)
		if err != nil {
			return err
		}
		collections = append(collections, Collection{ID: id, Condition: condition, SurrogateKey: r.SurrogateKey})
	}
	s.state.add(r.ID, collections)
	s.changed()
	if running || !s.state.running() {
		return nil
	}
	s.tell(b, "STARTED", map[string]string{"data_collections": s.state.names()})
	return s.next(ctx, b)
}

func conditionOf(id table.ID, conditions []Condition) (string, error) {
	for _, c := range conditions {
		p, err := table.CompilePattern(c.Tables)
		if err != nil {
			return "", err
		}
		if p.Match(id.String()) {
			return c.Filter, nil
		}
	}
	return "", nil
}

// expand gives the tables that expressions match. An expression that matches none
// is taken as a name.
func (s *Source) expand(expressions []string) []string {
	var names []string
	known := s.schema.Tables()
	for _, expression := range expressions {
		found := false
		p, err := table.CompilePattern("(?-i:" + expression + ")")
		for _, id := range known {
			if err == nil && p.Match(id.String()) {
				names, found = append(names, id.String()), true
			}
		}
		if !found {
			names = append(names, expression)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(n string) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
}

// Pause stops reading behind the current window.
func (s *Source) Pause(b *connect.Batch) {
	if s.state.running() && !s.paused {
		s.paused = true
		s.tell(b, "PAUSED", map[string]string{"data_collections": s.state.names()})
	}
}

// Continue ends a pause.
func (s *Source) Continue(ctx context.Context, b *connect.Batch) error {
	if !s.state.running() || !s.paused {
		return nil
	}
	s.paused = false
	s.tell(b, "RESUMED", map[string]string{"data_collections": s.state.names()})
	return s.next(ctx, b)
}

// Open says that the stream has passed the mark with which a window opens.
func (s *Source) Open(id string) {
	if s.expects(id, "open") {
		s.open = true
	}
}

// CloseWindow says that the stream has passed the mark with which a window
// closes: what is left in it becomes records, and the next chunk is read.
func (s *Source) CloseWindow(ctx context.Context, b *connect.Batch, id string) error {
	if !s.expects(id, "close") {
		return nil
	}
	return s.finish(ctx, b)
}

// expects reports whether a mark is one of the current window. Others are
// repeated by a stream that started again, or written by someone else.
func (s *Source) expects(id, what string) bool {
	if s.chunkID != "" && strings.HasPrefix(id, s.chunkID) {
		return true
	}
	s.log.Info("a mark of another window is ignored", "what", what, "id", id, "expected", s.chunkID)
	return false
}

// Advance goes on with a read-only snapshot: it is called whenever the stream
// has moved, and when it has nothing to do.
func (s *Source) Advance(ctx context.Context, b *connect.Batch) error {
	switch {
	case !s.pending && !s.blocked:
		return nil
	case s.blocked:
		s.blocked = false
		return s.next(ctx, b)
	case s.stream.Connections() != s.connections:
		// Positions of two servers cannot be compared: read the chunk again.
		s.revert()
		return s.next(ctx, b)
	case !s.stream.Reached(s.until):
		return nil
	}
	return s.finish(ctx, b)
}

// Waiting reports whether Advance has something to do that no event brings.
func (s *Source) Waiting() bool { return s.blocked }

// Ready reports whether Advance has something to do at once.
func (s *Source) Ready() bool { return s.pending && s.stream.Reached(s.until) }

// finish makes records of the window's rows and goes on.
func (s *Source) finish(ctx context.Context, b *connect.Batch) error {
	w := s.window
	s.window, s.open, s.pending = nil, false, false
	if w != nil {
		if err := s.emit(b, w); err != nil {
			return err
		}
	}
	return s.next(ctx, b)
}

// emit adds the records of a window.
func (s *Source) emit(b *connect.Batch, w *window) error {
	for i := range w.rows {
		r := &w.rows[i]
		if r.replaced {
			continue
		}
		if err := w.decode(r); err != nil {
			return err
		}
		if err := s.state.sent(w.key, r.key); err != nil {
			return err
		}
		s.changed()
		src, offset := s.stream.Place(s.cfg.Now())
		if err := w.plan.Read(b, src, offset, w.cells); err != nil {
			return err
		}
	}
	return nil
}

// Watching reports whether rows of a table that the stream brings take the place
// of rows in the window.
func (s *Source) Watching(id table.ID) bool {
	return s.open && s.window != nil && s.window.plan.Table.ID == id
}

// Replace tells of a row that the stream brings, as it was or as it is.
func (s *Source) Replace(b *connect.Batch, row []value.Cell) error { return s.window.replace(row, b) }

// SchemaChanged tells of DDL that changed a table: its chunk is read again.
func (s *Source) SchemaChanged(ctx context.Context, b *connect.Batch, id table.ID) error {
	if s.window == nil || s.window.plan.Table.ID != id || len(s.window.rows) == 0 {
		return nil
	}
	s.log.Info("a table has changed while a chunk of it was read; the chunk is read again", "table", id.String())
	s.revert()
	return s.next(ctx, b)
}

// revert forgets the chunk that was read.
func (s *Source) revert() {
	s.window, s.open, s.pending = nil, false, false
	s.end = s.state.last.values
}

// changed gives the stream the fields as they are now.
func (s *Source) changed() { s.stream.SetIncremental(s.state.offset()) }

// tell makes a notification on behalf of the signal.
func (s *Source) tell(b *connect.Batch, status string, data map[string]string) {
	s.note(b, s.state.correlation, status, data)
}

// Close ends the connection.
func (s *Source) Close() { s.disconnect() }

func (s *Source) disconnect() {
	if s.conn != nil {
		_ = s.conn.Close() // nobody waits for an answer
		s.conn = nil
	}
}
