// Package ddl reads the DDL of MySQL and MariaDB and keeps a [table.Catalog]
// up to date with it.
//
// A [Parser] is given the text of one query event or history record at a time.
// The text is cut into tokens, every statement in it is parsed as a whole, and
// only then applied: a text with an error in it changes nothing. What happened
// comes back as a list of [Change], in the order and grouping in which Debezium
// writes schema-change events and history records.
//
// Statements about tables, indexes and databases are parsed to their last
// token; what is accepted is modelled or known to be of no consequence for
// columns and keys. Statements that cannot concern a table's columns (programs,
// views, users, DML, administration) are recognised by their first words and
// skipped. Everything else is an [Error] that names the position.
//
// Type names, default values and comments are kept the way Debezium's parsers
// record them (MySqlAntlrDdlParser for MySQL, MariaDbAntlrDdlParser for
// MariaDB), because consumers see them in the schema history.
package ddl
