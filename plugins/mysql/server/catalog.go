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

// EstimatedRows is the number of rows that the storage engine reports for a
// table; ok is false when it reports none.
func (c *Conn) EstimatedRows(ctx context.Context, database, table string) (rows int64, ok bool, err error) {
	row, err := c.one(ctx, "SELECT table_rows FROM information_schema.tables WHERE table_schema = "+
		QuoteText(database)+" AND table_name = "+QuoteText(table))
	if err != nil || len(row) == 0 || row[0].Null {
		return 0, false, err
	}
	n, err := strconv.ParseInt(row[0].String, 10, 64)
	return n, err == nil, nil
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
