package snapshot

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// What integration/oracle has recorded in 53-snapshot-order is the last case.
func TestCreateOrder(t *testing.T) {
	ids := func(names ...string) (out []table.ID) {
		for _, n := range names {
			out = append(out, table.ID{Database: "ord", Name: n})
		}
		return out
	}
	tables := captured{schema: append(ids("large", "left_out", "none", "small"), table.ID{Database: "zzz", Name: "t"}), monitored: ids("small")}
	for _, c := range []struct {
		name string
		lock locker
		want []table.ID
	}{
		{"the global lock", locker{mode: locking{global: "x"}, global: time.Now()}, ids("large", "left_out", "none", "small")},
		{"locks of tables", locker{mode: locking{global: "x"}, byTables: true}, ids("small", "large", "left_out", "none")},
		{"no lock", locker{}, ids("large", "none", "small", "left_out")},
	} {
		r := &Reader{lock: c.lock}
		if got := r.createOrder(tables, "ord"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
