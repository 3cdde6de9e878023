package debezium

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func changedDef() *configdef.Def {
	key := func(name, display, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.String, NullDefault: true, Importance: configdef.Low, Order: 1,
			Width: configdef.WidthLong, DisplayName: display, Doc: doc}
	}
	return configdef.New(
		key("header.changed.name", "Header change name.", "Name of the header that lists the columns which an update changed; none when not set."),
		key("header.unchanged.name", "Header unchanged name.", "Name of the header that lists the columns which an update left as they were; none when not set."),
	)
}

// changed is ExtractChangedRecordState: headers list the columns that an
// update changed and those that it did not. Other events get empty lists.
type changed struct {
	closer
	names   [2]string // of the headers for changed and unchanged columns
	schemas [2]*data.Schema
}

func newChanged(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	c := &changed{names: [2]string{v.String("header.changed.name"), v.String("header.unchanged.name")}}
	for i, name := range c.names {
		c.schemas[i] = data.NewArray(optional(data.TypeString)).Optional().Name(name).Build()
	}
	return c, nil
}

// Apply implements connect.Transform.
func (c *changed) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if !isEnvelope(r) {
		return true, nil
	}
	before, after := member(r.Value.Struct(), "before").Struct(), member(r.Value.Struct(), "after").Struct()
	var lists [2][]data.Value
	if before != nil && after != nil {
		names := a.Values(len(after.Fields()))
		low, high := 0, len(names)
		for i, f := range after.Schema().Fields() {
			if member(before, f.Name).Equal(after.At(i)) {
				high--
				names[high] = data.String(f.Name)
			} else {
				names[low] = data.String(f.Name)
				low++
			}
		}
		slices.Reverse(names[low:])
		lists = [2][]data.Value{names[:low:low], names[low:]}
	}
	r.Headers = slices.Clip(r.Headers)
	for i, name := range c.names {
		if strings.TrimSpace(name) != "" {
			r.Headers = append(r.Headers, connect.Header{Key: name, Schema: c.schemas[i], Value: data.Array(lists[i])})
		}
	}
	return true, nil
}
