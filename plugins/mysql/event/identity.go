package event

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Identity tells the rows of a table apart: two rows, of a snapshot or of the
// stream, have equal identities when they have the same key, or the same values
// in a table without a key. It depends on no option of the connector.
type Identity struct {
	columns []field
	numbers []bool // columns whose cells hold numbers that both read paths share
}

// Identity compiles the identity of the table's rows. The columns of the key are
// those of message.key.columns, or of the primary key.
func (p *Plan) Identity() (*Identity, error) {
	id := &Identity{}
	from := p.b.keys.columns(p.Table)
	if len(from) == 0 {
		for _, f := range p.fields {
			from = append(from, f.from)
		}
	}
	options := value.Options{MariaDB: p.b.cfg.Value.MariaDB, BigintUnsigned: value.BigintPrecise}
	for _, i := range from {
		c := p.Table.Columns[i]
		compiled, err := value.NewKeyColumn(p.Table.ID, c, &options)
		if err != nil || compiled == nil {
			return nil, err
		}
		id.columns = append(id.columns, field{name: c.Name, from: i, column: compiled})
		id.numbers = append(id.numbers, c.Kind == table.Timestamp || c.Kind == table.Year)
	}
	return id, nil
}

// Append appends the identity of a row.
func (id *Identity) Append(dst []byte, a *data.Arena, row []value.Cell) ([]byte, error) {
	for i := range id.columns {
		cell := &row[id.columns[i].from]
		if cell.IsNull() {
			dst = append(dst, 0)
			continue
		}
		if id.numbers[i] {
			// A stream keeps the zeros of a fraction that a snapshot drops, so the
			// text of the two may differ.
			dst = binary.BigEndian.AppendUint64(append(dst, 1), uint64(cell.Num))
			continue
		}
		v, err := id.columns[i].column.Convert(a, cell)
		if err != nil {
			return nil, err
		}
		dst = appendValue(append(dst, 2), v)
	}
	return dst, nil
}

// appendValue appends a value so that no two different lists of values of the
// same types have the same bytes.
func appendValue(dst []byte, v data.Value) []byte {
	switch v.Kind() {
	case data.KindString, data.KindBytes:
		raw := v.Raw()
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(raw)))
		return append(dst, raw...)
	case data.KindBoolean:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case data.KindStruct:
		for _, f := range v.Struct().Fields() {
			dst = appendValue(dst, f)
		}
		return dst
	case data.KindArray:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Elems())))
		for _, e := range v.Elems() {
			dst = appendValue(dst, e)
		}
		return dst
	case data.KindFloat32, data.KindFloat64:
		return fmt.Appendf(dst, "%g;", v.Float())
	}
	return binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
}
