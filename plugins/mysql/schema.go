package mysql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// schema knows the tables: it applies DDL, records it in the schema history,
// makes schema-change records and compiles plans. It belongs to the goroutine
// that calls Poll. (io.debezium.connector.binlog.BinlogDatabaseSchema)
type schema struct {
	changes bool // include.schema.changes
	skip    bool // schema.history.internal.skip.unparseable.ddl
	policy  history.Policy
	parser  *ddl.Parser
	history *history.History
	events  *event.Builder
	log     *slog.Logger
	meters  *meters
	// plans holds what was compiled, by table; it is emptied when DDL changes
	// anything. version counts these changes for those who hold plans themselves.
	plans   map[*table.Table]*event.Plan
	version int
	// touched lists the tables that statements have changed or emptied, until
	// someone takes the list.
	touched []table.ID
	// place gives the event of a TRUNCATE TABLE its place in the transaction being
	// read; nil without provide.transaction.metadata.
	place func(name string) *event.Transaction
}

// Table is a table as it is known; nil when it is not.
func (s *schema) Table(id table.ID) *table.Table { return s.parser.Catalog().Table(id) }

// Plan makes the events of a table; nil when the table is not known.
func (s *schema) Plan(id table.ID) (*event.Plan, error) {
	t := s.parser.Catalog().Table(id)
	if t == nil {
		return nil, nil
	}
	if p := s.plans[t]; p != nil {
		return p, nil
	}
	p, err := s.events.Plan(t)
	if err != nil {
		return nil, err
	}
	s.plans[t] = p
	return p, nil
}

// SetClock sets the time at which records are made.
func (s *schema) SetClock(nanos int64) { s.events.SetClock(nanos) }

// Flush makes what Apply recorded durable.
func (s *schema) Flush(ctx context.Context) error { return s.history.StopBuffering(ctx) }

// Apply applies a statement of a snapshot. One that cannot be parsed is passed
// over when it is about a table that is not captured.
func (s *schema) Apply(ctx context.Context, b *connect.Batch, st snapshot.Statement, src *event.Source, offset connect.Offset) error {
	err := s.apply(ctx, b, st.Database, st.SQL, src, offset)
	var u *unparsed
	if !errors.As(err, &u) {
		return err
	}
	if id, ok := s.parser.Subject(u.database, u.sql); !ok || s.policy.Filter.Captured(id) {
		return err
	}
	s.log.Warn("the structure of a table that is not captured cannot be parsed; the schema history does not have it", "database", u.database, "statement", u.sql, "error", u.err)
	return nil
}

// apply applies a DDL statement. Unless the history is buffering, what it
// changed is durably recorded before its records are in the batch, and so
// before any offset can pass it.
func (s *schema) apply(ctx context.Context, b *connect.Batch, database, sql string, src *event.Source, offset connect.Offset) error {
	changes, err := s.parse(database, sql, src)
	if err != nil || len(changes) == 0 {
		return err
	}
	s.meters.applied.Add(int64(len(changes)))
	s.meters.lastApplied.Store(s.meters.now().UnixNano())
	s.version++
	clear(s.plans)
	for i := range changes {
		s.touched = append(s.touched, changes[i].ID)
	}
	selected := s.policy.Select(database, sql, changes)
	for i := range selected {
		if err := s.record(ctx, b, &selected[i], src, offset); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) parse(database, sql string, src *event.Source) ([]ddl.Change, error) {
	changes, err := s.parser.Apply(database, sql)
	if err == nil {
		return changes, s.copied(database, sql, changes, src)
	}
	if s.skip {
		s.log.Warn("a DDL statement cannot be applied and is skipped", "database", database, "statement", sql, "file", src.File, "pos", src.Pos, "error", err)
		return nil, nil
	}
	return nil, &unparsed{database: database, sql: sql, file: src.File, pos: src.Pos, err: err}
}

// copied complains of CREATE TABLE ... LIKE a table that is not known, when the
// new one is captured: its columns must be read from the server.
func (s *schema) copied(database, sql string, changes []ddl.Change, src *event.Source) error {
	for _, c := range changes {
		if c.Missing == (table.ID{}) {
			continue
		}
		if id, ok := s.parser.Subject(database, sql); ok && s.policy.Filter.Captured(id) {
			return &unparsed{database: database, sql: sql, file: src.File, pos: src.Pos, err: fmt.Errorf("table %s, which it copies, is not known", c.Missing)}
		}
	}
	return nil
}

// record writes one change to the history and the schema-change topic.
func (s *schema) record(ctx context.Context, b *connect.Batch, c *ddl.Change, src *event.Source, offset connect.Offset) error {
	if c.Kind == ddl.TruncateTable {
		return s.truncate(b, c, src, offset)
	}
	if s.policy.Stores(c) {
		if err := s.history.Record(ctx, c, position.HistoryPosition(offset.Map())); err != nil {
			return err
		}
	}
	if s.changes {
		s.events.SchemaChange(b, src, offset, c)
	}
	return nil
}

// truncate adds the event of a TRUNCATE TABLE, which changes no structure.
func (s *schema) truncate(b *connect.Batch, c *ddl.Change, src *event.Source, offset connect.Offset) error {
	if !s.policy.Filter.Captured(c.ID) {
		return nil
	}
	plan, err := s.Plan(c.ID)
	if err != nil || plan == nil {
		return err
	}
	emptied := *src
	emptied.Transaction = nil
	if s.place != nil {
		emptied.Transaction = s.place(c.ID.String())
	}
	plan.Truncate(b, &emptied, offset)
	return nil
}
