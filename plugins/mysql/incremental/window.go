package incremental

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// window holds the rows of a chunk until it is known which of them an event has
// replaced.
type window struct {
	plan    *event.Plan
	key     []*table.Column // in whose order the table is read
	columns []string        // of the result
	rows    []row
	at      map[string][]int // rows by identity
	left    int              // rows that have not been replaced

	id      *event.Identity
	decoder *value.TextDecoder
	target  []int        // where the columns of the result belong in a row, -1 for nowhere
	read    []value.Cell // in the order of the result
	cells   []value.Cell // in the order of the table
	scratch []byte
}

// row is one row of a chunk as the server sent it.
type row struct {
	packet   []byte
	key      chunk.Key
	replaced bool
}

// newWindow prepares for the rows of a result with these columns. It refuses a
// result that lacks a column of the table: then its structure has changed.
func newWindow(plan *event.Plan, key []*table.Column, columns []string) (*window, error) {
	w := &window{plan: plan, key: key, columns: columns, at: map[string][]int{}}
	var err error
	if w.id, err = plan.Identity(); err != nil {
		return nil, err
	}
	t := plan.Table
	selected := make([]*table.Column, len(columns))
	w.target = make([]int, len(columns))
	for i, name := range columns {
		w.target[i] = t.Index(name)
		if w.target[i] >= 0 {
			selected[i] = t.Columns[w.target[i]]
		} else {
			selected[i] = &table.Column{Name: name, Kind: table.Blob} // not known yet
		}
	}
	w.decoder = value.NewTextDecoder(selected, value.TextOptions{})
	w.read, w.cells = make([]value.Cell, len(columns)), make([]value.Cell, len(t.Columns))
	return w, nil
}

// add takes a row; the packet is copied.
func (w *window) add(packet []byte, key chunk.Key, b *connect.Batch) error {
	r := row{packet: append([]byte(nil), packet...), key: key}
	if err := w.decode(&r); err != nil {
		return err
	}
	var err error
	if w.scratch, err = w.id.Append(w.scratch[:0], &b.Arena, w.cells); err != nil {
		return err
	}
	w.at[string(w.scratch)] = append(w.at[string(w.scratch)], len(w.rows))
	w.rows = append(w.rows, r)
	w.left++
	return nil
}

func (w *window) decode(r *row) error {
	if err := w.decoder.DecodeRow(r.packet, w.read); err != nil {
		return fmt.Errorf("table %s: reading a row: %w", w.plan.Table.ID, err)
	}
	for i, to := range w.target {
		if to >= 0 {
			w.cells[to] = w.read[i]
		}
	}
	return nil
}

// replace leaves out the rows that are the same row as one of an event.
func (w *window) replace(cells []value.Cell, b *connect.Batch) error {
	if w.left == 0 || len(cells) != len(w.plan.Table.Columns) {
		return nil
	}
	var err error
	if w.scratch, err = w.id.Append(w.scratch[:0], &b.Arena, cells); err != nil {
		return err
	}
	for _, i := range w.at[string(w.scratch)] {
		if !w.rows[i].replaced {
			w.rows[i] = row{replaced: true}
			w.left--
		}
	}
	return nil
}
