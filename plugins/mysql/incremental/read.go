package incremental

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// How the reading of a table ended (TableScanCompletionStatus).
const (
	scanEmpty     = "EMPTY"
	scanNoKey     = "NO_PRIMARY_KEY"
	scanFailed    = "SQL_EXCEPTION"
	scanSucceeded = "SUCCEEDED"
	scanUnknown   = "UNKNOWN_SCHEMA"
)

const (
	// attempts is how often a chunk is read again over a new connection.
	attempts = 3
	// staleWindows is how often a chunk is read again because its rows do not fit
	// the table as it is known.
	staleWindows = 5
)

// next reads the next chunk, after what is to be stopped has been taken out. An
// error says that the server cannot be reached.
func (s *Source) next(ctx context.Context, b *connect.Batch) error {
	s.stopRequested(b)
	if !s.state.running() {
		s.disconnect()
		return nil
	}
	if s.paused {
		s.log.Info("the incremental snapshot is paused")
		return nil
	}
	var err error
	for range attempts {
		err = s.chunk(ctx, b)
		if err == nil || ctx.Err() != nil || !server.Retriable(err) {
			break
		}
		s.log.Warn("a chunk is read again over a new connection", "table", s.currentName(), "error", err)
		s.disconnect()
		s.revert()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		s.disconnect() // in the middle of an answer
		s.revert()
		s.blocked = true
		return err
	case server.Retriable(err):
		return fmt.Errorf("incremental snapshot of table %s: %w", s.currentName(), err)
	}
	s.log.Warn("an incremental snapshot leaves a table out", "table", s.currentName(), "error", err)
	s.scanned(b, scanFailed)
	return s.next(ctx, b)
}

func (s *Source) currentName() string {
	if !s.state.running() {
		return ""
	}
	return s.state.collections[0].ID.String()
}

// connect opens the connection for chunks and marks.
func (s *Source) connect(ctx context.Context) (err error) {
	if s.conn != nil {
		return nil
	}
	cfg := s.cfg.Server
	cfg.Session = append(slices.Clip(cfg.Session), chunk.Session)
	s.conn, err = server.Connect(ctx, cfg)
	return err
}

// chunk reads one chunk between two marks. Tables that have nothing to read, or
// cannot be read, are passed over within the same window.
func (s *Source) chunk(ctx context.Context, b *connect.Batch) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	s.window, s.open, s.pending = nil, false, false
	s.chunkID = uuid.NewString()
	locking, err := s.openMark(ctx)
	if err != nil || s.blocked {
		return err
	}
	for s.state.running() {
		done, err := s.table(ctx, b, locking)
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	return s.closeMark(ctx)
}

// table reads rows of the first table; done is false when there were none and
// the next table comes.
func (s *Source) table(ctx context.Context, b *connect.Batch, locking bool) (done bool, err error) {
	c := s.state.collections[0]
	plan, status, err := s.plan(ctx, b, c.ID)
	if err != nil {
		return false, err
	}
	if status == "" && len(keyNames(plan, c)) == 0 {
		s.log.Warn("an incremental snapshot leaves a table out, because it has no primary key", "table", c.ID.String())
		status = scanNoKey
	}
	if status != "" {
		s.scanned(b, status)
		return false, nil
	}
	s.current = c.ID
	t, err := s.pieces(plan, c)
	if err != nil {
		return false, err
	}
	if s.cfg.VerifySchema && !s.verified {
		if err := s.verify(ctx, t); err != nil || !s.verified {
			return true, err
		}
	}
	if err := s.state.resolve(t.Key); err != nil {
		return false, err
	}
	if s.end == nil {
		s.end = s.state.last.values
	}
	if s.state.maximum.values == nil {
		if ok, err := s.readMaximum(ctx, t); err != nil || !ok {
			return false, s.withoutRows(b, err)
		}
	}
	n, err := s.readRows(ctx, b, plan, t, locking)
	switch {
	case err != nil:
		return false, s.withoutRows(b, err)
	case n < 0:
		return true, nil
	case n == 0:
		s.scanned(b, scanSucceeded)
		return false, nil
	}
	s.tell(b, "IN_PROGRESS", map[string]string{
		"data_collections": s.state.names(), "current_collection_in_progress": c.ID.String(),
		"maximum_key": keyText(t.Key, s.state.maximum.values), "last_processed_key": keyText(t.Key, s.end),
	})
	return true, nil
}

