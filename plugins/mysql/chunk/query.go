package chunk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Table is a table that is read in pieces.
type Table struct {
	ID table.ID
	// Key lists the columns in whose order the table is read; never empty.
	Key []*table.Column
	// Projection is what stands between SELECT and FROM; "" for *.
	Projection string
	// Condition limits the rows that are read, whatever the piece; "" for all.
	Condition string
}

// Columns are the key's columns by name. The error names the table and a column
// that it does not have.
func Columns(t *table.Table, names []string) ([]*table.Column, error) {
	columns := make([]*table.Column, len(names))
	for i, name := range names {
		if columns[i] = t.Column(name); columns[i] == nil {
			return nil, fmt.Errorf("table %s has no column %s", t.ID, name)
		}
	}
	return columns, nil
}

// Next reads the rows behind after (nil: from the first row on) up to and with
// upTo (nil: to the end), at most limit of them (0: all), in order.
func (t *Table) Next(after, upTo Key, limit int) (string, error) {
	where, err := t.where(after, upTo)
	if err != nil {
		return "", err
	}
	s := "SELECT " + t.projection() + " FROM " + quoted(t.ID) + where + " ORDER BY " + t.order("")
	if limit > 0 {
		s += " LIMIT " + strconv.Itoa(limit)
	}
	return s, nil
}

// Range reads the rows behind after up to and with upTo, in any order.
func (t *Table) Range(after, upTo Key) (string, error) {
	where, err := t.where(after, upTo)
	if err != nil {
		return "", err
	}
	return "SELECT " + t.projection() + " FROM " + quoted(t.ID) + where, nil
}

// Min reads the key of the first row, in the order of Key.
func (t *Table) Min() string { return t.edge("") }

// Max reads the key of the last row, in the order of Key.
func (t *Table) Max() string { return t.edge(" DESC") }

func (t *Table) edge(direction string) string {
	where, _ := t.where(nil, nil) // no key, no error
	return "SELECT " + t.names() + " FROM " + quoted(t.ID) + where + " ORDER BY " + t.order(direction) + " LIMIT 1"
}

// Boundary reads the key of the n-th row behind after (nil: from the start),
// n from 1: where a piece of n rows ends. There is no row when fewer are left.
func (t *Table) Boundary(after, upTo Key, n int) (string, error) {
	where, err := t.where(after, upTo)
	if err != nil {
		return "", err
	}
	return "SELECT " + t.names() + " FROM " + quoted(t.ID) + where + " ORDER BY " + t.order("") +
		" LIMIT 1 OFFSET " + strconv.Itoa(n-1), nil
}

// where has a space in front; it is "" when nothing limits the rows.
func (t *Table) where(after, upTo Key) (string, error) {
	var parts []string
	if t.Condition != "" {
		parts = append(parts, "("+t.Condition+")")
	}
	if after != nil {
		s, err := t.greater(after)
		if err != nil {
			return "", err
		}
		parts = append(parts, s)
	}
	if upTo != nil {
		s, err := t.greater(upTo)
		if err != nil {
			return "", err
		}
		parts = append(parts, "NOT "+s)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), nil
}

// greater is the condition that a row is behind a key. NULL sorts first, and the
// condition is never NULL itself, so that it can be negated.
func (t *Table) greater(key Key) (string, error) {
	if len(key) != len(t.Key) {
		return "", fmt.Errorf("table %s: a key has %d values, but is made of %d columns", t.ID, len(key), len(t.Key))
	}
	var equal string
	terms := make([]string, len(key))
	for i, v := range key {
		c, name := t.Key[i], server.QuoteName(t.Key[i].Name)
		if v.Null {
			terms[i] = "(" + equal + name + " IS NOT NULL)"
			equal += name + " IS NULL AND "
			continue
		}
		text, err := literal(c, v.Text)
		if err != nil {
			return "", fmt.Errorf("table %s: %w", t.ID, err)
		}
		if c.Optional {
			terms[i] = "(" + equal + name + " > " + text + " AND " + name + " IS NOT NULL)"
			equal += name + " <=> " + text + " AND "
			continue
		}
		terms[i] = "(" + equal + name + " > " + text + ")"
		equal += name + " = " + text + " AND "
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return "(" + strings.Join(terms, " OR ") + ")", nil
}

func (t *Table) projection() string {
	if t.Projection == "" {
		return "*"
	}
	return t.Projection
}

func (t *Table) names() string { return t.order("") }

func (t *Table) order(direction string) string {
	names := make([]string, len(t.Key))
	for i, c := range t.Key {
		names[i] = server.QuoteName(c.Name) + direction
	}
	return strings.Join(names, ", ")
}

func quoted(id table.ID) string {
	return server.QuoteName(id.Database) + "." + server.QuoteName(id.Name)
}
