// Package event makes change events: Connect records as Debezium 3.6.1's MySQL
// connector writes them.
//
// A Builder belongs to one connector task and holds what all its events share:
// topic names, the schemas of the source block and of schema changes, the
// headers. For each version of a table it makes a Plan, which knows the
// table's key and value schemas and where each column goes. A Plan turns cells
// into records of a connect.Batch; it looks nothing up by name and allocates
// nothing but from the batch's arena.
//
//	row (cells) + Source -> Plan.Insert, Update, Delete, Read -> record
//	ddl.Change  + Source -> Builder.SchemaChange              -> record
//
// A Source says where a change comes from. It is filled once for an event of
// the binlog or a table of a snapshot; only the number of the row changes from
// record to record.
package event
