package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// This file deals with row images that lack columns. A session can choose another
// binlog_row_image than the server's, so they come whatever was checked at the
// start. Text, binary and JSON columns that have not changed become
// unavailable.value.placeholder (binlog_row_image=NOBLOB). Any other column that
// is missing stops the task, unless row.image.fill=select reads the row as it is
// now; such an event says so in a header.

// lacking says whether an image lacks a column.
func lacking(present []byte, columns int) bool {
	for i := range columns {
		if present[i>>3]&(1<<(i&7)) == 0 {
			return true
		}
	}
	return false
}

// partial says whether a rows event has images that lack columns.
func partial(r *binlog.Rows) bool {
	return r.Op != binlog.Insert && lacking(r.Before, r.Columns) || r.Op != binlog.Delete && lacking(r.After, r.Columns) || r.Partial
}

// images says what the images of a row lack besides what the placeholder stands for.
type images struct{ before, after []*table.Column }

func (s *stream) lacks(m *mapped, op binlog.Op) (l images) {
	if op != binlog.Insert {
		l.before = missing(m.plan.Table, s.before)
	}
	if op != binlog.Delete {
		l.after = missing(m.plan.Table, s.after)
	}
	return l
}

func missing(t *table.Table, cells []value.Cell) (out []*table.Column) {
	for i := range min(len(cells), len(t.Columns)) {
		if c := &cells[i]; c.Kind == value.Missing && (c.Num != 0 || !value.Replaceable(t.Columns[i])) {
			out = append(out, t.Columns[i])
		}
	}
	return out
}

// emitPartial is emit for a row whose images lack columns.
func (s *stream) emitPartial(ctx context.Context, b *connect.Batch, m *mapped, op binlog.Op, done int64) error {
	if op == binlog.Update {
		keyOfBefore(m.plan.Table, s.before, s.after)
	}
	l := s.lacks(m, op)
	if len(l.before)+len(l.after) == 0 {
		return s.emit(b, m, op, done)
	}
	if s.rest == nil {
		c := append(l.after, l.before...)[0]
		return fmt.Errorf("table %s: the row image lacks column %s; a session has written with another binlog_row_image than FULL or NOBLOB, or with binlog_row_value_options=PARTIAL_JSON besides; set row.image.fill=select to read what is missing from the table", m.name, c.Name)
	}
	found := true
	if len(l.after) > 0 {
		var err error
		if found, err = s.rest.fill(ctx, b, m.plan.Table, s.after); err != nil {
			return err
		}
	}
	first := len(b.Records)
	if err := s.emit(b, m, op, done); err != nil {
		return err
	}
	for i := first; i < len(b.Records); i++ {
		event.MarkFilled(&b.Records[i], found, len(l.before) > 0)
	}
	return nil
}

// keyOfBefore completes the key of an image that has the changed columns alone.
func keyOfBefore(t *table.Table, before, after []value.Cell) {
	for _, name := range t.PrimaryKey {
		if i := t.Index(name); i >= 0 && i < len(after) && after[i].Kind == value.Missing {
			after[i] = before[i]
		}
	}
}

// rest reads rows as they are now, over a connection of its own. It belongs to the
// goroutine that calls Poll.
type rest struct {
	server server.Config
	conn   *server.Conn // nil until needed
}

// fill completes a row. found is false when there is no row with its key any more:
// then its deletion follows in the binlog.
func (r *rest) fill(ctx context.Context, b *connect.Batch, t *table.Table, cells []value.Cell) (found bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("table %s: reading the columns that a row image lacks: %w", t.ID, err)
		}
	}()
	statement, err := selectRow(t, cells)
	if err != nil {
		return false, err
	}
	if r.conn == nil {
		if r.conn, err = server.Connect(ctx, r.server); err != nil {
			return false, err
		}
	}
	rows, err := r.conn.Query(ctx, statement)
	if err != nil {
		r.close()
		return false, err
	}
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			r.close()
			return false, err
		}
		if err := complete(b, t, row, cells); err != nil {
			return false, err
		}
		found = true
	}
}

// complete takes over the columns that are missing.
func complete(b *connect.Batch, t *table.Table, row []byte, cells []value.Cell) error {
	kept := b.Arena.Bytes(len(row))
	copy(kept, row)
	now := make([]value.Cell, len(t.Columns))
	if err := value.NewTextDecoder(t.Columns, value.TextOptions{}).DecodeRow(kept, now); err != nil {
		return err
	}
	for i := range cells {
		if cells[i].Kind == value.Missing {
			cells[i] = now[i]
		}
	}
	return nil
}

// selectRow reads all columns of the row with the key of the cells.
func selectRow(t *table.Table, cells []value.Cell) (string, error) {
	key, err := chunk.Columns(t, t.PrimaryKey)
	if err != nil {
		return "", err
	}
	if len(key) == 0 {
		return "", errors.New("it has no primary key to find the row by; set binlog_row_image=FULL")
	}
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = server.QuoteName(c.Name)
	}
	var where []string
	for _, c := range key {
		text, err := cellLiteral(c, &cells[t.Index(c.Name)])
		if err != nil {
			return "", err
		}
		where = append(where, server.QuoteName(c.Name)+" = "+text)
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + server.QuoteName(t.ID.Database) + "." + server.QuoteName(t.ID.Name) +
		" WHERE " + strings.Join(where, " AND "), nil
}

func (r *rest) close() {
	if r != nil && r.conn != nil {
		_ = r.conn.Close() // nothing waits for its answer
		r.conn = nil
	}
}

// cellLiteral writes a key's value as SQL.
func cellLiteral(c *table.Column, cell *value.Cell) (string, error) {
	switch cell.Kind {
	case value.Int:
		if c.Unsigned {
			return fmt.Sprint(uint64(cell.Num) & (1<<(8*integerSize(c.Kind)) - 1)), nil
		}
		return fmt.Sprint(cell.Num), nil
	case value.Bytes:
		if c.Kind.IsText() && c.Charset != "" {
			return fmt.Sprintf("_%s x'%x'", c.Charset, cell.Data), nil
		}
		return fmt.Sprintf("x'%x'", cell.Data), nil
	case value.DecimalBig, value.DecimalText:
		return string(cell.AppendDecimal(nil)), nil
	case value.Text:
		return fmt.Sprintf("_utf8mb4 x'%x'", cell.Data), nil
	}
	return "", fmt.Errorf("a row cannot be found by the key column %s of type %s; set binlog_row_image=FULL", c.Name, c.TypeName)
}

func integerSize(k table.Kind) uint {
	switch k {
	case table.TinyInt:
		return 1
	case table.SmallInt:
		return 2
	case table.MediumInt:
		return 3
	case table.Int:
		return 4
	}
	return 8
}
