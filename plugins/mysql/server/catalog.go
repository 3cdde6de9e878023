package server

import (
	"context"
	"fmt"
	"strconv"
)

// Databases lists the databases that the user can see, in the server's order.
func (c *Conn) Databases(ctx context.Context) ([]string, error) {
	rows, err := c.All(ctx, "SHOW DATABASES")
	if err != nil {
		return nil, fmt.Errorf("listing databases: %w", err)
	}
	return firstColumn(rows), nil
}

// Tables lists the base tables of a database, in the server's order. Views are
// left out.
func (c *Conn) Tables(ctx context.Context, database string) ([]string, error) {
	rows, err := c.All(ctx, "SHOW FULL TABLES IN "+QuoteName(database)+" WHERE Table_Type = 'BASE TABLE'")
	if err != nil {
		return nil, fmt.Errorf("listing the tables of %s: %w", database, err)
	}
	return firstColumn(rows), nil
}

// InServerZone calls f, which reads structure, in the time zone that sessions have by
// default: the texts of TIMESTAMP columns' defaults depend on it, and Debezium has
// them in that zone. A zone that database.initial.statements has set stays.
func (c *Conn) InServerZone(ctx context.Context, f func() error) error {
	vars, err := c.Variables(ctx, "time_zone")
	if err != nil {
		return fmt.Errorf("reading the session's time zone: %w", err)
	}
	if vars["time_zone"] != UTC {
		return f()
	}
	if err := c.Exec(ctx, "SET time_zone=@@global.time_zone"); err != nil {
		return fmt.Errorf("taking over the server's time zone: %w", err)
	}
	if err := f(); err != nil {
		return err
	}
	if err := c.Exec(ctx, "SET time_zone='"+UTC+"'"); err != nil {
		return fmt.Errorf("returning to UTC: %w", err)
	}
	return nil
}

// UTC is the time zone in which sessions read rows.
const UTC = "+00:00"

// CreateTable returns the statement that would create the table.
func (c *Conn) CreateTable(ctx context.Context, database, table string) (string, error) {
	return c.create(ctx, "SHOW CREATE TABLE "+QuoteName(database)+"."+QuoteName(table))
}

// CreateDatabase returns the statement that would create the database.
func (c *Conn) CreateDatabase(ctx context.Context, database string) (string, error) {
	return c.create(ctx, "SHOW CREATE DATABASE "+QuoteName(database))
}

func (c *Conn) create(ctx context.Context, statement string) (string, error) {
	row, err := c.one(ctx, statement)
	if err != nil {
		return "", err
	}
	if len(row) < 2 || row[1].Null {
		return "", fmt.Errorf("%s returned nothing", statement)
	}
	return row[1].String, nil
}

// Charset is the default charset and collation of a database.
type Charset struct{ Charset, Collation string }

// DatabaseCharsets reads the default charset of each database.
func (c *Conn) DatabaseCharsets(ctx context.Context) (map[string]Charset, error) {
	rows, err := c.All(ctx, "SELECT schema_name, default_character_set_name, default_collation_name FROM information_schema.schemata")
	if err != nil {
		return nil, fmt.Errorf("reading the charsets of databases: %w", err)
	}
	out := make(map[string]Charset, len(rows))
	for _, row := range rows {
		out[row[0].String] = Charset{row[1].String, row[2].String}
	}
	return out, nil
}

// Collations reads the names of all collations by their ids.
func (c *Conn) Collations(ctx context.Context) (map[uint64]string, error) {
	rows, err := c.All(ctx, "SELECT id, collation_name FROM information_schema.collations WHERE id IS NOT NULL")
	if err != nil {
		return nil, fmt.Errorf("reading the collations: %w", err)
	}
	out := make(map[uint64]string, len(rows))
	for _, row := range rows {
		id, err := strconv.ParseUint(row[0].String, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the collations: %w", err)
		}
		out[id] = row[1].String
	}
	return out, nil
}

// EstimatedRows are the numbers of rows that the storage engine reports for the
// tables of a database. A table of which it reports none is left out.
func (c *Conn) EstimatedRows(ctx context.Context, database string) (map[string]int64, error) {
	rows, err := c.All(ctx, "SELECT table_name, table_rows FROM information_schema.tables WHERE table_rows IS NOT NULL AND table_schema = "+QuoteText(database))
	if err != nil {
		return nil, fmt.Errorf("estimating the rows of the tables of %s: %w", database, err)
	}
	out := make(map[string]int64, len(rows))
	for _, row := range rows {
		n, err := strconv.ParseInt(row[1].String, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("estimating the rows of table %s.%s: %w", database, row[0].String, err)
		}
		out[row[0].String] = n
	}
	return out, nil
}

// UUID is the server's own UUID, "" for MariaDB, which has none.
func (c *Conn) UUID(ctx context.Context) (string, error) {
	v, err := c.GlobalVariables(ctx, "server_uuid")
	return v["server_uuid"], err
}

func firstColumn(rows [][]Text) []string {
	out := make([]string, 0, len(rows))
	for _, row := range rows {
		if len(row) > 0 && !row[0].Null {
			out = append(out, row[0].String)
		}
	}
	return out
}
