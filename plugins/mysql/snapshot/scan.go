package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// scan is the reading of the tables, one after the other.
type scan struct {
	tables []table.ID // still to be read
	opened int        // tables that have been opened
	rows   int64      // rows of all tables

	// The table being read; result is nil between tables.
	result  *server.Rows
	row     []byte // the next row, read ahead
	plan    *event.Plan
	decoder *value.TextDecoder
	read    []value.Cell // in the order of the result
	target  []int        // where they belong in cells, -1 for nowhere
	cells   []value.Cell // in the order of the table
	offset  connect.Offset
	count   int64 // rows of this table
	began   time.Time
}

// read adds rows until the batch is full or no table is left. A row is always
// read ahead: what is handed out is known not to be the last.
func (r *Reader) read(ctx context.Context, b *connect.Batch) (done bool, err error) {
	s := &r.scan
	for {
		if s.result == nil {
			if len(s.tables) == 0 {
				return true, nil
			}
			if err := r.open(ctx); err != nil {
				return false, err
			}
			continue
		}
		if b.Full() || len(b.Records) > 0 && !s.result.Buffered() {
			return false, nil
		}
		if err := r.readRow(ctx, b); err != nil {
			return false, err
		}
	}
}

// open starts the next table and reads its first row ahead.
func (r *Reader) open(ctx context.Context) error {
	s := &r.scan
	id := s.tables[0]
	s.tables = s.tables[1:]
	s.opened++
	plan, err := r.schema.Plan(id)
	if err != nil {
		return err
	}
	if plan == nil {
		return fmt.Errorf("snapshot: the structure of table %s is not known; check the include and exclude lists", id)
	}
	now, err := r.serverTime(ctx)
	if err != nil {
		return err
	}
	if s.result, err = r.conn.Query(ctx, r.selectFor(plan.Table)); err != nil {
		return fmt.Errorf("reading table %s: %w", id, err)
	}
	s.plan, s.count, s.began = plan, 0, r.cfg.Clock()
	s.bind()
	r.src = event.Source{Nanos: now.UnixNano(), File: r.file, Pos: r.pos}
	s.offset = r.offset(r.src.Nanos)
	return r.ahead(ctx)
}

// bind finds out which column of the result is which of the table. A result
// that has all of them in their order, as it usually has, is decoded in place.
func (s *scan) bind() {
	t := s.plan.Table
	selected := make([]*table.Column, len(s.result.Columns))
	s.target = make([]int, len(selected))
	inPlace := len(selected) == len(t.Columns)
	for i, c := range s.result.Columns {
		s.target[i] = t.Index(c.Name)
		if s.target[i] >= 0 {
			selected[i] = t.Columns[s.target[i]]
		} else {
			selected[i] = &table.Column{Name: c.Name, Kind: table.Blob} // an extra column of an override
		}
		inPlace = inPlace && s.target[i] == i
	}
	s.decoder = value.NewTextDecoder(selected, value.TextOptions{})
	s.cells = make([]value.Cell, len(t.Columns))
	s.read = s.cells
	if !inPlace {
		s.read = make([]value.Cell, len(selected))
	}
}

// decode decodes the row that was read ahead into cells.
func (s *scan) decode() error {
	if err := s.decoder.DecodeRow(s.row, s.read); err != nil {
		return fmt.Errorf("reading row %d of table %s: %w", s.count+1, s.plan.Table.ID, err)
	}
	if len(s.read) > 0 && &s.read[0] == &s.cells[0] {
		return nil
	}
	for i, to := range s.target {
		if to >= 0 {
			s.cells[to] = s.read[i]
		}
	}
	return nil
}

// ahead reads the next row, or ends the table.
func (r *Reader) ahead(ctx context.Context) (err error) {
	s := &r.scan
	s.row, err = s.result.Next(ctx)
	if errors.Is(err, io.EOF) {
		r.log.Info("snapshot: table read", "table", s.plan.Table.ID.String(), "rows", s.count, "took", r.cfg.Clock().Sub(s.began).Round(time.Millisecond))
		s.result, s.row = nil, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading table %s: %w", s.plan.Table.ID, err)
	}
	return nil
}

// readRow adds the row that was read ahead and reads the next one.
func (r *Reader) readRow(ctx context.Context, b *connect.Batch) error {
	s := &r.scan
	if err := s.decode(); err != nil {
		return err
	}
	if s.count%clockRows == 0 {
		r.schema.SetClock(r.cfg.Clock().UnixNano())
	}
	s.count++
	s.rows++
	r.src.Marker = event.MarkSnapshot
	if s.count == 1 {
		r.src.Marker = event.MarkFirstTable
		if s.opened == 1 {
			r.src.Marker = event.MarkFirst
		}
	}
	before := len(b.Records)
	if err := s.plan.Read(b, &r.src, s.offset, s.cells); err != nil {
		return err
	}
	r.last.note(b, before)
	if err := r.ahead(ctx); err != nil {
		return err
	}
	if s.result == nil && r.src.Marker != event.MarkFirst && len(b.Records) > before {
		s.plan.SetLastOfTable(&b.Records[len(b.Records)-1])
	}
	return nil
}

// clockRows is how many rows are made at the same time: reading the clock for
// each costs more than encoding it.
const clockRows = 64

// serverTime is the server's clock, to the second: the time of all rows of a table.
func (r *Reader) serverTime(ctx context.Context) (time.Time, error) {
	rows, err := r.conn.All(ctx, "SELECT CURRENT_TIMESTAMP")
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the server's time: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return time.Time{}, errors.New("reading the server's time: no row came back")
	}
	t, err := time.Parse(time.DateTime, rows[0][0].String)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the server's time: %w", err)
	}
	return t, nil
}

// selectFor is the statement that reads a table: all captured columns, in
// storage order, or what the user says.
func (r *Reader) selectFor(t *table.Table) string {
	for _, name := range []string{t.ID.String(), t.ID.Name} {
		if sql, ok := r.cfg.Overrides[name]; ok {
			return sql
		}
	}
	var columns, all []string
	for _, c := range t.Columns {
		name := server.QuoteName(c.Name)
		all = append(all, name)
		if r.cfg.Filter.Column(t.ID, c.Name) {
			columns = append(columns, name)
		}
	}
	if len(columns) == 0 {
		columns = all
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + quoted(t.ID)
}

// order sorts tables by their estimated number of rows, if so configured.
func (r *Reader) order(ctx context.Context, ids []table.ID) ([]table.ID, error) {
	if r.cfg.Order == "" || r.cfg.Order == "disabled" {
		return ids, nil
	}
	sign, counts := 1, map[table.ID]int64{}
	if r.cfg.Order == "descending" {
		sign = -1
	}
	for _, id := range ids {
		n, _, err := r.conn.EstimatedRows(ctx, id.Database, id.Name)
		if err != nil {
			return nil, fmt.Errorf("estimating the rows of table %s: %w", id, err)
		}
		counts[id] = n
	}
	slices.SortStableFunc(ids, func(a, b table.ID) int { return sign * cmp.Compare(counts[a], counts[b]) })
	return ids, nil
}
