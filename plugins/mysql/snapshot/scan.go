package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// scan turns the rows that are fetched into records. It always knows whether a
// row is followed by another one before the row becomes a record.
type scan struct {
	fetch *fetch
	piece *piece // whose rows come; nil between pieces
	block *block
	spent *block // the one before it, in which the current row may stand
	at    int    // next row in block
	table *reading

	row, next fetched  // the row to become a record, and the one behind it
	done      []string // tables read to the end; only ever appended to
	rows      int64    // rows of all tables, those before an interruption included
}

// fetched is a row of a table; the zero value is none.
type fetched struct {
	table *reading
	text  []byte
}

// reading is a table whose rows come.
type reading struct {
	job     *job
	plan    *event.Plan
	decoder *value.TextDecoder
	read    []value.Cell // in the order of the result
	target  []int        // where they belong in cells, -1 for nowhere
	cells   []value.Cell // in the order of the table
	keyAt   []int        // where the key's columns are in the result

	structure string
	nanos     int64 // time of all rows
	offset    connect.Offset
	rows      int64 // up to the current row, those before an interruption included
	some      bool  // a row has come
	told      bool  // its start has been told
	began     time.Time
}

const (
	// clockRows is how many rows are made at the same time: reading the clock for
	// each costs more than encoding it.
	clockRows = 64
	// pieceCheckpoints is how many parts a piece has whose rows share an offset, and
	// so come again when the snapshot is interrupted.
	pieceCheckpoints = 10
)

// read adds rows until the batch is full or no row is left. It returns only when
// a row is known to follow, or none at all.
func (r *Reader) read(ctx context.Context, b *connect.Batch) (done bool, err error) {
	s := &r.scan
	for {
		if s.row.table == nil {
			if s.row, err = r.advance(ctx); err != nil || s.row.table == nil {
				return err == nil, err
			}
		}
		if b.Full() {
			return false, nil
		}
		if s.next.table == nil {
			r.ahead = true
			s.next, err = r.advance(ctx)
			if r.ahead = false; err != nil {
				return false, err
			}
		}
		if err := r.emit(b); err != nil {
			return false, err
		}
		if s.row, s.next = s.next, (fetched{}); s.row.table == nil {
			return true, nil
		}
	}
}

// advance fetches the next row, whatever its table; none at the end.
func (r *Reader) advance(ctx context.Context) (fetched, error) {
	s := &r.scan
	for {
		if s.block != nil && s.at < len(s.block.ends) {
			s.at++
			return fetched{s.table, s.block.row(s.at - 1)}, nil
		}
		if s.piece == nil {
			select {
			case p, ok := <-s.fetch.pieces:
				if !ok {
					return fetched{}, nil
				}
				s.piece = p
			case <-ctx.Done():
				return fetched{}, context.Cause(ctx)
			}
		}
		select {
		case block, ok := <-s.piece.blocks:
			if err := r.received(block, ok); err != nil {
				return fetched{}, err
			}
		case <-ctx.Done():
			return fetched{}, context.Cause(ctx)
		}
	}
}

// received takes the next block of the piece, or its end.
func (r *Reader) received(b *block, ok bool) (err error) {
	s := &r.scan
	if !ok && s.piece.err != nil {
		return s.piece.err
	}
	if s.table == nil || s.table.job != s.piece.job {
		if s.table, err = r.open(s.piece); err != nil {
			return err
		}
	}
	if ok {
		s.fetch.release(s.spent)
		s.spent, s.block, s.at, s.table.some = s.block, b, 0, true
		return nil
	}
	if s.piece.last && !s.table.some {
		r.finish(s.table) // no row comes that could do it
	}
	s.piece = nil
	return nil
}

// open prepares for the rows of a table.
func (r *Reader) open(p *piece) (*reading, error) {
	id := p.job.table.ID
	plan, err := r.schema.Plan(id)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, fmt.Errorf("snapshot: the structure of table %s is not known; check the include and exclude lists", id)
	}
	t := &reading{job: p.job, plan: plan, nanos: p.at.UnixNano(), rows: p.job.before, began: r.cfg.Clock(), structure: structureOf(p.job.table)}
	t.bind(p.columns)
	var key [][]byte
	for _, v := range p.job.after {
		key = append(key, bytesOf([]byte(v.Text), v.Null))
	}
	t.offset = r.checkpoint(t, key)
	return t, nil
}

