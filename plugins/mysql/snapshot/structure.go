package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Statement is one DDL statement that describes what is on the server. Database
// is "" for what concerns the whole server.
type Statement struct {
	Database, SQL string
}

// captured holds the tables that a snapshot is about, each in the order of
// their names.
type captured struct {
	schema []table.ID // those whose structure is recorded
	data   []table.ID // those whose rows are read
	// monitored are the latter and the signal table, whose rows are not read.
	monitored []table.ID
}

// captured lists the tables of the server and applies the filters.
func (r *Reader) captured(ctx context.Context) (captured, error) {
	databases, err := r.conn.Databases(ctx)
	if err != nil {
		return captured{}, fmt.Errorf("listing databases: %w", err)
	}
	var c captured
	for _, db := range databases {
		if !r.cfg.Filter.NotBuiltin(table.ID{Database: db}) {
			continue
		}
		names, err := r.conn.Tables(ctx, db)
		if err != nil {
			r.log.Warn("tables of a database cannot be listed; it is left out of the snapshot", "database", db, "error", err)
			continue
		}
		for _, name := range names {
			id := table.ID{Database: db, Name: name}
			if r.cfg.Filter.Captured(id) && r.cfg.snapshotted(id) {
				c.monitored = append(c.monitored, id)
				if !r.cfg.Filter.Signals(id) {
					c.data = append(c.data, id)
				}
			}
			if r.cfg.recorded(id) {
				c.schema = append(c.schema, id)
			}
		}
	}
	slices.SortFunc(c.schema, byName)
	slices.SortFunc(c.data, byName)
	slices.SortFunc(c.monitored, byName)
	c.data = r.cfg.orderByIncludeList(c.data)
	return c, nil
}

// recorded says whether the structure of a table goes to the schema history: by
// default that of every table, so that the include lists can be widened later.
func (c *Config) recorded(id table.ID) bool {
	switch {
	case c.OnlyCapturedTables:
		return c.Filter.Captured(id)
	case c.OnlyCapturedDatabases:
		return c.Filter.Eligible(id)
	}
	return c.Filter.NotBuiltin(id)
}

// snapshotted applies snapshot.include.collection.list.
func (c *Config) snapshotted(id table.ID) bool {
	return len(c.OnlyTables) == 0 || c.OnlyTables.Match(id.String())
}

func byName(a, b table.ID) int { return cmp.Compare(a.String(), b.String()) }

// orderByIncludeList puts tables into the order of the expressions of
// table.include.list, as Debezium reads them.
func (c *Config) orderByIncludeList(ids []table.ID) []table.ID {
	if len(c.IncludeTables) == 0 {
		return ids
	}
	ordered := make([]table.ID, 0, len(ids))
	taken := map[table.ID]bool{}
	take := func(wanted func(table.ID) bool) {
		for _, id := range ids {
			if !taken[id] && wanted(id) {
				taken[id] = true
				ordered = append(ordered, id)
			}
		}
	}
	for _, p := range c.IncludeTables {
		take(func(id table.ID) bool { return p.Match(id.String()) })
	}
	take(func(table.ID) bool { return true })
	return ordered
}

// structure reads the statements that create what is on the server, in the
// order in which Debezium records them.
func (r *Reader) structure(ctx context.Context, tables captured) ([]Statement, error) {
	ids := tables.schema
	first, err := r.serverCharset(ctx)
	if err != nil {
		return nil, err
	}
	statements := []Statement{{SQL: first}}
	var databases []string
	for _, id := range ids {
		if !slices.Contains(databases, id.Database) {
			databases = append(databases, id.Database)
		}
		statements = append(statements, Statement{id.Database, "DROP TABLE IF EXISTS " + quoted(id)})
	}
	charsets, err := r.conn.DatabaseCharsets(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the charsets of databases: %w", err)
	}
	for _, db := range databases {
		created, err := r.database(ctx, db, charsets[db], r.createOrder(tables, db))
		if err != nil {
			return nil, err
		}
		statements = append(statements, created...)
	}
	return statements, nil
}

// serverCharset renders the server's default charset as a SET statement.
func (r *Reader) serverCharset(ctx context.Context) (string, error) {
	vars, err := r.conn.Variables(ctx, "character_set_server", "collation_server")
	if err != nil {
		return "", fmt.Errorf("reading the server's charset: %w", err)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		parts = append(parts, name+"="+vars[name])
	}
	return "SET " + strings.Join(parts, ", "), nil
}

// createOrder is the order in which the tables of a database are created. Without
// the global lock Debezium reads the structure of those whose rows it wants first
// (MySqlSnapshotChangeEventSource, twoPhaseSchemaSnapshot); without any lock it
// collects the statements of a database in a hash map
// (createSchemaEventsForTables).
func (r *Reader) createOrder(tables captured, db string) []table.ID {
	all := tables.schema
	if r.lock.global.IsZero() && r.lock.mode.global != "" {
		all = union(tables.monitored, tables.schema)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(id table.ID) bool { return id.Database != db })
	if r.lock.mode.global == "" {
		slices.SortStableFunc(all, func(a, b table.ID) int {
			return cmp.Compare(data.HashBucketByOne(a.String(), len(all)), data.HashBucketByOne(b.String(), len(all)))
		})
	}
	return all
}

func (r *Reader) database(ctx context.Context, db string, charset server.Charset, ids []table.ID) ([]Statement, error) {
	create := "CREATE DATABASE " + server.QuoteName(db)
	if charset.Charset != "" {
		create += " CHARSET " + charset.Charset
	}
	if charset.Collation != "" {
		create += " COLLATE " + charset.Collation
	}
	statements := []Statement{
		{db, "DROP DATABASE IF EXISTS " + server.QuoteName(db)},
		{db, create},
		{db, "USE " + server.QuoteName(db)},
	}
	for _, id := range ids {
		sql, err := r.conn.CreateTable(ctx, id.Database, id.Name)
		if err != nil {
			return nil, fmt.Errorf("reading the structure of table %s: %w", id, err)
		}
		statements = append(statements, Statement{db, sql})
	}
	return statements, nil
}
