// Package chunk writes the statements that read a table in pieces, in the order
// of a key: its primary key, the columns of message.key.columns, or a column
// that stands in for them.
//
// Everything here is pure: statements go out as text and keys come in as the
// text that the server printed. A statement needs a session with time_zone
// '+00:00', connection charset utf8mb4, and what [Session] says.
//
//	SELECT * FROM `db`.`t` WHERE ((`a` > 1) OR (`a` = 1 AND `b` > 2)) AND
//	  NOT ((`a` > 9) OR (`a` = 9 AND `b` > 9)) ORDER BY `a`, `b` LIMIT 1024
//
// The comparison is spelled out, because the server finds no range in a
// comparison of rows. It differs from Debezium's in one respect: ENUM and SET
// columns are compared by number, as ORDER BY sorts them; compared as text, rows
// would be left out.
//
// Source: io.debezium.pipeline.source.snapshot.incremental.AbstractChunkQueryBuilder.
package chunk
