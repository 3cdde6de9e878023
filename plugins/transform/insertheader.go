package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func insertHeaderDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "header", Type: configdef.String, Importance: configdef.High, Validate: configdef.NonNull(),
			Doc: "Name of the header."},
		configdef.Key{Name: "value.literal", Type: configdef.String, Importance: configdef.High, Validate: configdef.NonNull(),
			Doc: "Value of the header, as a literal: a number, true or false, a date, a list or a map has its own type, all else is text."},
	)
}

// insertHeader adds one header to every record.
type insertHeader struct {
	closer
	header connect.Header
}

func newInsertHeader(v *configdef.Values) (connect.Transform, error) {
	schema, value := data.ParseLiteral(v.String("value.literal"))
	return &insertHeader{header: connect.Header{Key: v.String("header"), Schema: schema, Value: value}}, nil
}

// Apply implements connect.Transform.
func (h *insertHeader) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	r.Headers = append(slices.Clip(r.Headers), h.header)
	return true, nil
}
