package ddl

import (
	"cmp"
	"slices"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Kind says what a part of a statement did.
type Kind uint8

const (
	// NoEffect stands for a whole text that changed no table and no database
	// that is modelled; Debezium records it as an event of its database.
	NoEffect Kind = iota
	CreateTable
	AlterTable
	DropTable
	TruncateTable
	// CreateIndex is a CREATE UNIQUE INDEX that became the table's key.
	CreateIndex
	CreateDatabase
	DropDatabase
	UseDatabase
	// SetVariable stands for one SET statement with all its variables.
	SetVariable
)

// EventType is the type that Debezium's schema-change events give the change.
func (k Kind) EventType() string {
	switch k {
	case CreateTable:
		return "CREATE"
	case AlterTable, CreateIndex:
		return "ALTER"
	case DropTable:
		return "DROP"
	case TruncateTable:
		return "TRUNCATE"
	}
	return "DATABASE"
}

// String names the kind in words for logs.
func (k Kind) String() string {
	return [...]string{"no effect", "create table", "alter table", "drop table", "truncate table", "create index",
		"create database", "drop database", "use database", "set variable"}[k]
}

// Change is one thing that a statement did. A statement about several tables
// gives several changes.
type Change struct {
	Kind Kind
	// Database that the change belongs to; "" for a SET outside any database.
	Database string
	// SQL is the part of the text that did it, as Debezium records it: without
	// leading and trailing comments, one table of a DROP or RENAME at a time.
	SQL string
	// ID of the table after the change, for kinds that concern a table.
	ID table.ID
	// Previous is the table's old name after RENAME TABLE, else zero. ALTER
	// TABLE ... RENAME leaves it zero, as Debezium does.
	Previous table.ID
	// Table is the definition after the whole text was applied; nil after a
	// drop and for tables that are not known.
	Table *table.Table
	// Group lists the tables of all neighbouring changes of the same database in
	// this text, in the order in which the source block names them. Nil for
	// NoEffect.
	Group []table.ID
	// Partial is true for CREATE TABLE ... SELECT: the columns that the query
	// adds cannot be known from the text, so Table may lack some.
	Partial bool
	// Missing names the table that CREATE TABLE ... LIKE copies when it is not
	// known; the new table stays unknown too, until its definition is fetched.
	Missing table.ID
}

// Renamed says whether the change came from RENAME TABLE.
func (c *Change) Renamed() bool { return c.Previous != table.ID{} }

// group fills in Group: changes are grouped by runs of the same database (or
// all together when there is only one), each group's tables without repetition.
// Source: Debezium's DdlChanges.getEventsByDatabase.
func group(changes []Change) {
	for start := 0; start < len(changes); {
		end := start + 1
		for end < len(changes) && changes[end].Database == changes[start].Database {
			end++
		}
		ids := groupTables(changes[start:end])
		for i := start; i < end; i++ {
			changes[i].Group = ids
		}
		start = end
	}
}

func groupTables(changes []Change) []table.ID {
	ids := []table.ID{}
	for _, c := range changes {
		if c.ID != (table.ID{}) && !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) > 1 {
		sortAsHashSet(ids)
	}
	return ids
}

// sortAsHashSet puts the tables into the order of a java.util.HashSet, because
// that is the order in which Debezium joins their names in the source block.
func sortAsHashSet(ids []table.ID) {
	slices.SortStableFunc(ids, func(a, b table.ID) int {
		return cmp.Compare(data.HashBucket(a.String(), len(ids)), data.HashBucket(b.String(), len(ids)))
	})
}
