package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// This file goes on behind statements that the parser does not understand. What
// such a statement made of its table is read from the server, where that is safe:
//
//   - nothing has been written to the binlog since, so that the table is as the
//     statement left it; or
//   - the next rows of the table name their columns (binlog_row_metadata=FULL),
//     and these are the columns that the server has now.
//
// Where the server has other columns by now, or not the table any more, MySQL's rows
// tell of their columns all that is needed to read them, but not the defaults.
//
// Until then the table is not known, in the schema history as well: a restart in
// between must not decode rows by the structure of before.

// unparsed is a statement that the parser does not understand.
type unparsed struct {
	database, sql, file string
	pos                 int64
	err                 error
}

func (u *unparsed) Error() string {
	return fmt.Sprintf("the DDL statement at %s:%d cannot be applied; set schema.history.internal.skip.unparseable.ddl=true to skip it if it changes no captured table: %v; statement: %s",
		u.file, u.pos, u.err, u.sql)
}

func (u *unparsed) Unwrap() error { return u.err }

// relearner learns tables from the server. It belongs to the goroutine that
// calls Poll.
type relearner struct {
	schema *schema
	open   func(context.Context) (*server.Conn, error)
	// strict says that rows of unknown tables are not passed over
	// (inconsistent.schema.handling.mode=fail).
	strict bool
	// maps says that the metadata of rows are sure to tell the types of columns:
	// MariaDB's do not tell its own types.
	maps bool
	// lost are the statements after which a table is not known.
	lost map[table.ID]*unparsed
}

// after goes on behind a statement that ended at a position of the binlog.
func (r *relearner) after(ctx context.Context, b *connect.Batch, u *unparsed, end int64, src *event.Source, offset connect.Offset) error {
	id, ok := r.schema.parser.Subject(u.database, u.sql)
	if !ok {
		return u
	}
	log := r.schema.log.With("table", id.String(), "file", u.file, "pos", u.pos, "statement", u.sql, "error", u.err)
	if !r.schema.policy.Filter.Captured(id) {
		log.Warn("a DDL statement cannot be parsed; its table is not captured, and no longer known")
		return r.forget(ctx, id, offset)
	}
	create, current, err := r.read(ctx, id, server.Status{File: u.file, Pos: end})
	switch {
	case err != nil:
		return fmt.Errorf("%w; the table could not be read from the server either: %w", u, err)
	case current:
		log.Warn("a DDL statement cannot be parsed; the structure of its table has been read from the server")
		return r.learn(ctx, b, id, create, nil, u, src, offset)
	}
	log.Warn("a DDL statement cannot be parsed, and more was written since; its table is read from the server when its next rows come, if they name their columns")
	r.lost[id] = u
	return r.forget(ctx, id, offset)
}

// forget makes a table unknown.
func (r *relearner) forget(ctx context.Context, id table.ID, offset connect.Offset) error {
	s := r.schema
	sql := "DROP TABLE IF EXISTS " + server.QuoteName(id.Database) + "." + server.QuoteName(id.Name)
	changes, err := s.parser.Apply(id.Database, sql)
	if err != nil {
		return err
	}
	s.version++
	clear(s.plans)
	for i := range changes {
		if s.policy.Stores(&changes[i]) {
			if err := s.history.Record(ctx, &changes[i], position.HistoryPosition(offset.Map())); err != nil {
				return err
			}
		}
	}
	return nil
}

// learn applies the statement that creates the table as it is now; names are the
// columns that it must have, nil for any. The schema history gets this statement,
// consumers of schema changes the one that ran.
func (r *relearner) learn(ctx context.Context, b *connect.Batch, id table.ID, create string, names []string, u *unparsed, src *event.Source, offset connect.Offset) error {
	s := r.schema
	changes, err := s.parser.Apply(id.Database, create)
	if err != nil {
		return fmt.Errorf("%w; nor can what the server says of the table: %w", u, err)
	}
	if names != nil && !sameColumns(s.parser.Catalog().Table(id), names) {
		s.parser.Catalog().Drop(id)
		return fmt.Errorf("%w; since then table %s %w: its rows name the columns %s, the server has others; take a new snapshot of the table",
			u, id, errChangedAgain, strings.Join(names, ", "))
	}
	delete(r.lost, id)
	s.version++
	clear(s.plans)
	for i := range changes {
		if err := s.history.Record(ctx, &changes[i], position.HistoryPosition(offset.Map())); err != nil {
			return err
		}
		r.tell(b, changes[i], u, src, offset)
	}
	return nil
}

