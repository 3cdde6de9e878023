// Package incremental reads tables in chunks while the binlog is being read
// (Debezium's incremental snapshots, after the paper "DBLog: A Watermark Based
// Change-Data-Capture Framework").
//
// # One chunk
//
//	open     a mark in the binlog: a row "ID-open" is inserted into the signal table
//	read     the next rows of the table go to the window
//	close    another mark: a row "ID-close" is inserted, or the first one deleted
//	...      the stream passes the first mark: from here on, rows that it brings
//	         replace those of the window
//	...      the stream passes the second mark: what is left of the window becomes
//	         records, and the next chunk is read
//
// A read-only connector has no signal table. Its window is open from before the
// chunk is read until the stream reaches where the binlog stood after it:
//
//	fence    everything that the stream has brought is visible to readers: the
//	         server's executed GTIDs hold those of the stream, or else the chunk is
//	         read with shared locks, which wait for transactions about to commit
//	read     the next rows go to the window; the stream's rows replace them at once
//	mark     where the binlog stands now; when the stream is there, the window closes
//
// # Guarantee
//
// A row of a chunk was read at some time between the marks. An event of that row
// before the first mark is older than the row, one behind the second is newer, and
// one between them takes its place. So no older value follows a newer one.
//
// # Offsets
//
// While a snapshot runs, each offset holds the fields incremental_snapshot_*, in
// Debezium's form: the key of the last row that became a record, the last key of
// the table, and the tables that are left. Whoever resumes, Debezium or Millrace,
// goes on behind that key.
//
// All state belongs to the goroutine that reads the binlog.
package incremental
