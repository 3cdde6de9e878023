package configdef

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Values are the parsed properties of one configuration (AbstractConfig). A
// property that the Def does not declare is a mistake in the program: its
// typed accessors panic. Values are read-only and safe for concurrent use.
type Values struct {
	parsed   map[string]any
	original map[string]string
}

// Raw is the parsed value as ParseValue gives it; nil when it is null.
func (v *Values) Raw(name string) any {
	x, ok := v.parsed[name]
	if !ok {
		panic(fmt.Sprintf("configdef: property %q is not declared", name))
	}
	return x
}

func typed[T any](v *Values, name string) T {
	switch x := v.Raw(name).(type) {
	case nil:
		var zero T
		return zero
	case T:
		return x
	default:
		panic(fmt.Sprintf("configdef: property %q is a %T", name, x))
	}
}

// String is a STRING property's value, "" when null.
func (v *Values) String(name string) string { return typed[string](v, name) }

// Class is a CLASS property's value: a Java class name or alias, "" when null.
func (v *Values) Class(name string) string { return typed[string](v, name) }

// Bool is a BOOLEAN property's value, false when null.
func (v *Values) Bool(name string) bool { return typed[bool](v, name) }

// Int is an INT or SHORT property's value, 0 when null.
func (v *Values) Int(name string) int {
	if s, ok := v.Raw(name).(int16); ok {
		return int(s)
	}
	return int(typed[int32](v, name))
}

// Long is a LONG or INT property's value, 0 when null.
func (v *Values) Long(name string) int64 {
	if i, ok := v.Raw(name).(int32); ok {
		return int64(i)
	}
	return typed[int64](v, name)
}

// Double is a DOUBLE property's value, 0 when null.
func (v *Values) Double(name string) float64 { return typed[float64](v, name) }

// Duration is the value of an INT or LONG property that counts milliseconds.
func (v *Values) Duration(name string) time.Duration {
	return time.Duration(v.Long(name)) * time.Millisecond
}

// List is a LIST property's value, nil when null. The caller must not change it.
func (v *Values) List(name string) []string { return typed[[]string](v, name) }

// Password is a PASSWORD property's value; empty when null.
func (v *Values) Password(name string) Secret { return typed[Secret](v, name) }

// IsNull reports whether the property has no value and no default.
func (v *Values) IsNull(name string) bool { return v.Raw(name) == nil }

// Original is the text given for a property, declared or not.
func (v *Values) Original(name string) (text string, ok bool) {
	text, ok = v.original[name]
	return text, ok
}

// Originals are all texts given, in a new map.
func (v *Values) Originals() map[string]string { return maps.Clone(v.original) }

// WithPrefix returns what was given under names that start with prefix, which
// is cut off (originalsWithPrefix).
func (v *Values) WithPrefix(prefix string) map[string]string {
	out := map[string]string{}
	for k, text := range v.original {
		if rest, ok := strings.CutPrefix(k, prefix); ok && rest != "" {
			out[rest] = text
		}
	}
	return out
}
