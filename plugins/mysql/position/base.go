package position

import "maps"

// Base is the part of an offset that all rows of one event share. It implements
// connect.OffsetBase; the number that goes with it is the offset's row. A Base
// must not change once a record carries it.
type Base struct {
	File     string
	Pos      int64
	GTIDs    SetText
	Event    int64
	Time     int64 // seconds since 1970; used when HasTime
	HasTime  bool
	ServerID int64
	Snapshot SnapshotType
	// Checkpoint is how far the running snapshot has come; nil outside of one.
	Checkpoint *Checkpoint
	Extra      *Extra // nil when the offset has no more fields
}

// Extra holds the fields of an offset that only some connectors write.
type Extra struct {
	TransactionID string
	// Orders are the counts of events per table at the Base's row FirstRow.
	Orders []TableOrder
	// RowTable is the index in Orders of the table to which the event's rows
	// belong, -1 for none: its count grows by one for each row after FirstRow.
	RowTable int
	FirstRow int64
	// Incremental holds the fields of a running incremental snapshot.
	Incremental map[string]any
}

// TableOrder counts the events of a transaction for one table, DATABASE.TABLE.
type TableOrder struct {
	Table string
	Count int64
}

// SourceOffset renders the offset after row rows of the event.
func (b *Base) SourceOffset(row int64) map[string]any {
	o := b.Offset(row)
	return o.Map()
}

// Offset returns the offset after row rows of the event.
func (b *Base) Offset(row int64) Offset {
	o := Offset{
		File: b.File, Pos: b.Pos, GTIDs: b.GTIDs.String(), Event: b.Event, Row: row,
		Time: b.Time, HasTime: b.HasTime, ServerID: b.ServerID, Snapshot: b.Snapshot,
		Checkpoint: b.Checkpoint,
	}
	if x := b.Extra; x != nil {
		o.Incremental = maps.Clone(x.Incremental)
		o.Transaction = x.transaction(row)
	}
	return o
}

func (x *Extra) transaction(row int64) *Transaction {
	if x.TransactionID == "" && len(x.Orders) == 0 {
		return nil
	}
	tx := &Transaction{ID: x.TransactionID, Orders: make(map[string]int64, len(x.Orders))}
	for i, t := range x.Orders {
		if i == x.RowTable && row > x.FirstRow {
			t.Count += row - x.FirstRow
		}
		tx.Orders[t.Table] = t.Count
	}
	return tx
}

// Slab hands out Bases that were allocated many at a time, because one is needed
// for every event. It belongs to one goroutine.
type Slab struct{ free []Base }

const slabSize = 64

// New returns a copy of b on the heap.
func (s *Slab) New(b Base) *Base {
	if len(s.free) == 0 {
		s.free = make([]Base, slabSize)
	}
	p := &s.free[0]
	s.free = s.free[1:]
	*p = b
	return p
}
