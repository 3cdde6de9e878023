package transform

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// filter drops every record; a predicate says which ones it gets.
type filter struct{ closer }

func newFilter(*configdef.Values) (connect.Transform, error) { return filter{}, nil }

// Apply implements connect.Transform.
func (filter) Apply(*data.Arena, *connect.Record) (bool, error) { return false, nil }
