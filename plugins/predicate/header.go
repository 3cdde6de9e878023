package predicate

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func hasHeaderKeyDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "name", Type: configdef.String, Importance: configdef.Medium,
		Validate: configdef.NonEmpty(), Doc: "Name of the header that a record must have."})
}

// hasHeaderKey holds for records with at least one header of the name.
type hasHeaderKey struct{ name string }

func newHasHeaderKey(v *configdef.Values) (connect.Predicate, error) {
	return hasHeaderKey{v.String("name")}, nil
}

// Test implements connect.Predicate.
func (p hasHeaderKey) Test(r *connect.Record) (bool, error) {
	return slices.ContainsFunc(r.Headers, func(h connect.Header) bool { return h.Key == p.name }), nil
}

// Close implements connect.Predicate.
func (hasHeaderKey) Close() error { return nil }
