package mysql

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// Offsets of a transaction count the events before them for each table: those
// of rows, of what follows a rows event, and of the END record.
func TestTransactionCountsInOffsets(t *testing.T) {
	const a, b = "transaction_data_collection_order_tx.a", "transaction_data_collection_order_tx.b"
	events, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p"}, Connector: "mysql"},
		&connect.SourcePartition{Key: partition("p")})
	if err != nil {
		t.Fatal(err)
	}
	tracker := binlog.NewTracker(binlog.TrackerConfig{Offset: position.Offset{File: "b.1", Pos: 4}})
	check := func(when string, o connect.Offset, wantA, wantB any) {
		t.Helper()
		if got := o.Map(); got[a] != wantA || got[b] != wantB {
			t.Errorf("%s: a is %v and b is %v, want %v and %v", when, got[a], got[b], wantA, wantB)
		}
	}
	batch := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	tx := &transaction{}
	tx.begin(batch, tracker, events)
	tx.table("tx.a", tracker, 0)
	for i := range int64(2) {
		tx.next()
		check("row of a", tracker.RowOffset(i+1), i+1, nil)
	}
	tx.rowsDone(tracker)
	check("after the rows of a", tracker.Offset(), int64(2), nil)
	tx.table("tx.b", tracker, 0)
	tx.next()
	check("row of b", tracker.RowOffset(1), int64(2), int64(1))
	tx.rowsDone(tracker)
	tx.table("tx.a", tracker, 0)
	tx.next()
	tx.rowsDone(tracker)
	tx.end(batch, tracker, events)
	check("end", batch.Records[len(batch.Records)-1].Offset, int64(3), int64(1))
}

// The END record lists tables in the order of Java's hash map, whichever changed
// first; the map's size follows from the largest transaction so far.
func TestTablesOfATransactionInHashOrder(t *testing.T) {
	tx := &transaction{}
	names := func() string {
		var out []string
		for _, c := range tx.counts() {
			out = append(out, c.Collection)
		}
		return strings.Join(out, " ")
	}
	for _, name := range []string{"tx.b", "tx.a", "shop.orders", "shop.items"} {
		tx.orders = append(tx.orders, position.TableOrder{Table: name, Count: 1})
	}
	if got, want := names(), "tx.a shop.items shop.orders tx.b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	tx.orders = append(tx.orders, position.TableOrder{Table: "handled.before", Count: 0}) // the restart
	if got, want := names(), "tx.a shop.items shop.orders tx.b"; got != want || tx.grown != 4 {
		t.Errorf("with a table without events: %s, want %s", got, want)
	}
	tx.grown = 30
	if got, want := names(), "tx.a tx.b shop.orders shop.items"; got != want {
		t.Errorf("after a transaction with 30 tables: %s, want %s", got, want)
	}
}
