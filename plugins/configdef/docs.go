package configdef

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

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

// Markdown renders the reference: for each group a heading and a table.
// Internal properties are left out.
func (d *Def) Markdown() string {
	var b strings.Builder
	group := ""
	for i, k := range d.sorted() {
		if k.Internal {
			continue
		}
		if i == 0 || k.Group != group || b.Len() == 0 {
			group = k.Group
			d.tableHead(&b, group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, strings.ToLower(string(k.Type)),
			k.defaultCell(), cell(k.validText()), strings.ToLower(string(k.Importance)), cell(k.docText()))
	}
	return b.String()
}

func (d *Def) tableHead(b *strings.Builder, group string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	if group != "" {
		fmt.Fprintf(b, "### %s\n\n", group)
	}
	b.WriteString("| Property | Type | Default | Valid values | Importance | Meaning |\n|---|---|---|---|---|---|\n")
}

func (k *Key) defaultCell() string {
	switch {
	case k.Required():
		return "required"
	case k.Default == nil:
		return "none"
	case *k.Default == "":
		return "`\"\"`"
	}
	return "`" + strings.ReplaceAll(FormatValue(k.def), "|", "\\|") + "`" + nice(k.Name, k.def)
}

func (k *Key) validText() string {
	if k.Validate == nil {
		return ""
	}
	return k.Validate.String()
}

func (k *Key) docText() string {
	if len(k.Aliases) == 0 {
		return k.Doc
	}
	return strings.TrimSpace(k.Doc + " (deprecated name: `" + strings.Join(k.Aliases, "`, `") + "`)")
}

// cell makes text fit into a table cell.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\r\n", " ", "\n", " ", "<", "&lt;").Replace(s)
}

// nice adds units to a number of milliseconds or bytes that is a whole number
// of bigger ones: " (5 minutes)".
func nice(name string, value any) string {
	f, ok := toFloat(value)
	if !ok || f <= 0 {
		return ""
	}
	switch {
	case strings.HasSuffix(name, ".ms"):
		return units(int64(f), []int64{1000, 60, 60, 24}, []string{"second", "minute", "hour", "day"})
	case strings.HasSuffix(name, ".bytes"):
		return units(int64(f), []int64{1024, 1024, 1024, 1024}, []string{"kibibyte", "mebibyte", "gibibyte", "tebibyte"})
	}
	return ""
}

func units(n int64, divisors []int64, names []string) string {
	unit := ""
	for i, d := range divisors {
		if n%d != 0 {
			break
		}
		n, unit = n/d, names[i]
	}
	switch {
	case unit == "":
		return ""
	case n != 1:
		unit += "s"
	}
	return fmt.Sprintf(" (%d %s)", n, unit)
}
