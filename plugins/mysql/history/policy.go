package history

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Policy says which changes become schema-change events and records.
// Source: BinlogDatabaseSchema.parseDdl, skipSchemaChangeEvent and
// applySchemaChange.
type Policy struct {
	// OnlyCapturedTables is schema.history.internal.store.only.captured.tables.ddl.
	OnlyCapturedTables bool
	// OnlyCapturedDatabases is ...store.only.captured.databases.ddl.
	OnlyCapturedDatabases bool
	Filter                *table.Filter
	// DDL drops statements; nil drops none.
	DDL *DDLFilter
}

// Select returns those changes of a statement that are to be emitted, given the
// database and text that Parser.Apply was given.
func (p *Policy) Select(database, sql string, changes []ddl.Change) []ddl.Change {
	if p.DDL.Skip(sql) {
		return nil
	}
	if p.OnlyCapturedTables && !isGlobalSet(database, sql) && !p.anyCaptured(changes) {
		return nil
	}
	var selected []ddl.Change
	for _, c := range changes {
		if p.acceptsDatabase(c) && !p.foreign(c) {
			selected = append(selected, c)
		}
	}
	return selected
}

// Stores says whether a selected change belongs into the history.
func (p *Policy) Stores(c *ddl.Change) bool {
	if !p.OnlyCapturedTables || isGlobalSet(c.Database, c.SQL) {
		return true
	}
	known := c.Table != nil || c.Kind == ddl.DropTable
	return known && p.Filter.Captured(c.ID)
}

// foreign tells a table that is not captured, where only captured ones are
// recorded (EventDispatcher.dispatchSchemaChangeEvent).
func (p *Policy) foreign(c ddl.Change) bool {
	known := c.Table != nil || c.Kind == ddl.DropTable
	return p.OnlyCapturedTables && known && !p.Filter.Captured(c.ID)
}

func (p *Policy) anyCaptured(changes []ddl.Change) bool {
	for _, c := range changes {
		if p.captured(c) {
			return true
		}
	}
	return false
}

func (p *Policy) captured(c ddl.Change) bool {
	switch c.Kind {
	case ddl.NoEffect, ddl.CreateIndex:
		return false
	case ddl.SetVariable:
		return c.Database == "" || p.Filter.Database(c.Database)
	case ddl.CreateDatabase, ddl.DropDatabase, ddl.UseDatabase:
		return p.Filter.Database(c.Database)
	}
	return p.Filter.Captured(c.ID)
}

func (p *Policy) acceptsDatabase(c ddl.Change) bool {
	if c.Database == "" || p.Filter.Database(c.Database) {
		return true
	}
	return !p.OnlyCapturedDatabases && (!p.OnlyCapturedTables || c.Kind == ddl.NoEffect)
}

// isGlobalSet tells a SET statement outside any database.
func isGlobalSet(database, sql string) bool {
	return database == "" && len(sql) > 4 && strings.EqualFold(sql[:4], "SET ")
}

// DDLFilter drops statements by their text (schema.history.internal.ddl.filter).
type DDLFilter struct {
	patterns table.Patterns
}

// truncate is exempt from filters: it becomes an event of the table.
var truncate = regexp.MustCompile(`(?is)\A(SET STATEMENT .*)?TRUNCATE TABLE .*\z`)

// NewDDLFilter compiles a comma-separated list of regular expressions, which
// match whole statements in any case with dots matching line ends.
func NewDDLFilter(list string) (*DDLFilter, error) {
	patterns, err := table.ParseTextPatterns(list)
	if err != nil {
		return nil, fmt.Errorf("schema.history.internal.ddl.filter: %w", err)
	}
	return &DDLFilter{patterns: patterns}, nil
}

// Skip says whether the statement is to be left out. A nil filter leaves out
// none.
func (f *DDLFilter) Skip(sql string) bool {
	return f != nil && f.patterns.Match(sql) && !truncate.MatchString(sql)
}
