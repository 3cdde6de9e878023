package predicate

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// recordIsTombstone holds for records whose value is null.
type recordIsTombstone struct{}

func newRecordIsTombstone(*configdef.Values) (connect.Predicate, error) {
	return recordIsTombstone{}, nil
}

// Test implements connect.Predicate.
func (recordIsTombstone) Test(r *connect.Record) (bool, error) { return r.Value.IsNull(), nil }

// Close implements connect.Predicate.
func (recordIsTombstone) Close() error { return nil }
