package event_test

import (
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// A statement about a table that is not known, such as MariaDB's RENAME TABLE IF
// EXISTS nope TO nope2, changes no table; a DROP of one is recorded.
func TestChangesOfUnknownTables(t *testing.T) {
	for kind, want := range map[ddl.Kind]int{ddl.AlterTable: 0, ddl.CreateTable: 0, ddl.DropTable: 1} {
		b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p"}, Connector: "mariadb"}, &connect.SourcePartition{})
		if err != nil {
			t.Fatal(err)
		}
		batch := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
		b.SchemaChange(batch, &event.Source{}, connect.Offset{}, &ddl.Change{Kind: kind, Database: "d", ID: table.ID{Database: "d", Name: "t"}})
		changes, err := batch.Records[0].Value.Struct().Get("tableChanges")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(changes.Elems()); got != want {
			t.Errorf("%v has %d table changes, want %d", kind, got, want)
		}
	}
}

// Debezium 1.x describes no dropped table, and so its field is not optional.
func TestSchemaChangesOfRelease1(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p"}, Connector: "mysql", Release1: true}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	batch := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	b.SchemaChange(batch, &event.Source{}, connect.Offset{}, &ddl.Change{Kind: ddl.DropTable, Database: "d", ID: table.ID{Database: "d", Name: "t"}})
	changes := batch.Records[0].ValueSchema.Field("tableChanges").Schema
	if changes.ValueSchema().Field("table").Schema.Optional() {
		t.Error("the field table is optional")
	}
	if got, err := batch.Records[0].Value.Struct().Get("tableChanges"); err != nil || len(got.Elems()) != 0 {
		t.Errorf("table changes %v, %v", got, err)
	}
}

// Debezium 1.x reads no GTIDs of MariaDB.
func TestGTIDOfRelease1(t *testing.T) {
	for _, mariadb := range []bool{true, false} {
		b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p"}, Connector: "mysql", Release1: true, Value: value.Options{MariaDB: mariadb}}, &connect.SourcePartition{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.Plan(sbtest())
		if err != nil {
			t.Fatal(err)
		}
		row := []value.Cell{{Kind: value.Int, Num: 1}, {Kind: value.Int}, {Kind: value.Null}, {Kind: value.Null}}
		batch := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
		if err := p.Insert(batch, &event.Source{GTID: "0-1-2"}, connect.Offset{}, row); err != nil {
			t.Fatal(err)
		}
		source, err := batch.Records[0].Value.Struct().Get("source")
		if err != nil {
			t.Fatal(err)
		}
		if gtid, err := source.Struct().Get("gtid"); err != nil || gtid.IsNull() != mariadb {
			t.Errorf("MariaDB %t: gtid %v, %v", mariadb, gtid, err)
		}
	}
}
