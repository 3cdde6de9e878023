package mysql

import (
	"time"

	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// MariaDB's tables WITH SYSTEM VERSIONING keep rows that are no more. Unless the
// columns for it are declared, rows have two hidden ones at the end: from when to
// when a row was valid. In the binlog an UPDATE is followed by the insert of the
// row as it was, and a DELETE is an update that ends the row's time. What the
// events tell is the present, as in a table without versions.

// versionColumns are row_start and row_end.
const versionColumns = 2

// isVersioned tells rows that have the hidden columns: known are the columns of
// the table.
func isVersioned(columns []value.ColumnMeta, known int) bool {
	if len(columns) != known+versionColumns {
		return false
	}
	for _, c := range columns[known:] {
		if !c.IsTimestamp() {
			return false
		}
	}
	return true
}

// present turns the images of a versioned row into a change of the present and
// cuts off the hidden columns; false for a change of what is past.
func (s *stream) present(op binlog.Op) (binlog.Op, bool) {
	valid := func(cells *[]value.Cell) bool {
		n := len(*cells)
		end := (*cells)[n-1]
		*cells = (*cells)[:n-versionColumns]
		return end.Kind == value.Timestamp && endless(end.Num)
	}
	switch op {
	case binlog.Insert:
		return op, valid(&s.after)
	case binlog.Delete:
		return op, valid(&s.before)
	}
	before, after := valid(&s.before), valid(&s.after)
	if before && !after {
		op = binlog.Delete
	}
	return op, before
}

// endless tells the end of time in microseconds since 1970: the last second of 31
// bits, or of 32 as since MariaDB 11.5.
func endless(micros int64) bool {
	seconds := micros / int64(time.Second/time.Microsecond)
	return seconds == 1<<31-1 || seconds == 1<<32-1
}

// isSequence tells the only row of a MariaDB sequence: it has these columns, in
// every server. A sequence is no table, and the schema history does not know it.
func isSequence(columns []value.ColumnMeta) bool {
	const numbers, cycleOption = 8, 6
	if len(columns) != numbers {
		return false
	}
	for i, c := range columns {
		if i == cycleOption && !c.IsTinyInt() || i != cycleOption && !c.IsBigInt() {
			return false
		}
	}
	return true
}