// withoutRows ends a table that is empty, or that the server refuses to read.
func (s *Source) withoutRows(b *connect.Batch, err error) error {
	if err == nil {
		s.scanned(b, scanEmpty)
		return nil
	}
	if server.Retriable(err) || errors.Is(err, context.Canceled) {
		return err
	}
	s.log.Error("an incremental snapshot leaves a table out, because it cannot be read", "table", s.currentName(), "error", err)
	s.scanned(b, scanFailed)
	return nil
}

// plan finds the table, asking the server if it is not known. status says why it
// cannot be read.
func (s *Source) plan(ctx context.Context, b *connect.Batch, id table.ID) (plan *event.Plan, status string, err error) {
	if !s.cfg.Filter.Captured(id) {
		s.log.Warn("an incremental snapshot leaves a table out that the connector does not capture; check the include and exclude lists", "table", id.String())
		return nil, scanUnknown, nil
	}
	if plan, err = s.schema.Plan(id); err != nil || plan != nil {
		return plan, "", err
	}
	if err := s.schema.Learn(ctx, b, id); err != nil {
		if ctx.Err() != nil || server.Retriable(err) {
			return nil, "", err
		}
		s.log.Warn("an incremental snapshot leaves a table out, because its structure cannot be read", "table", id.String(), "error", err)
		return nil, scanUnknown, nil
	}
	if plan, err = s.schema.Plan(id); err == nil && plan == nil {
		return nil, scanUnknown, nil
	}
	return plan, "", err
}

// keyNames are the columns in whose order a table is read.
func keyNames(plan *event.Plan, c Collection) []string {
	if c.SurrogateKey != "" {
		return []string{c.SurrogateKey}
	}
	if len(plan.Table.PrimaryKey) > 0 {
		return plan.Table.PrimaryKey
	}
	var names []string
	for _, column := range plan.KeyColumns() {
		names = append(names, column.Name)
	}
	return names
}

// pieces says how a table is read.
func (s *Source) pieces(plan *event.Plan, c Collection) (*chunk.Table, error) {
	key, err := chunk.Columns(plan.Table, keyNames(plan, c))
	if err != nil {
		return nil, err
	}
	for _, column := range key {
		if !chunk.Sortable(column) {
			return nil, fmt.Errorf("table %s cannot be read in the order of column %s of type %s; name another one as surrogate-key", c.ID, column.Name, column.TypeName)
		}
	}
	t := &chunk.Table{ID: c.ID, Key: key, Condition: c.Condition}
	var names []string
	for _, column := range plan.Table.Columns {
		if s.cfg.Filter.Column(c.ID, column.Name) || slices.Contains(key, column) || slices.Contains(plan.KeyColumns(), column) {
			names = append(names, server.QuoteName(column.Name))
		}
	}
	if len(names) < len(plan.Table.Columns) {
		t.Projection = strings.Join(names, ", ")
	} else if slices.ContainsFunc(plan.Table.Columns, func(c *table.Column) bool { return c.Invisible }) {
		t.Projection = strings.Join(names, ", ") // * leaves invisible columns out
	}
	return t, nil
}

// readMaximum reads where the table ends now; ok is false when it is empty.
func (s *Source) readMaximum(ctx context.Context, t *chunk.Table) (ok bool, err error) {
	rows, err := s.conn.All(ctx, t.Max())
	if err != nil || len(rows) == 0 {
		return false, err
	}
	key := make(chunk.Key, len(rows[0]))
	for i, v := range rows[0] {
		key[i] = chunk.Value{Text: v.String, Null: v.Null}
	}
	if err := s.state.until(t.Key, key); err != nil {
		return false, err
	}
	s.changed()
	return true, nil
}

