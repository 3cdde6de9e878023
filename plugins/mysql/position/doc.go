// Package position models where a MySQL or MariaDB connector stands in its
// source: GTID sets, the source partition and the source offset, as Debezium
// 3.6.1 writes and reads them (io.debezium.connector.binlog.BinlogOffsetContext).
//
// # What the fields of an offset mean
//
//	file, pos   where to start reading again: the BEGIN of the transaction that was
//	            being read, or the end of the last event outside of a transaction
//	gtids       the transactions that need not be read again; never the one being read
//	event       how many events of that transaction are done, its BEGIN included
//	row         how many rows of the next event are done
//	ts_sec      time of the last change event
//	server_id   the server that wrote the last event
//	snapshot    the type of the snapshot that was running: INITIAL or BLOCKING;
//	            releases before 3.0 wrote true
//
// With provide.transaction.metadata the offset holds transaction_id and one
// transaction_data_collection_order_DATABASE.TABLE for each table that the
// transaction has changed so far; a running incremental snapshot adds the fields
// that begin with incremental_snapshot_. Offsets of a running snapshot have one
// field that Debezium does not know: millrace_snapshot, a [Checkpoint].
//
// # Cost
//
// A record carries a Base that all rows of its event share, and a row number. A
// Base holds no text of its own: the GTID set's text is kept as a prefix, a
// number and a suffix, of which only the number changes from one transaction to
// the next (see SetText).
package position
