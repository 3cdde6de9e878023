package binlog

import "fmt"

// noTable is the table id of a rows event that only ends a statement.
const noTable = 0x00ffffff

const flagEndOfStatement = 1

// rowsType takes apart the type of a rows event.
func rowsType(t Type) (op Op, v2, partial, compressed bool) {
	switch t {
	case TypeWriteRowsV1, TypeWriteRowsCompressedV1, TypeWriteRows, TypeWriteRowsCompressed:
		op = Insert
	case TypeUpdateRowsV1, TypeUpdateRowsCompressedV1, TypeUpdateRows, TypeUpdateRowsCompressed, TypePartialUpdateRows:
		op = Update
	case TypeDeleteRowsV1, TypeDeleteRowsCompressedV1, TypeDeleteRows, TypeDeleteRowsCompressed:
		op = Delete
	}
	switch t {
	case TypeWriteRows, TypeUpdateRows, TypeDeleteRows, TypePartialUpdateRows,
		TypeWriteRowsCompressed, TypeUpdateRowsCompressed, TypeDeleteRowsCompressed:
		v2 = true
	}
	return op, v2, t == TypePartialUpdateRows, t >= TypeWriteRowsCompressedV1 && t <= TypeDeleteRowsCompressed
}

// decode reads a rows event. The table is nil for an event that only ends a statement.
func (r *Rows) decode(t Type, body []byte, known tables, longID bool, inflate func([]byte) ([]byte, error)) (*TableMap, error) {
	op, v2, partial, compressed := rowsType(t)
	c := cursor{b: body}
	id := c.tableID(longID)
	flags := c.u16()
	if v2 {
		n := int(c.u16()) // the two bytes of the length included
		c.skip(n - 2)
	}
	columns := c.lengthEncoded()
	if c.bad || columns > maxColumns {
		return nil, errTruncated
	}
	*r = Rows{Op: op, Columns: int(columns), Partial: partial, EndOfStatement: flags&flagEndOfStatement != 0}
	bitmap := (r.Columns + 7) / 8
	if op != Insert {
		r.Before = c.take(bitmap)
	}
	if op != Delete {
		r.After = c.take(bitmap)
	}
	if r.Data = c.rest(); c.bad {
		return nil, errTruncated
	}
	if compressed {
		var err error
		if r.Data, err = inflate(r.Data); err != nil {
			return nil, err
		}
	}
	table := known[id]
	switch {
	case table == nil && id&noTable == noTable:
		return nil, nil
	case table == nil:
		return nil, fmt.Errorf("no table map came before it for table id %d: the binlog is read from the middle of a transaction", id)
	case len(table.Columns) != r.Columns:
		return nil, fmt.Errorf("it has %d columns, but the table map of %s.%s has %d", r.Columns, table.DB, table.Name, len(table.Columns))
	}
	return table, nil
}
