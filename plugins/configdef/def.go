// Package configdef declares configuration properties as data (Kafka's
// ConfigDef). One declaration of a property yields its parsing, its default,
// its validation, its place in the answers of the REST API, the masking of its
// value and its page in the reference.
package configdef

import "context"

// Type is the type of a property's value.
type Type string

// The types, with the names of the REST API.
const (
	Boolean  Type = "BOOLEAN"
	String   Type = "STRING"
	Int      Type = "INT"
	Short    Type = "SHORT"
	Long     Type = "LONG"
	Double   Type = "DOUBLE"
	List     Type = "LIST"
	Class    Type = "CLASS"
	Password Type = "PASSWORD"
)

// Importance is how much a property matters to a user.
type Importance string

// The levels of importance.
const (
	High   Importance = "HIGH"
	Medium Importance = "MEDIUM"
	Low    Importance = "LOW"
)

// Width is the width that an editor should give to a property.
type Width string

// The widths.
const (
	WidthNone   Width = "NONE"
	WidthShort  Width = "SHORT"
	WidthMedium Width = "MEDIUM"
	WidthLong   Width = "LONG"
)

// Key declares one property.
type Key struct {
	Name string
	Type Type
	// Default is the default value as text; nil makes the property required
	// unless NullDefault says that null is the default.
	Default     *string
	NullDefault bool
	Importance  Importance
	Doc         string
	Group       string // "" when the property stands in no group
	Order       int    // place within the group; -1 without one
	Width       Width
	DisplayName string // "" means Name
	Dependents  []string
	Internal    bool     // left out of what the REST API lists
	Aliases     []string // deprecated names that mean the same
	// Validate checks a parsed value; values holds the other properties.
	Validate func(name string, value any, values *Values) error
	// Recommend lists valid values and says whether the property is visible.
	Recommend func(ctx context.Context, name string, values *Values) (valid []any, visible bool)
}

// Text makes a Default.
func Text(s string) *string { return &s }
