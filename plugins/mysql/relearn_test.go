package mysql

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// A table that is not captured does not keep a snapshot from being taken, whatever its structure is; one that is does, and
// the error tells of the statement.
func TestUnparseableStructures(t *testing.T) {
	filter, err := table.NewFilter(table.FilterConfig{IncludeTables: `shop\.mine`})
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{
		parser: ddl.New(ddl.Config{}), policy: history.Policy{Filter: filter}, log: slog.New(slog.DiscardHandler), meters: &meters{},
		history: history.New(history.Config{Storage: history.NewMemory()}), plans: map[*table.Table]*event.Plan{},
	}
	apply := func(sql string) error {
		return s.Apply(t.Context(), &connect.Batch{}, snapshot.Statement{Database: "shop", SQL: sql}, &event.Source{File: "b.7", Pos: 11}, connect.Offset{})
	}
	if err := apply("CREATE TABLE theirs (id FROBNICATE OF THE FUTURE, )"); err != nil {
		t.Error(err)
	}
	err = apply("CREATE TABLE mine (id FROBNICATE OF THE FUTURE, )")
	for _, want := range []string{"b.7:11", "CREATE TABLE mine", "skip.unparseable.ddl"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}
