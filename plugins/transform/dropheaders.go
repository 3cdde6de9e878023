package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func dropHeadersDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "headers", Type: configdef.List, Importance: configdef.High,
		Validate: configdef.ListOf(false), Doc: "Names of the headers to remove."})
}

// dropHeaders removes headers by name.
type dropHeaders struct {
	closer
	names []string
}

func newDropHeaders(v *configdef.Values) (connect.Transform, error) {
	return &dropHeaders{names: v.List("headers")}, nil
}

// Apply implements connect.Transform.
func (d *dropHeaders) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h connect.Header) bool { return slices.Contains(d.names, h.Key) })
	return true, nil
}