// tell adds the schema-change record of what a statement has become.
func (r *relearner) tell(b *connect.Batch, c ddl.Change, u *unparsed, src *event.Source, offset connect.Offset) {
	if !r.schema.changes {
		return
	}
	c.SQL = u.sql
	if hasPrefixFold(u.sql, "ALTER") {
		c.Kind = ddl.AlterTable
	}
	r.schema.events.SchemaChange(b, src, offset, &c)
}

// rows learns a table that is not known when its rows come. It returns false when
// they do not tell enough and no statement is to blame.
func (r *relearner) rows(ctx context.Context, b *connect.Batch, t *binlog.TableMap, src *event.Source, offset connect.Offset) (bool, error) {
	id := table.ID{Database: t.DB, Name: t.Name}
	u := r.lost[id]
	switch {
	case len(t.Optional.Names) > 0 && r.strict:
	case u == nil:
		return false, nil
	default:
		return false, fmt.Errorf("%w; the rows of table %s do not name their columns, so that these cannot be told: set binlog_row_metadata=FULL on the server, and take a new snapshot of the table", u, id)
	}
	create, _, err := r.read(ctx, id, server.Status{})
	if err != nil {
		err = fmt.Errorf("table %s is not known, and could not be read from the server: %w", id, err)
		create = ""
	}
	if u == nil {
		u = &unparsed{database: id.Database, sql: create, file: src.File, pos: src.Pos, err: errNotKnown}
	}
	log := r.schema.log.With("table", id.String(), "file", src.File, "pos", src.Pos)
	if err == nil {
		if err = r.learn(ctx, b, id, create, t.Optional.Names, u, src, offset); err == nil {
			log.Warn("the structure of a table was not known and has been read from the server; its rows name the same columns")
			return true, nil
		}
		if !errors.Is(err, errChangedAgain) {
			return false, err
		}
	}
	if !r.maps || ctx.Err() != nil || server.Retriable(err) {
		return false, err
	}
	told, mapErr := r.told(ctx, t)
	if mapErr != nil {
		return false, fmt.Errorf("%w; nor do its rows tell all of it: %w", err, mapErr)
	}
	if u.sql == "" {
		u.sql = told
	}
	if err := r.learn(ctx, b, id, told, t.Optional.Names, u, src, offset); err != nil {
		return false, err
	}
	log.Warn("the structure of a table was not known and is taken from its rows, as the server has another one by now or none; defaults of its columns are missing", "because", err, "structure", told)
	return true, nil
}

// told is the statement that makes a table of what its rows tell.
func (r *relearner) told(ctx context.Context, t *binlog.TableMap) (string, error) {
	conn, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // its answer has been read
	collations, err := conn.Collations(ctx)
	if err != nil {
		return "", err
	}
	return t.Statement(collations)
}

var errChangedAgain = errors.New("has changed again")

var errNotKnown = errors.New("the schema history does not know the table")

// sameColumns compares the columns of a table with those that its rows name. The
// server may add hidden ones.
func sameColumns(t *table.Table, names []string) bool {
	return t != nil && len(names) >= len(t.Columns) && !slices.ContainsFunc(t.Columns, func(c *table.Column) bool {
		return !strings.EqualFold(c.Name, names[c.Position-1])
	})
}

// read reads the statement that creates a table. current says that the binlog
// ends at the given position, and did so before as well.
func (r *relearner) read(ctx context.Context, id table.ID, at server.Status) (create string, current bool, err error) {
	conn, err := r.open(ctx)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = conn.Close() }() // its answers have been read
	if err = conn.InServerZone(ctx, func() (err error) {
		create, err = conn.CreateTable(ctx, id.Database, id.Name)
		return err
	}); err != nil {
		return "", false, fmt.Errorf("reading the structure of table %s: %w", id, err)
	}
	now, err := conn.BinlogStatus(ctx)
	if err != nil {
		return "", false, err
	}
	return create, now.File == at.File && now.Pos == at.Pos, nil
}
