package mysql

import (
	"cmp"
	"maps"
	"slices"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// transaction counts the events of the transaction being read, for
// provide.transaction.metadata (io.debezium.pipeline.txmetadata).
type transaction struct {
	id      string
	orders  []position.TableOrder
	total   int64
	current int // index in orders of the table whose rows are being read
	place   event.Transaction
	grown   int // most tables that a transaction has had since the start
}

// resume takes over the counts of an offset inside a transaction.
func (t *transaction) resume(o *position.Transaction) {
	if o == nil {
		return
	}
	t.id = o.ID
	for _, name := range slices.Sorted(maps.Keys(o.Orders)) {
		t.orders = append(t.orders, position.TableOrder{Table: name, Count: o.Orders[name]})
		t.total += o.Orders[name]
	}
}

// begin starts a transaction and adds its BEGIN record, unless the connector
// resumes within it: then the record has been written before.
func (t *transaction) begin(b *connect.Batch, tracker *binlog.Tracker, events *event.Builder) {
	id := tracker.TransactionID()
	if id == t.id {
		t.store(tracker, -1, 0)
		return
	}
	*t = transaction{id: id, grown: t.grown}
	t.store(tracker, -1, 0)
	micros, _ := tracker.EventMicros()
	tracker.Touch()
	events.TransactionBegin(b, tracker.Offset(), id, micros*1000)
}

// end adds the END record.
func (t *transaction) end(b *connect.Batch, tracker *binlog.Tracker, events *event.Builder) {
	if t.id == "" {
		return
	}
	micros, _ := tracker.EventMicros()
	events.TransactionEnd(b, tracker.Offset(), t.id, micros*1000, t.counts())
	*t = transaction{grown: t.grown}
	tracker.SetExtra(nil)
}

// counts are in the order of Java's hash map, which is emptied after each
// transaction but never shrinks.
func (t *transaction) counts() []event.CollectionCount {
	counts := make([]event.CollectionCount, 0, len(t.orders))
	for _, o := range t.orders {
		if o.Count > 0 { // after a restart all rows of a table may have been handled before
			counts = append(counts, event.CollectionCount{Collection: o.Table, Events: o.Count})
		}
	}
	t.grown = max(t.grown, len(counts))
	slices.SortStableFunc(counts, func(a, b event.CollectionCount) int {
		return cmp.Compare(data.HashBucket(a.Collection, t.grown), data.HashBucket(b.Collection, t.grown))
	})
	return counts
}

// table says that rows of a table follow; firstRow rows of its event are done.
func (t *transaction) table(name string, tracker *binlog.Tracker, firstRow int64) {
	t.current = -1
	for i := range t.orders {
		if t.orders[i].Table == name {
			t.current = i
		}
	}
	if t.current < 0 {
		t.current = len(t.orders)
		t.orders = append(t.orders, position.TableOrder{Table: name})
	}
	t.store(tracker, t.current, firstRow)
}

// next gives the next event of the table its place.
func (t *transaction) next() *event.Transaction {
	t.total++
	t.orders[t.current].Count++
	t.place = event.Transaction{ID: t.id, Order: t.total, CollectionOrder: t.orders[t.current].Count}
	return &t.place
}

// truncation gives the event of a TRUNCATE TABLE its place. MariaDB's GTID begins a
// transaction for it, which has no end; in MySQL there is none.
func (t *transaction) truncation(name string, tracker *binlog.Tracker) *event.Transaction {
	if t.id == "" {
		return nil
	}
	t.table(name, tracker, 0)
	defer t.rowsDone(tracker)
	return t.next()
}

// rowsDone makes the offsets that follow count the rows of the event that ends.
func (t *transaction) rowsDone(tracker *binlog.Tracker) { t.store(tracker, -1, 0) }

// split says that a row was two events: the offsets that follow count from here.
func (t *transaction) split(tracker *binlog.Tracker, done int64) {
	t.store(tracker, t.current, done)
}

// store gives the counts as they stand to the offsets that follow.
func (t *transaction) store(tracker *binlog.Tracker, table int, firstRow int64) {
	tracker.SetExtra(&position.Extra{
		TransactionID: t.id, Orders: append([]position.TableOrder(nil), t.orders...), RowTable: table, FirstRow: firstRow,
	})
}
