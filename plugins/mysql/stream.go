package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/reselect"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// stream turns the events of the binlog into records. It belongs to the
// goroutine that calls Poll; its reader's memory is valid until the next event,
// so everything that a record keeps is copied into the batch's arena.
type stream struct {
	cfg     *Config
	reader  *binlog.Reader
	tracker *binlog.Tracker
	schema  *schema
	relearn *relearner
	events  *event.Builder
	beat    *heartbeat
	orders  *orders
	again   []*reselect.Processor // post.processors
	tx      *transaction          // nil without provide.transaction.metadata
	log     *slog.Logger
	now     func() time.Time

	src     event.Source  // reused; complete for the current event
	gtid    position.GTID // whose text is in src
	maps    map[*binlog.TableMap]*mapped
	version int   // of the schema that maps was made for
	rest    *rest // reads what row images lack; nil without row.image.fill
	partial bool  // the event has images that lack columns
	before  []value.Cell
	after   []value.Cell
	inRow   bool  // a row is being handled
	done    int64 // rows of its event before it

	versions bool // the server is MariaDB, which has tables with versions of rows, and sequences

	meters *meters
	tally  tally
	lost   int64 // connections that were lost, as far as meters know
}

// mapped is a table map with what its rows become; plan is nil for tables that
// are not captured.
type mapped struct {
	versioned bool // rows have MariaDB's hidden columns
	plan      *event.Plan
	decoder   *value.RowDecoder
	id        table.ID
	name      string // DATABASE.TABLE
	signals   bool   // the table is signal.data.collection
}