// readRows reads the next rows into the window. It returns how many, or -1 when
// they do not fit the table as it is known: the stream has not come to a change
// of its structure yet, and the chunk is read again later.
func (s *Source) readRows(ctx context.Context, b *connect.Batch, plan *event.Plan, t *chunk.Table, locking bool) (int, error) {
	upTo := s.state.maximum.values
	if s.end == nil {
		upTo = nil // as Debezium: what was inserted since the snapshot began may be in the first chunk
	}
	sql, err := t.Next(s.end, upTo, s.cfg.ChunkSize)
	if err != nil {
		return 0, err
	}
	if locking {
		sql += " LOCK IN SHARE MODE"
	}
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	names := make([]string, len(rows.Columns))
	for i, c := range rows.Columns {
		names[i] = c.Name
	}
	fits := s.sameStructure(rows.Columns)
	w, err := newWindow(plan, t.Key, names)
	if err != nil {
		return 0, err
	}
	for {
		packet, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if !fits {
			continue
		}
		if err := w.add(packet, keyOf(packet, names, t.Key), b); err != nil {
			if s.stale++; s.stale > staleWindows {
				fits = false
				s.log.Error("rows of a table do not fit its structure as it is known", "table", t.ID.String(), "error", err)
				continue
			}
			fits = false
		}
	}
	if !fits {
		if s.stale > staleWindows {
			return 0, fmt.Errorf("table %s: its rows do not fit its structure as it is known", t.ID)
		}
		return -1, nil
	}
	if s.stale = 0; len(w.rows) == 0 {
		return 0, nil
	}
	s.window, s.end = w, w.rows[len(w.rows)-1].key
	s.rows += int64(len(w.rows))
	return len(w.rows), nil
}

// keyOf cuts the key out of a row.
func keyOf(packet []byte, names []string, columns []*table.Column) chunk.Key {
	key := make(chunk.Key, len(columns))
	for _, name := range names {
		text, null, rest, ok := server.Field(packet)
		if !ok {
			break // decoding the row says what is wrong
		}
		for i, c := range columns {
			if strings.EqualFold(c.Name, name) {
				key[i] = chunk.Value{Text: string(text), Null: null}
			}
		}
		packet = rest
	}
	return key
}

// verify asks the server for the structure of a table and compares it with what
// it was in the window before.
func (s *Source) verify(ctx context.Context, t *chunk.Table) error {
	sql, err := t.Next(nil, nil, 0)
	if err != nil {
		return err
	}
	rows, err := s.conn.Query(ctx, sql+" LIMIT 0")
	if err != nil {
		return err
	}
	structure := describe(rows.Columns)
	s.verified = structure == s.structure
	s.structure = structure
	for {
		if _, err := rows.Next(ctx); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// sameStructure reports whether rows have the structure that was verified.
func (s *Source) sameStructure(columns []server.Column) bool {
	if !s.cfg.VerifySchema {
		return true
	}
	structure := describe(columns)
	if structure == s.structure {
		return true
	}
	s.log.Info("a table has changed during an incremental snapshot; the chunk is read again once the change has come")
	s.structure, s.verified = structure, false
	return false
}

func describe(columns []server.Column) string {
	var text strings.Builder
	for _, c := range columns {
		fmt.Fprintf(&text, "%q %d %d %d %d;", c.Name, c.Type, c.Length, c.Flags, c.Decimals)
	}
	return text.String()
}

// scanned ends the table that is being read.
func (s *Source) scanned(b *connect.Batch, status string) {
	s.log.Info("incremental snapshot: table read", "table", s.currentName(), "rows", s.rows, "status", status)
	s.tell(b, "TABLE_SCAN_COMPLETED", map[string]string{
		"data_collections": s.state.names(), "scanned_collection": s.currentName(),
		"total_rows_scanned": strconv.FormatInt(s.rows, 10), "status": status,
	})
	if status == scanSucceeded {
		s.rows = 0
	}
	s.nextTable(b)
}

// instantText writes a time as java.time.Instant does.
func instantText(t time.Time) string {
	t = t.UTC()
	layout := "2006-01-02T15:04:05"
	switch n := t.Nanosecond(); {
	case n == 0:
	case n%1e6 == 0:
		layout += ".000"
	case n%1e3 == 0:
		layout += ".000000"
	default:
		layout += ".000000000"
	}
	return t.Format(layout) + "Z"
}