// bind finds out which column of the result is which of the table. A result
// that has all of them in their order, as it usually has, is decoded in place.
func (t *reading) bind(columns []server.Column) {
	known := t.plan.Table
	selected := make([]*table.Column, len(columns))
	t.target = make([]int, len(selected))
	inPlace := len(selected) == len(known.Columns)
	for i, c := range columns {
		t.target[i] = known.Index(c.Name)
		if t.target[i] >= 0 {
			selected[i] = known.Columns[t.target[i]]
		} else {
			selected[i] = &table.Column{Name: c.Name, Kind: table.Blob} // an extra column of an override
		}
		inPlace = inPlace && t.target[i] == i
	}
	t.decoder = value.NewTextDecoder(selected, value.TextOptions{})
	t.cells = make([]value.Cell, len(known.Columns))
	t.read = t.cells
	if !inPlace {
		t.read = make([]value.Cell, len(selected))
	}
	for _, k := range t.job.chunks.Key {
		for i, c := range selected {
			if c == k {
				t.keyAt = append(t.keyAt, i)
			}
		}
	}
}

// decode decodes a row into cells.
func (t *reading) decode(row []byte) error {
	if err := t.decoder.DecodeRow(row, t.read); err != nil {
		return fmt.Errorf("reading row %d of table %s: %w", t.rows+1, t.plan.Table.ID, err)
	}
	if len(t.read) > 0 && len(t.cells) > 0 && &t.read[0] == &t.cells[0] {
		return nil
	}
	for i, to := range t.target {
		if to >= 0 {
			t.cells[to] = t.read[i]
		}
	}
	return nil
}

// key cuts the key's values out of a row, in new memory; nil when the table is
// not read in the order of a key.
func (t *reading) key(row []byte) [][]byte {
	if !t.job.keyed() || len(t.keyAt) != len(t.job.chunks.Key) {
		return nil
	}
	values := make([][]byte, 0, len(t.read))
	for range t.read {
		text, null, rest, ok := server.Field(row)
		if !ok {
			return nil
		}
		values, row = append(values, bytesOf(text, null)), rest
	}
	key := make([][]byte, len(t.keyAt))
	for i, at := range t.keyAt {
		key[i] = values[at]
		if key[i] != nil {
			key[i] = append([]byte{}, key[i]...)
		}
	}
	return key
}

// bytesOf is nil for NULL and not nil for an empty text.
func bytesOf(text []byte, null bool) []byte {
	switch {
	case null:
		return nil
	case text == nil:
		return []byte{}
	}
	return text
}

// emit makes the record of the row; the one behind it is known.
func (r *Reader) emit(b *connect.Batch) error {
	s := &r.scan
	t := s.row.table
	if err := t.decode(s.row.text); err != nil {
		return err
	}
	if s.rows%clockRows == 0 {
		r.schema.SetClock(r.cfg.Clock().UnixNano())
	}
	if !t.told {
		r.tellStart(t)
	}
	t.rows++
	s.rows++
	lastOfTable := s.next.table != t
	switch {
	case lastOfTable:
		r.finish(t)
	case t.rows%r.checkpointRows == 0:
		if key := t.key(s.row.text); key != nil {
			t.offset = r.checkpoint(t, key)
		}
		r.report()
	}
	r.src = event.Source{File: r.file, Pos: r.pos}
	if r.cfg.Beside != nil {
		r.src = r.cfg.Beside.Source
	}
	r.src.Nanos, r.src.Marker = t.nanos, r.marker(t)
	before := len(b.Records)
	if err := t.plan.Read(b, &r.src, t.offset, t.cells); err != nil {
		return err
	}
	r.last.note(b, before)
	if lastOfTable {
		r.notes, r.later = append(r.notes, r.later...), nil
	}
	if lastOfTable && r.src.Marker != event.MarkFirst && len(b.Records) > before {
		t.plan.SetLastOfTable(&b.Records[len(b.Records)-1])
	}
	return nil
}

// marker is that of the current row, but for the last of a table.
func (r *Reader) marker(t *reading) event.Marker {
	switch {
	case t.rows != 1:
		return event.MarkSnapshot
	case t.job.index == 0 && r.scan.rows == 1:
		return event.MarkFirst
	}
	return event.MarkFirstTable
}

// finish notes that the current row is the last of its table, or that it has none.
func (r *Reader) finish(t *reading) {
	s := &r.scan
	s.done = append(s.done, t.job.table.ID.String())
	t.offset = r.offset(t.nanos, &position.Checkpoint{Done: s.done, Total: s.rows})
	r.log.Info("snapshot: table read", "table", t.job.table.ID.String(), "rows", t.rows, "took", r.cfg.Clock().Sub(t.began).Round(time.Millisecond))
	if !t.told {
		r.tellStart(t)
	}
	r.tellEnd(t)
	r.report()
}

// checkpoint is the offset behind the row with the given key.
func (r *Reader) checkpoint(t *reading, key [][]byte) connect.Offset {
	return r.offset(t.nanos, &position.Checkpoint{
		Done: r.scan.done, Table: t.job.table.ID.String(), Structure: t.structure, Key: key, Rows: t.rows, Total: r.scan.rows,
	})
}
