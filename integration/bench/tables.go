package main

import (
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/peer"
)

const (
	database    = "bench"
	transaction = 200  // rows of one
	patternRows = 2000 // different rows that a table is filled with again and again
)

// table says what a table is like. Its first column, id, counts from 1.
type table struct {
	name    string
	columns []column // after id
	share   int      // the part of the rows that the table has: a wide one has fewer
}

// column is a definition, and an SQL expression of i, the number of a row, for its value.
type column struct{ name, kind, value string }

func (t table) rows(all int) int {
	n := max(all/max(t.share, 1), transaction)
	return (n + transaction - 1) / transaction * transaction
}

// sysbench is the table of sysbench's OLTP tests, without its secondary index.
func sysbench(name string) table {
	return table{name: name, columns: []column{
		{"k", "INT NOT NULL DEFAULT 0", "i * 7919 % 500000"},
		{"c", "CHAR(120) NOT NULL DEFAULT ''", "LEFT(REPEAT(SHA2(i, 256), 2), 120)"},
		{"pad", "CHAR(60) NOT NULL DEFAULT ''", "LEFT(SHA2(i, 224), 56)"},
	}}
}

func narrow() table {
	return table{name: "narrow", columns: []column{
		{"k", "INT NOT NULL", "i * 7919 % 500000"},
		{"name", "VARCHAR(40) NOT NULL", "CONCAT('name ', i)"},
	}}
}

// wide has as many columns, with id, of ten kinds in turn.
func wide(columns, share int) table {
	kinds := []column{
		{"", "INT NOT NULL", "i * 31 + %d"},
		{"", "BIGINT", "i * 4294967311 + %d"},
		{"", "VARCHAR(40)", "CONCAT('value ', i, ' of %d')"},
		{"", "DECIMAL(12,2)", "i * 17.25 + %d"},
		{"", "DATETIME(6)", "'2026-01-01 00:00:00.123456' + INTERVAL i * %d SECOND"},
		{"", "DOUBLE", "i / %d"},
		{"", "VARCHAR(40)", "IF(i %% 2, NULL, 'v%d')"},
		{"", "TIMESTAMP NULL", "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL i + %d MINUTE"},
		{"", "TINYINT", "(i + %d) %% 100"},
		{"", "DATE", "DATE '2026-01-01' + INTERVAL i %% 365 + %d DAY"},
	}
	t := table{name: fmt.Sprintf("wide%d", columns), share: share}
	for n := 1; n < columns; n++ {
		kind := kinds[(n-1)%len(kinds)]
		t.columns = append(t.columns, column{fmt.Sprintf("c%d", n), kind.kind, fmt.Sprintf(kind.value, n)})
	}
	return t
}

func documents() table {
	object := "JSON_OBJECT('id', i, 'name', CONCAT('customer ', i), 'active', i %% 2 = 0, 'balance', i * 1.5, " +
		"'tags', JSON_ARRAY('a%[1]d', 'b', i), 'address', JSON_OBJECT('street', CONCAT(i, ' Main Street'), 'city', 'Springfield', 'code', 10000 + i))"
	t := table{name: "json", share: 2}
	for n := range 3 {
		t.columns = append(t.columns, column{fmt.Sprintf("doc%d", n), "JSON", fmt.Sprintf(object, n)})
	}
	return t
}

func blobs() table {
	return table{name: "blob", share: 2, columns: []column{
		{"body", "BLOB NOT NULL", "RANDOM_BYTES(1000)"},
		{"digest", "VARBINARY(64) NOT NULL", "UNHEX(SHA2(i, 512))"},
	}}
}

func decimals() table {
	t := table{name: "decimal"}
	for n := range 10 {
		t.columns = append(t.columns, column{fmt.Sprintf("d%d", n), "DECIMAL(30,10)", fmt.Sprintf("i * 123456789.0123456789 - %d", n*1000000)})
	}
	return t
}

// make creates the table, empty, and a pattern to fill it from.
func (t table) make(conn *client.Conn) error {
	var definitions, names, values []string
	for _, c := range t.columns {
		definitions, names, values = append(definitions, c.name+" "+c.kind), append(names, c.name), append(values, c.value)
	}
	columns := strings.Join(definitions, ", ")
	return peer.Execute(conn,
		"CREATE DATABASE IF NOT EXISTS "+database,
		"CREATE DATABASE IF NOT EXISTS pattern",
		fmt.Sprintf("CREATE TABLE %s.%s (id INT NOT NULL PRIMARY KEY, %s)", database, t.name, columns),
		fmt.Sprintf("CREATE TABLE pattern.%s (i INT NOT NULL PRIMARY KEY, %s)", t.name, columns),
		fmt.Sprintf("SET SESSION cte_max_recursion_depth = %d", patternRows),
		fmt.Sprintf("INSERT INTO pattern.%s (i, %s) WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, %s FROM n",
			t.name, strings.Join(names, ", "), patternRows-1, strings.Join(values, ", ")),
	)
}

// fill adds rows, whose ids begin at first, 200 in a transaction.
func (t table) fill(conn *client.Conn, first, rows int) error {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	columns := strings.Join(names, ", ")
	for done := 0; done < rows; done += transaction {
		from, n := done%patternRows, min(transaction, rows-done)
		_, err := conn.Execute(fmt.Sprintf("INSERT INTO %s.%s (id, %s) SELECT i + %d, %s FROM pattern.%s WHERE i >= %d AND i < %d",
			database, t.name, columns, first+done-from, columns, t.name, from, from+n))
		if err != nil {
			return fmt.Errorf("filling table %s: %w", t.name, err)
		}
	}
	return nil
}

// place is where the binlog ends, as a connector's offset has it.
type place struct {
	file, gtids string
	position    int64
}

func (p place) offset() map[string]any {
	return map[string]any{"file": p.file, "pos": p.position, "gtids": p.gtids, "ts_sec": 0}
}

func binlogEnd(conn *client.Conn) (p place, err error) {
	result, err := conn.Execute("SHOW BINARY LOG STATUS")
	if err != nil {
		return p, err
	}
	if p.file, err = result.GetString(0, 0); err != nil {
		return p, err
	}
	if p.position, err = result.GetInt(0, 1); err != nil {
		return p, err
	}
	p.gtids, err = result.GetStringByName(0, "Executed_Gtid_Set")
	p.gtids = strings.ReplaceAll(p.gtids, "\n", "")
	return p, err
}
