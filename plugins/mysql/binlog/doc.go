// Package binlog reads the binlog of MySQL and MariaDB as a replica does, and
// follows its transactions.
//
//	server.Conn --packets--> Reader --Events--> Tracker --offsets--> change events
//
// A Reader asks for the binlog from a position or a GTID set, cuts the packets
// into events in place, decompresses what is compressed, and connects again
// when a connection is lost. A Tracker says what each event means to the
// transaction, which rows were handled before a restart, and which source
// offset stands behind each row. Both belong to one goroutine.
//
// # Legal sequences of events
//
// After every connection, and at the beginning of every file:
//
//	ROTATE (artificial)  FORMAT_DESCRIPTION  [PREVIOUS_GTIDS | GTID_LIST  BINLOG_CHECKPOINT*]
//
// Then transactions and statements until ROTATE or STOP ends the file:
//
//	transaction  [GTID | ANONYMOUS_GTID | GTID_TAGGED]  QUERY(BEGIN)  change*  XID | QUERY(COMMIT) | QUERY(ROLLBACK)
//	MariaDB      GTID  change*  XID | QUERY(COMMIT) | QUERY(ROLLBACK)
//	statement    [GTID]  QUERY(DDL)
//	XA           GTID  QUERY(XA START)  change*  QUERY(XA END)  XA_PREPARE ... GTID  QUERY(XA COMMIT | XA ROLLBACK)
//	compressed   GTID  TRANSACTION_PAYLOAD{ QUERY(BEGIN)  change*  XID }
//	change       [ROWS_QUERY | ANNOTATE_ROWS]  TABLE_MAP+  ROWS+
//	             QUERY(SAVEPOINT) | QUERY(CREATE TABLE ... START TRANSACTION) | QUERY(DML in statement format)
//
// ROLLBACK ends transactions that changed tables without transactions: what they
// hold has happened. HEARTBEAT comes between transactions. INCIDENT means that
// the server has lost part of its binlog. MySQL before 5.7 writes no GTID events
// without GTIDs. After a reconnection, ROTATE and FORMAT_DESCRIPTION come again,
// and with GTIDs a ROTATE at the end of a file too; nothing else does.
//
// # Positions
//
// Header.Pos and Header.EndPos of an event inside a compressed transaction are
// those of the TRANSACTION_PAYLOAD event: reading can begin only there.
//
// # Memory
//
// An Event and its bytes live in the read buffer until the next call of Next. A
// packet must fit in memory as a whole, so that the buffer grows to the largest
// event that comes, and shrinks after it. The events of a compressed transaction
// are decompressed one by one.
//
// # Traps
//
//   - Checksums: the artificial ROTATE comes before the FORMAT_DESCRIPTION that
//     says whether events have one. It has one if its last four bytes fit.
//   - A rows event for table id 0xffffff without a table map ends a statement; it
//     counts as an event all the same (KindOther).
//   - Two connections with one server id: the server ends the older dump. The
//     reader must not connect again then, or both would take turns for ever.
package binlog
