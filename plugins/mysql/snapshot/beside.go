package snapshot

import (
	"context"
	"errors"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Beside makes a snapshot that is taken while a stream waits for it (a blocking
// snapshot): its records stand at the position of the stream.
type Beside struct {
	// Source is the source block of the rows, but for their time and marker.
	Source event.Source
	// Offset is that of the stream.
	Offset position.Base
	// Agree says whether the tables are now as the stream knows them. If not, the
	// stream has not come to a change of them yet, and Fill returns ErrAhead.
	Agree func([]Statement) bool
}

// ErrAhead says that a table has another structure than the stream knows.
var ErrAhead = errors.New("a table has changed, and the stream has not come to that yet")

// besidePosition takes the position of the stream.
func (r *Reader) besidePosition() {
	o := &r.cfg.Beside.Offset
	r.file, r.pos, r.gtids = o.File, o.Pos, o.GTIDs
}

// besideStructure reads the statements for the tables alone.
func (r *Reader) besideStructure(ctx context.Context, ids []table.ID) ([]Statement, error) {
	var drops, creates []Statement
	for _, id := range ids {
		drops = append(drops, Statement{id.Database, "DROP TABLE IF EXISTS " + quoted(id)})
		create, err := r.conn.CreateTable(ctx, id.Database, id.Name)
		if err != nil {
			return nil, err
		}
		creates = append(creates, Statement{id.Database, create})
	}
	if !r.cfg.Beside.Agree(creates) {
		return nil, ErrAhead
	}
	return append(drops, creates...), nil
}

// besideOffset is the offset of a row, or of the end of the snapshot.
func (r *Reader) besideOffset(nanos int64, s position.SnapshotType) connect.Offset {
	b := r.cfg.Beside.Offset
	if s != "" { // as in Debezium, without what a stream remembers besides
		b.Snapshot, b.Extra, b.Checkpoint = position.SnapshotBlocking, nil, nil
		b.Time, b.HasTime = nanos/1e9, true
	}
	return connect.Offset{Base: r.slab.New(b)}
}
