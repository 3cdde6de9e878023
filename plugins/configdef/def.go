// Package configdef declares configuration properties as data (Kafka's
// ConfigDef). One declaration of a property yields its parsing, its default,
// its validation, its place in the answers of the REST API and the masking of
// its value.
//
// A component declares its properties once:
//
//	func Def() *configdef.Def {
//		return configdef.New(
//			configdef.Key{Name: "file", Type: configdef.String, NullDefault: true, Importance: configdef.High, Doc: "..."},
//			configdef.Key{Name: "batch.size", Type: configdef.Int, Default: configdef.Text("2000"), Importance: configdef.Low, Doc: "..."},
//		)
//	}
//
// and reads them through Parse, which returns Values.
package configdef

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

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
	WidthNone   Width = "NONE" // also what "" means
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
	Order       int    // place within the group; 0 without group means none (Java's -1)
	Width       Width
	DisplayName string // "" means Name
	Dependents  []string
	// Resolve turns a CLASS property's text into the full class name; ok is
	// false when there is no such class. Nil takes any text.
	Resolve func(class string) (full string, ok bool)
	// Validate checks the parsed value.
	Validate Validator
	// Recommend lists valid values and says whether the property is visible.
	Recommend func(ctx context.Context, name string, values *Values) (valid []any, visible bool)

	prefix string // of an embedded key's Name
	def    any    // Default, parsed
}

// Text makes a Default.
func Text(s string) *string { return &s }

// Required reports whether a configuration must give the property.
func (k *Key) Required() bool { return k.Default == nil && !k.NullDefault }

// Def is an ordered list of declared properties. It is immutable and safe for
// concurrent use.
type Def struct {
	keys   []Key
	byName map[string]int
	roots  []int // keys that no other key names as its dependent
}

// New makes a Def. It panics on a key that is declared twice or whose default
// does not suit its own type or validator, as that can only be a bug.
func New(keys ...Key) *Def {
	d := &Def{keys: slices.Clone(keys), byName: make(map[string]int, len(keys))}
	for i := range d.keys {
		k := &d.keys[i]
		if _, dup := d.byName[k.Name]; dup {
			panic(fmt.Sprintf("configdef: Configuration %s is defined twice.", k.Name))
		}
		d.byName[k.Name] = i
		if err := k.complete(); err != nil {
			panic("configdef: default of " + err.Error())
		}
	}
	d.findRoots()
	return d
}

func (k *Key) complete() error {
	if k.Width == "" {
		k.Width = WidthNone
	}
	if k.DisplayName == "" {
		k.DisplayName = k.Name
	}
	if k.Default == nil {
		return nil
	}
	var err error
	if k.def, err = ParseValue(k.Name, *k.Default, k.Type); err != nil || k.Validate == nil {
		return err
	}
	return k.check(k.def, &Values{parsed: map[string]any{}})
}

func (d *Def) findRoots() {
	dependent := map[string]bool{}
	for _, k := range d.keys {
		for _, name := range k.Dependents {
			dependent[name] = true
		}
	}
	for i, k := range d.keys {
		if !dependent[k.Name] {
			d.roots = append(d.roots, i)
		}
	}
}

// Keys are the declared properties in order. Read only.
func (d *Def) Keys() []Key { return d.keys }

// Key finds a property by its name; nil when it is not declared.
func (d *Def) Key(name string) *Key {
	if i, ok := d.byName[name]; ok {
		return &d.keys[i]
	}
	return nil
}

// Groups are the groups in the order in which they first appear.
func (d *Def) Groups() []string {
	var all []string
	for _, k := range d.keys {
		if k.Group != "" {
			all = append(all, k.Group)
		}
	}
	return Distinct(all)
}

// Distinct has each text of the lists once, where it first appears; it is not nil.
func Distinct(lists ...[]string) []string {
	out, known := []string{}, map[string]bool{}
	for _, list := range lists {
		for _, text := range list {
			if !known[text] {
				known[text] = true
				out = append(out, text)
			}
		}
	}
	return out
}

// Elements are what a list of the form "a, b" holds, without white space around
// them; empty ones are left out.
func Elements(list string) []string {
	var out []string
	for element := range strings.SplitSeq(list, ",") {
		if element = strings.TrimSpace(element); element != "" {
			out = append(out, element)
		}
	}
	return out
}

// With returns a Def with further properties at the end.
func (d *Def) With(keys ...Key) *Def { return New(slices.Concat(d.keys, keys)...) }

// Embedded are d's properties as another Def has them under prefix, in a group
// of their own and numbered from order (ConfigDef.embed). Their validators and
// recommenders go on seeing the names without prefix.
func (d *Def) Embedded(prefix, group string, order int) []Key {
	keys := d.sorted()
	for i := range keys {
		k := &keys[i]
		k.Name, k.prefix = prefix+k.Name, prefix+k.prefix
		if k.Group != "" {
			k.Group = group + ": " + k.Group
		} else {
			k.Group = group
		}
		k.Order = order + i
		k.Dependents = prefixed(prefix, k.Dependents)
	}
	return keys
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

// sorted gives the keys in the order of Java's references (sortedConfigs):
// groups in order of appearance, no group first; within a group by order;
// then required ones, importance and name.
func (d *Def) sorted() []Key {
	groups := append([]string{""}, d.Groups()...)
	importance := []Importance{High, Medium, Low}
	keys := slices.Clone(d.keys)
	slices.SortStableFunc(keys, func(a, b Key) int {
		return cmp.Or(
			cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group)),
			cmp.Compare(a.Order, b.Order),
			cmp.Compare(rank(a.Required()), rank(b.Required())),
			cmp.Compare(slices.Index(importance, a.Importance), slices.Index(importance, b.Importance)),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return keys
}

func rank(required bool) int {
	if required {
		return 0
	}
	return 1
}
