package table

import (
	"iter"
	"slices"
	"strings"
)

// NameCase is the server's lower_case_table_names.
type NameCase int

const (
	// CaseSensitive (0): names are stored and compared as written.
	CaseSensitive NameCase = 0
	// Lowered (1): names are stored in lower case.
	Lowered NameCase = 1
	// CasePreserving (2): names are stored as written and compared in lower case.
	CasePreserving NameCase = 2
)

// Catalog holds all known tables and the defaults of their databases. It
// belongs to one goroutine; the tables in it may be read from anywhere.
type Catalog struct {
	nameCase  NameCase
	tables    map[ID]*Table
	databases map[string]Database
}

// Database holds the defaults of one database.
type Database struct {
	Name               string
	Charset, Collation string
}

// NewCatalog returns an empty catalog.
func NewCatalog(nameCase NameCase) *Catalog {
	return &Catalog{nameCase: nameCase, tables: map[ID]*Table{}, databases: map[string]Database{}}
}

// NameCase is the rule that this catalog compares names by.
func (c *Catalog) NameCase() NameCase { return c.nameCase }

func (c *Catalog) fold(name string) string {
	if c.nameCase == CaseSensitive {
		return name
	}
	return strings.ToLower(name)
}

func (c *Catalog) key(id ID) ID {
	return ID{Database: c.fold(id.Database), Name: c.fold(id.Name)}
}

// Table finds a table, nil when unknown.
func (c *Catalog) Table(id ID) *Table { return c.tables[c.key(id)] }

// Put publishes a table, replacing the version there was.
func (c *Catalog) Put(t *Table) { c.tables[c.key(t.ID)] = t }

// Drop forgets a table and returns what was known of it, or nil.
func (c *Catalog) Drop(id ID) *Table {
	key := c.key(id)
	t := c.tables[key]
	delete(c.tables, key)
	return t
}

// DropDatabase forgets a database and its tables and returns the tables by name.
func (c *Catalog) DropDatabase(name string) []*Table {
	key := c.fold(name)
	delete(c.databases, key)
	var dropped []*Table
	for id, t := range c.tables {
		if id.Database == key {
			dropped = append(dropped, t)
			delete(c.tables, id)
		}
	}
	slices.SortFunc(dropped, compareTables)
	return dropped
}

// Database gives a database's defaults; false when none were recorded.
func (c *Catalog) Database(name string) (Database, bool) {
	d, ok := c.databases[c.fold(name)]
	return d, ok
}

// PutDatabase records a database's defaults.
func (c *Catalog) PutDatabase(d Database) { c.databases[c.fold(d.Name)] = d }

// Len is the number of tables.
func (c *Catalog) Len() int { return len(c.tables) }

// All yields the tables in the order of their databases and names.
func (c *Catalog) All() iter.Seq[*Table] {
	sorted := make([]*Table, 0, len(c.tables))
	for _, t := range c.tables {
		sorted = append(sorted, t)
	}
	slices.SortFunc(sorted, compareTables)
	return slices.Values(sorted)
}

func compareTables(a, b *Table) int {
	if d := strings.Compare(a.ID.Database, b.ID.Database); d != 0 {
		return d
	}
	return strings.Compare(a.ID.Name, b.ID.Name)
}
