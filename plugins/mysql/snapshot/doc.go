// Package snapshot reads the tables of a server at one point of its binlog.
//
// # The legal order of things
//
//  1. Lock: FLUSH TABLES WITH READ LOCK keeps everyone from writing. Where the
//     user may not take it (RDS and the like), the captured tables are locked
//     one by one instead, and stay locked until the end.
//  2. START TRANSACTION WITH CONSISTENT SNAPSHOT, on every connection that reads:
//     what is read from here on is the state at the lock.
//  3. Read the position of the binlog: streaming starts there. Without a lock,
//     2 and 3 are repeated until nothing happens in between.
//  4. Read the structure: the statements that would create what is there.
//  5. Release the global lock. It was held for steps 2 to 4 only; with
//     snapshot.locking.mode=extended it is held until step 6 has ended.
//  6. Read the rows, table by table, within the transactions. Large tables are
//     read in the order of their key, in pieces if there are several connections.
//
// A snapshot that was interrupted goes on with steps 1 to 3, 5 and 6, once its
// caller has read the binlog up to the new position (../DESIGN.md).
//
// Source: io.debezium.relational.RelationalSnapshotChangeEventSource and
// io.debezium.connector.binlog.BinlogSnapshotChangeEventSource.
package snapshot
