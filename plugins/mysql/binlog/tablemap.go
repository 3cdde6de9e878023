package binlog

import (
	"bytes"
	"fmt"

	"github.com/millrace/millrace/plugins/mysql/value"
)

// maxColumns is more than any server allows in a table.
const maxColumns = 1 << 13

// tables are the table maps of the current file by table id.
type tables map[uint64]*TableMap

// decode reads a TABLE_MAP event, and returns the map that is known already when
// it is the same.
func (t tables) decode(body []byte, longID bool) (*TableMap, error) {
	c := cursor{b: body}
	id := c.tableID(longID)
	if c.bad {
		return nil, errTruncated
	}
	if m := t[id]; m != nil && bytes.Equal(m.raw, body) {
		return m, nil
	}
	m := &TableMap{ID: id, raw: bytes.Clone(body)}
	c = cursor{b: m.raw[len(body)-len(c.b):]}
	if err := m.decode(&c); err != nil {
		return nil, err
	}
	t[id] = m
	return m, nil
}

func (c *cursor) tableID(long bool) uint64 {
	if long {
		return c.uint(6)
	}
	return c.uint(4)
}

func (m *TableMap) decode(c *cursor) error {
	c.skip(2) // flags
	m.DB = string(c.short())
	c.skip(1)
	m.Name = string(c.short())
	c.skip(1)
	n := c.lengthEncoded()
	if c.bad || n > maxColumns {
		return errTruncated
	}
	types := c.take(int(n))
	meta := c.block()
	m.Nullable = c.take((int(n) + 7) / 8)
	if c.bad {
		return errTruncated
	}
	var err error
	if m.Columns, err = value.ParseColumnMeta(types, meta); err != nil {
		return fmt.Errorf("table %s.%s: %w", m.DB, m.Name, err)
	}
	return m.Optional.decode(c)
}

// Types of optional metadata fields (Table_map_event::Optional_metadata_field_type).
const (
	optionalSignedness = iota + 1
	optionalDefaultCharset
	optionalColumnCharset
	optionalColumnName
	optionalSetValues
	optionalEnumValues
	optionalGeometryType
	optionalPrimaryKey
	optionalPrimaryKeyPrefix
	optionalEnumSetDefaultCharset
	optionalEnumSetCharset
	optionalVisibility
	optionalVectorDimensionality
)

var errTruncated = fmt.Errorf("the event is truncated or malformed")

func (o *Optional) decode(c *cursor) error {
	for len(c.b) > 0 && !c.bad {
		kind := c.u8()
		f := cursor{b: c.block()}
		o.field(kind, &f)
		if c.bad = c.bad || f.bad; c.bad {
			return errTruncated
		}
	}
	return nil
}

func (o *Optional) field(kind byte, f *cursor) {
	switch kind {
	case optionalSignedness:
		o.Unsigned = f.rest()
	case optionalDefaultCharset:
		o.DefaultCharset = f.defaultCharset()
	case optionalColumnCharset:
		o.Charsets = f.numbers()
	case optionalColumnName:
		for len(f.b) > 0 {
			o.Names = append(o.Names, string(f.block()))
		}
	case optionalSetValues:
		o.SetValues = f.members()
	case optionalEnumValues:
		o.EnumValues = f.members()
	case optionalGeometryType:
		o.GeometryTypes = f.numbers()
	case optionalPrimaryKey:
		for _, column := range f.numbers() {
			o.PrimaryKey = append(o.PrimaryKey, KeyPart{Column: column})
		}
	case optionalPrimaryKeyPrefix:
		for len(f.b) > 0 {
			o.PrimaryKey = append(o.PrimaryKey, KeyPart{f.lengthEncoded(), f.lengthEncoded()})
		}
	case optionalEnumSetDefaultCharset:
		o.EnumSetDefault = f.defaultCharset()
	case optionalEnumSetCharset:
		o.EnumSetCharsets = f.numbers()
	case optionalVisibility:
		o.Visible = f.rest()
	case optionalVectorDimensionality:
		o.VectorDimensionality = f.numbers()
	}
}

func (c *cursor) numbers() []uint64 {
	var out []uint64
	for len(c.b) > 0 && !c.bad {
		out = append(out, c.lengthEncoded())
	}
	return out
}

func (c *cursor) defaultCharset() *DefaultCharset {
	d := &DefaultCharset{Collation: c.lengthEncoded(), Exceptions: map[uint64]uint64{}}
	for len(c.b) > 0 && !c.bad {
		column := c.lengthEncoded()
		d.Exceptions[column] = c.lengthEncoded()
	}
	return d
}

// members reads lists of texts, one for each column.
func (c *cursor) members() [][][]byte {
	var out [][][]byte
	for len(c.b) > 0 && !c.bad {
		n := c.lengthEncoded()
		if n > uint64(len(c.b)) {
			c.bad = true
			return nil
		}
		column := make([][]byte, 0, n)
		for range n {
			column = append(column, c.block())
		}
		out = append(out, column)
	}
	return out
}
