package history

import (
	"time"

	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Record is one entry of a schema history.
// Source: io.debezium.relational.history.HistoryRecord.
type Record struct {
	// Source names the connector: {"server": topic prefix}.
	Source map[string]any
	// Position is the source offset that the change belongs to.
	Position map[string]any
	// Time of the record; zero in histories of Debezium before 1.9.
	Time time.Time
	// Database that was the current one; nil when unknown. "" outside any.
	Database *string
	// Schema is never set by MySQL connectors.
	Schema *string
	// DDL is the statement's text; nil when unknown.
	DDL *string
	// Changes are the tables that the statement changed; nil when they were not
	// recorded.
	Changes []TableChange
}

// TableChange is one table of a record.
type TableChange struct {
	// Type is CREATE, ALTER or DROP.
	Type string
	ID   table.ID
	// Previous is the name before a RENAME TABLE, else zero.
	Previous table.ID
	// Table is the definition afterwards; nil for DROP.
	Table *table.Table
}

// The values of TableChange.Type.
const (
	Create = "CREATE"
	Alter  = "ALTER"
	Drop   = "DROP"
)

// tableChanges are what a history record says of a change. A table that is not
// known gives none.
func tableChanges(c *ddl.Change) []TableChange {
	kind := c.Kind.EventType()
	switch {
	case kind == Drop:
		return []TableChange{{Type: Drop, ID: c.ID}}
	case c.Table != nil && (kind == Create || kind == Alter):
		return []TableChange{{Type: kind, ID: c.Table.ID, Previous: c.Previous, Table: c.Table}}
	}
	return []TableChange{}
}
