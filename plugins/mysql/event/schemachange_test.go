package event_test

import (
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
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
