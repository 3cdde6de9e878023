package debezium

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// readToInsert is ReadToInsertEvent: rows of a snapshot look like inserts.
type readToInsert struct{ closer }

func newReadToInsert(*configdef.Values, connect.PluginContext) (connect.Transform, error) {
	return readToInsert{}, nil
}

// Apply implements connect.Transform.
func (readToInsert) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if !isEnvelope(r) || member(r.Value.Struct(), "op").Str() != "r" {
		return true, nil
	}
	event := copyStruct(a, r.Value.Struct())
	event.Set(event.Schema().FieldIndex("op"), data.String("c"))
	r.Value = data.StructOf(event)
	return true, nil
}

// copyStruct makes a struct that can be changed; what it refers to is shared.
func copyStruct(a *data.Arena, st *data.Struct) *data.Struct {
	out := a.Struct(st.Schema())
	copy(out.Fields(), st.Fields())
	return out
}
