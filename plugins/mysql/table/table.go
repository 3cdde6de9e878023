package table

import (
	"slices"
	"strings"
)

// ID names a table. MySQL has databases and no schemas, so Debezium's TableId
// is (catalog, null, table).
type ID struct {
	Database, Name string
}

// String is the dotted form that filters match against: "shop.orders".
func (id ID) String() string {
	if id.Database == "" {
		return id.Name
	}
	return id.Database + "." + id.Name
}

// Quoted is the form of history records and schema-change events:
// "shop"."orders", with quotes inside a name doubled.
func (id ID) Quoted() string { return id.QuotedBy('"') }

// QuotedBy writes the full name with each part in the given quotes.
// Source: Debezium's TableId.toQuotedString.
func (id ID) QuotedBy(quote byte) string {
	if id.Database == "" {
		return quoteName(id.Name, quote)
	}
	return quoteName(id.Database, quote) + "." + quoteName(id.Name, quote)
}

func quoteName(name string, quote byte) string {
	q := string(quote)
	return q + strings.ReplaceAll(name, q, q+q) + q
}

// Table is one version of a table's definition; immutable once published.
type Table struct {
	ID ID
	// Charset is the default of text columns, "" when unknown.
	Charset string
	// PrimaryKey lists the columns of the primary key in key order, or those
	// of the unique index that stands in for it.
	PrimaryKey []string
	// Columns in order; Columns[i].Position is i+1.
	Columns []*Column
	// Comment is nil when there is none.
	Comment *string
	// Attributes are what the storage of a table may carry besides; MySQL has none.
	Attributes []Attribute
}

// Attribute is one name and value of a table.
type Attribute struct {
	Name, Value string
}

// Column finds a column by name, ignoring case as MySQL does; nil when absent.
func (t *Table) Column(name string) *Column {
	if i := t.Index(name); i >= 0 {
		return t.Columns[i]
	}
	return nil
}

// Index of a column by name, ignoring case; -1 when absent.
func (t *Table) Index(name string) int {
	for i, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// IsKey says whether the column belongs to the primary key.
func (t *Table) IsKey(name string) bool {
	return slices.ContainsFunc(t.PrimaryKey, func(k string) bool { return strings.EqualFold(k, name) })
}

// Clone copies the table so that its slices may be changed. Columns are
// shared: replace a column, never write through it.
func (t *Table) Clone() *Table {
	c := *t
	c.PrimaryKey = slices.Clone(t.PrimaryKey)
	c.Columns = slices.Clone(t.Columns)
	c.Attributes = slices.Clone(t.Attributes)
	return &c
}

// Renumber gives the columns their positions; columns whose position changes
// are copied first.
func (t *Table) Renumber() {
	for i, c := range t.Columns {
		if c.Position != i+1 {
			moved := *c
			moved.Position = i + 1
			t.Columns[i] = &moved
		}
	}
}