// fill adds records until the batch is full or no event is ready, waiting for
// the first record only.
func (s *stream) fill(ctx context.Context, b *connect.Batch) error {
	defer s.publish()
	for !b.Full() {
		if err := s.orders.attend(ctx, b); err != nil || s.orders.blocked() {
			return err
		}
		if len(b.Records) > 0 && !s.reader.Buffered() {
			return nil
		}
		if err := s.next(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// next handles one event.
func (s *stream) next(ctx context.Context, b *connect.Batch) error {
	e, err := s.event(ctx)
	if err != nil {
		return s.unreadable(err)
	}
	action := s.tracker.Enter(e)
	now := s.now()
	s.events.SetClock(now.UnixNano())
	if err := s.handle(ctx, b, e, action); err != nil {
		if err = s.unreadable(err); err != nil {
			return err
		}
	}
	s.tracker.Leave(e)
	return s.beat.due(ctx, b, now, s.tracker.Offset)
}

// event waits for the next event. A signal that comes meanwhile ends the wait
// with errRung.
func (s *stream) event(ctx context.Context) (*binlog.Event, error) {
	if s.reader.Buffered() {
		return s.reader.Next(ctx)
	}
	s.publish() // the wait may be long
	ctx, end := s.orders.listen(ctx)
	defer end()
	return s.reader.Next(ctx)
}

// publish shows what was counted.
func (s *stream) publish() {
	micros, _ := s.tracker.EventMicros()
	s.tally.publish(s.meters, micros, s.tracker.File(), s.tracker.Pos())
	lost := int64(s.reader.Connections() - 1)
	s.meters.disconnects.Add(lost - s.lost)
	s.lost = lost
}

// unreadable deals with an event that cannot be decoded, as
// event.processing.failure.handling.mode says.
func (s *stream) unreadable(err error) error {
	if errors.Is(err, errRung) {
		return nil
	}
	var bad *binlog.EventError
	if !errors.As(err, &bad) || s.cfg.Stream.FailureHandling == "fail" {
		return err
	}
	s.meters.skipped.Add(1)
	s.meters.streaming.erroneous.Add(1)
	if s.cfg.Stream.FailureHandling == "warn" {
		s.log.Warn("an event of the binlog cannot be read and is skipped", "error", err)
	}
	return nil
}

func (s *stream) handle(ctx context.Context, b *connect.Batch, e *binlog.Event, a binlog.Action) error {
	s.tally.boundary(a.Boundary)
	switch a.Boundary {
	case binlog.Begin:
		s.begin(b)
		return nil
	case binlog.Commit, binlog.Rollback:
		s.end(b)
		return nil
	}
	switch e.Kind {
	case binlog.KindRows:
		return s.rows(ctx, b, e, a)
	case binlog.KindQuery:
		return s.query(ctx, b, e)
	case binlog.KindRowsQuery:
		if s.cfg.Stream.IncludeQuery {
			s.src.Query, s.src.HasQuery = string(e.Text), true
		}
	case binlog.KindRotate:
		clear(s.maps)
		s.src.Row = 0
	case binlog.KindIncident:
		s.log.Error("the server reports an incident: its binlog may lack changes", "message", string(e.Text), "file", e.File, "pos", e.Pos())
	}
	return nil
}

// begin starts a transaction.
func (s *stream) begin(b *connect.Batch) {
	if s.tx != nil {
		s.tx.begin(b, s.tracker, s.events)
	}
}

// end ends a transaction.
func (s *stream) end(b *connect.Batch) {
	if s.tx != nil {
		s.tx.end(b, s.tracker, s.events)
	}
	s.src.Query, s.src.HasQuery = "", false
}

// source completes the source block for the current event, but for the row: as
// in Java, it stays that of the last row until the file ends, so that DDL has it.
func (s *stream) source() {
	micros, _ := s.tracker.EventMicros()
	src := &s.src
	src.Nanos, src.Marker = micros*1000, event.MarkStreaming
	src.ServerID, src.File, src.Pos = int64(s.tracker.ServerID()), s.tracker.File(), s.tracker.Pos()
	src.Thread = s.tracker.Thread()
	src.HasThread = src.Thread >= 0
	if g, ok := s.tracker.GTID(); ok && g != s.gtid {
		s.gtid, src.GTID = g, g.String() // once a transaction
	}
}

// rows handles an event with rows.
func (s *stream) rows(ctx context.Context, b *connect.Batch, e *binlog.Event, a binlog.Action) error {
	if a.Skip {
		return nil
	}
	m, err := s.mapped(ctx, b, e.Table)
	if err != nil || m.plan == nil {
		s.tally.filtered++
		return err
	}
	s.source()
	if s.tx != nil {
		s.tx.table(m.name, s.tracker, a.FirstRow)
	}
	s.partial = partial(&e.Rows)
	rest := e.Rows.Data
	for i := int64(0); len(rest) > 0; i++ {
		if rest, err = s.decode(b, m, &e.Rows, rest); err != nil {
			return &binlog.EventError{Header: e.Header, Err: fmt.Errorf("row %d, table %s: %w", i+1, m.name, err)}
		}
		if i < a.FirstRow {
			continue
		}
		op := e.Rows.Op
		if m.versioned {
			var now bool
			if op, now = s.present(op); !now {
				continue
			}
		}
		s.src.Row = int32(i)
		if err := s.row(ctx, b, m, op, i+1); err != nil {
			return fmt.Errorf("event at %s:%d: %w", e.File, e.Pos(), err)
		}
	}
	if s.tx != nil {
		s.tx.rowsDone(s.tracker)
	}
	return nil
}

// decode decodes the images of one row and returns what follows them.
func (s *stream) decode(b *connect.Batch, m *mapped, r *binlog.Rows, rest []byte) (_ []byte, err error) {
	n := m.decoder.Columns()
	if r.Op != binlog.Insert {
		s.before = sized(s.before, n)
		if rest, err = m.decoder.Decode(&b.Arena, r.Before, rest, s.before); err != nil {
			return nil, err
		}
	}
	if r.Op == binlog.Delete {
		return rest, nil
	}
	s.after = sized(s.after, n)
	if r.Partial {
		return m.decoder.DecodePartial(&b.Arena, r.After, rest, s.before, s.after)
	}
	return m.decoder.Decode(&b.Arena, r.After, rest, s.after)
}

func sized(cells []value.Cell, n int) []value.Cell {
	if cap(cells) < n {
		return make([]value.Cell, n)
	}
	return cells[:n]
}

// row handles one row: a signal is obeyed first, and a row that is in a chunk of
// an incremental snapshot takes its place.
func (s *stream) row(ctx context.Context, b *connect.Batch, m *mapped, op binlog.Op, done int64) error {
	s.inRow, s.done = true, done-1
	defer func() { s.inRow = false }()
	if m.signals {
		if err := s.orders.signal(ctx, b, op, s.before, s.after); err != nil {
			return err
		}
	}
	if op != binlog.Delete && !m.signals {
		for _, p := range s.again {
			if err := p.Apply(ctx, m.plan, s.after); err != nil {
				return err
			}
		}
	}
	before := len(b.Records)
	emit := s.emit
	if s.partial {
		emit = func(b *connect.Batch, m *mapped, op binlog.Op, done int64) error {
			return s.emitPartial(ctx, b, m, op, done)
		}
	}
	if err := emit(b, m, op, done); err != nil || len(b.Records) == before {
		return err
	}
	return s.orders.replace(b, m.id, op, s.before, s.after)
}

// emit adds the record of one row; done rows of the event are done then.
func (s *stream) emit(b *connect.Batch, m *mapped, op binlog.Op, done int64) error {
	s.tally.rows[op]++
	if s.tx != nil {
		s.src.Transaction = s.tx.next()
	}
	if op == binlog.Insert {
		return m.plan.Insert(b, &s.src, s.tracker.RowOffset(done), s.after)
	}
	at := event.Offsets{Before: s.tracker.RowOffset(done - 1), After: s.tracker.RowOffset(done)}
	if op == binlog.Delete {
		return m.plan.Delete(b, &s.src, at, s.before)
	}
	return m.plan.Update(b, &s.src, at, s.before, s.after, s.second(done))
}

// second gives the place in the transaction of the second event of a row whose
// key has changed, and the offset that counts it.
func (s *stream) second(done int64) func(*event.Source) connect.Offset {
	if s.tx == nil {
		return nil
	}
	return func(src *event.Source) connect.Offset {
		src.Transaction = s.tx.next()
		s.tx.split(s.tracker, done)
		return s.tracker.RowOffset(done)
	}
}

// mapped finds out what the rows of a table map become.
func (s *stream) mapped(ctx context.Context, b *connect.Batch, t *binlog.TableMap) (*mapped, error) {
	if s.version != s.schema.version {
		clear(s.maps)
		s.version = s.schema.version
	}
	if m := s.maps[t]; m != nil {
		return m, nil
	}
	m, err := s.compile(ctx, b, t)
	if err != nil {
		return nil, err
	}
	s.maps[t] = m
	return m, nil
}

func (s *stream) compile(ctx context.Context, b *connect.Batch, t *binlog.TableMap) (*mapped, error) {
	id := table.ID{Database: t.DB, Name: t.Name}
	m := &mapped{id: id, name: id.String(), signals: s.orders.isTable(id)}
	if s.orders == nil && slices.Contains(s.cfg.Filters.SignalTables, id.String()) {
		s.log.Warn("signals that were written while the snapshot was interrupted are not obeyed; send them again when it is done", "table", m.name)
	}
	if !s.schema.policy.Filter.Captured(id) {
		return m, nil
	}
	plan, err := s.schema.Plan(id)
	if err == nil && plan == nil && s.versions && isSequence(t.Columns) {
		return m, nil
	}
	if err == nil && plan == nil {
		plan, err = s.learned(ctx, b, t)
	}
	if err != nil || plan == nil {
		return m, err
	}
	if m.decoder, err = value.NewRowDecoder(t.Columns); err != nil {
		return nil, fmt.Errorf("table %s: %w", id, err)
	}
	m.plan = plan
	m.versioned = s.versions && isVersioned(t.Columns, plan.Columns())
	return m, nil
}

// learned is the plan of a table that was not known, if it can be learned.
func (s *stream) learned(ctx context.Context, b *connect.Batch, t *binlog.TableMap) (*event.Plan, error) {
	id := table.ID{Database: t.DB, Name: t.Name}
	s.source()
	if ok, err := s.relearn.rows(ctx, b, t, &s.src, s.tracker.Offset()); err != nil || !ok {
		return nil, cmp.Or(err, s.unknown(id))
	}
	return s.schema.Plan(id)
}

// unknown deals with rows of a captured table that the schema history does not
// know, as inconsistent.schema.handling.mode says.
func (s *stream) unknown(id table.ID) error {
	const advice = "the schema history may be incomplete; take a new snapshot, or rebuild the history with snapshot.mode=recovery"
	switch s.cfg.Stream.InconsistentSchema {
	case "warn":
		s.log.Warn("rows of a table whose structure is not known are skipped; "+advice, "table", id.String(), "file", s.tracker.File(), "pos", s.tracker.Pos())
		return nil
	case "skip", "ignore":
		return nil
	}
	return fmt.Errorf("encountered change event for table %s at %s:%d whose schema isn't known to this connector: %s", id, s.tracker.File(), s.tracker.Pos(), advice)
}

// query handles a statement in the binlog: DDL, or what is neither DDL nor of
// interest.
func (s *stream) query(ctx context.Context, b *connect.Batch, e *binlog.Event) error {
	sql := strings.TrimSpace(string(e.Query.SQL))
	if isStatementDML(sql) {
		s.log.Warn("a statement that changes rows is in the binlog as text, so its rows are not captured; every session must use binlog_format=ROW",
			"file", e.File, "pos", e.Pos())
		return nil
	}
	if hasPrefixFold(sql, "XA ") || hasPrefixFold(sql, "SAVEPOINT ") {
		return nil
	}
	if e.Query.Status.HasSQLMode {
		s.schema.parser.SetMode(ddl.ModeOfFlags(e.Query.Status.SQLMode))
	}
	s.source()
	s.src.Nanos -= s.src.Nanos % int64(time.Millisecond) // as Debezium has it for DDL
	s.src.Transaction = nil
	s.tracker.Touch()
	err := s.schema.apply(ctx, b, string(e.Query.DB), sql, &s.src, s.tracker.Offset())
	var u *unparsed
	if errors.As(err, &u) {
		err = s.relearn.after(ctx, b, u, e.EndPos, &s.src, s.tracker.Offset())
	}
	if err != nil {
		return err
	}
	return s.orders.changed(ctx, b)
}

// isStatementDML tells DML that was logged as a statement.
func isStatementDML(sql string) bool {
	for _, verb := range []string{"INSERT ", "UPDATE ", "DELETE ", "REPLACE "} {
		if hasPrefixFold(sql, verb) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// close ends the connection.
func (s *stream) close() error {
	s.meters.connected.Store(false)
	s.rest.close()
	return s.reader.Close()
}
