//go:build servers

package main

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// Every workload's table can be made and filled, with ids that follow on each other, and the binlog's end is before its rows.
func TestTablesAreFilled(t *testing.T) {
	db := rig.MySQL(t)
	conn, err := db.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, w := range append(append(mainWorkloads(), tableWorkloads()...), variantWorkloads()...) {
		t.Run(w.name, func(t *testing.T) {
			if err := w.table.make(conn); err != nil {
				t.Fatal(err)
			}
			before, err := binlogEnd(conn)
			if err != nil {
				t.Fatal(err)
			}
			const rows = patternRows + transaction + 1
			if err := w.table.fill(conn, 5, rows); err != nil {
				t.Fatal(err)
			}
			after, err := binlogEnd(conn)
			if err != nil {
				t.Fatal(err)
			}
			if before.file != after.file || before.position >= after.position || before.gtids == after.gtids {
				t.Errorf("the binlog grew from %+v to %+v", before, after)
			}
			result, err := conn.Execute(fmt.Sprintf("SELECT COUNT(*), MIN(id), MAX(id) FROM %s.%s", database, w.table.name))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []int64{rows, 5, 5 + rows - 1} {
				if got, err := result.GetInt(0, i); err != nil || got != want {
					t.Errorf("count, least and greatest id: number %d is %d, %v; want %d", i, got, err, want)
				}
			}
		})
	}
}
