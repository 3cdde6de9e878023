package binlog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/value"
)

// Statement is a CREATE TABLE that makes a table with the columns of the map, for
// when nothing else tells of it. It takes binlog_row_metadata=FULL of MySQL; the
// names of collations come from the server. Rows are read rightly by it; defaults
// and what else the event does not hold are missing. An error says which column
// cannot be told for certain.
func (m *TableMap) Statement(collations map[uint64]string) (string, error) {
	o := &m.Optional
	if len(o.Names) != len(m.Columns) {
		return "", errors.New("the rows do not name their columns")
	}
	d := details{o: o, collations: collations}
	var parts []string
	for i, c := range m.Columns {
		sql, err := d.next(c)
		if err != nil {
			return "", fmt.Errorf("column %s: %w", o.Names[i], err)
		}
		if m.Nullable[i/8]>>(i%8)&1 == 0 {
			sql += " NOT NULL"
		}
		if o.Visible != nil && !bit(o.Visible, i) {
			sql += " INVISIBLE"
		}
		parts = append(parts, quoteName(o.Names[i])+" "+sql)
	}
	if len(o.PrimaryKey) > 0 {
		var key []string
		for _, k := range o.PrimaryKey {
			if k.Column >= uint64(len(o.Names)) {
				return "", errTruncated
			}
			key = append(key, quoteName(o.Names[k.Column]))
		}
		parts = append(parts, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	}
	return "CREATE TABLE " + quoteName(m.Name) + " (" + strings.Join(parts, ", ") + ")", nil
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// bit reads a bitmap whose first bit is the most significant one.
func bit(b []byte, i int) bool { return i/8 < len(b) && b[i/8]>>(7-i%8)&1 == 1 }

// details hands the optional metadata out, which go by kinds of columns.
type details struct {
	o                                                          *Optional
	collations                                                 map[uint64]string
	numeric, character, members, enums, sets, spatial, vectors int
}

// next declares the next column.
func (d *details) next(c value.ColumnMeta) (string, error) {
	if c.Array {
		return "", errors.New("the hidden column of an index")
	}
	var of value.MetaDetails
	switch {
	case c.IsNumeric():
		of.Unsigned = bit(d.o.Unsigned, d.numeric)
		d.numeric++
	case c.IsCharacter():
		of.Collation = d.collation(d.o.DefaultCharset, d.o.Charsets, d.character)
		d.character++
	case c.IsEnum():
		of.Members = at(d.o.EnumValues, d.enums)
		d.enums++
	case c.IsSet():
		of.Members = at(d.o.SetValues, d.sets)
		d.sets++
	case c.IsGeometry():
		of.Geometry = at(d.o.GeometryTypes, d.spatial)
		d.spatial++
	case c.IsVector():
		of.Dimensions = at(d.o.VectorDimensionality, d.vectors)
		d.vectors++
	}
	if c.IsEnum() || c.IsSet() {
		of.Collation = d.collation(d.o.EnumSetDefault, d.o.EnumSetCharsets, d.members)
		d.members++
	}
	return c.SQL(of)
}

// collation names that of the n-th column of a kind; "" when it is not told.
func (d *details) collation(most *DefaultCharset, each []uint64, n int) string {
	if most == nil {
		return d.collations[at(each, n)]
	}
	if id, ok := most.Exceptions[uint64(n)]; ok {
		return d.collations[id]
	}
	return d.collations[most.Collation]
}

// at is an element, its zero value where there is none.
func at[T any](list []T, i int) T {
	if i < len(list) {
		return list[i]
	}
	var none T
	return none
}
