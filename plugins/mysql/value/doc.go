// Package value turns the columns of a row into Connect values.
//
// Both read paths, the binary row images of the binlog and the text rows of a
// SELECT, end in the same [Cell]; a [Column], compiled once per version of a
// table, turns cells into values of its Connect schema.
//
//	row image --RowDecoder--> []Cell --Column.Convert--> data.Value
//	text row  --TextDecoder-> []Cell ---^
//
// # Where Debezium's two paths differ
//
// Debezium reads a snapshot through JDBC and the binlog with a library of its
// own, and a few values come out differently. Consumers see these differences,
// so they are kept; each is decided by the kind of a cell, never by a flag:
//
//	JSON       a snapshot has the server's text, a stream the text of JsonBinary
//	TIMESTAMP  a stream keeps all declared fractional digits, a snapshot drops
//	           trailing zeros
//	ENUM, SET  members with a comma are escaped in a stream only
//	YEAR 0000  2000 in a snapshot (two-digit adjustment of 0), 1900 in a stream
//
// # Memory
//
// Cells refer to the row they were decoded from. Values never do: what needs
// memory is copied into the arena of the batch. Nothing is allocated per row.
package value
