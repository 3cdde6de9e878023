package value

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/millrace/millrace/plugins/data"
)

// RowDecoder decodes the row images of one table. It is immutable and may be
// used from several goroutines.
type RowDecoder struct {
	ops   []rowOp
	jsons int // number of JSON columns
}

// rowOp is one compiled column.
type rowOp struct {
	code   opCode
	size   uint8 // bytes of the value, or of its length prefix
	scale  uint8 // fractional digits
	digits uint8 // digits of a decimal before the point

	inflater *inflater // of a compressed column, else nil
}

type opCode uint8

const (
	opInt opCode = iota
	opYear
	opUint // ENUM, SET
	opFloat
	opDouble
	opDecimal
	opDate
	opTime
	opTime2
	opDateTime
	opDateTime2
	opTimestamp
	opTimestamp2
	opBit
	opBytes // length prefix of size bytes
	opJSON
	opArray
	opNull
)

// ErrTruncatedRow means that a row image ended within a value.
var ErrTruncatedRow = errors.New("row image is truncated")

// NewRowDecoder compiles the columns of a TABLE_MAP event.
func NewRowDecoder(cols []ColumnMeta) (*RowDecoder, error) {
	d := &RowDecoder{ops: make([]rowOp, len(cols))}
	for i, c := range cols {
		op, err := compileOp(c)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i+1, err)
		}
		if op.code == opJSON {
			d.jsons++
		}
		d.ops[i] = op
	}
	return d, nil
}

// Columns is the number of columns of the table.
func (d *RowDecoder) Columns() int { return len(d.ops) }

func compileOp(c ColumnMeta) (rowOp, error) {
	if c.Array {
		return rowOp{code: opArray, size: 4}, nil
	}
	switch c.Type {
	case typeTiny:
		return rowOp{code: opInt, size: 1}, nil
	case typeShort:
		return rowOp{code: opInt, size: 2}, nil
	case typeInt24:
		return rowOp{code: opInt, size: 3}, nil
	case typeLong:
		return rowOp{code: opInt, size: 4}, nil
	case typeLongLong:
		return rowOp{code: opInt, size: 8}, nil
	case typeYear:
		return rowOp{code: opYear, size: 1}, nil
	case typeFloat:
		return rowOp{code: opFloat, size: 4}, nil
	case typeDouble:
		return rowOp{code: opDouble, size: 8}, nil
	case typeNewDecimal:
		return compileDecimal(c.Meta)
	case typeEnum, typeSet:
		return rowOp{code: opUint, size: uint8(c.Meta)}, checkMeta(c, c.Meta >= 1 && c.Meta <= 8)
	case typeBit:
		return rowOp{code: opBit, size: uint8((c.Meta + 7) / 8)}, checkMeta(c, c.Meta <= 64)
	case typeNull:
		return rowOp{code: opNull}, nil
	}
	if op, ok := compileTemporal(c); ok {
		return op, checkMeta(c, c.Meta <= 6)
	}
	return compileString(c)
}

func compileTemporal(c ColumnMeta) (rowOp, bool) {
	fsp := uint8(c.Meta)
	switch c.Type {
	case typeDate, typeNewDate:
		return rowOp{code: opDate, size: 3}, true
	case typeTime:
		return rowOp{code: opTime, size: 3}, true
	case typeDateTime:
		return rowOp{code: opDateTime, size: 8}, true
	case typeTimestamp:
		return rowOp{code: opTimestamp, size: 4}, true
	case typeTime2:
		return rowOp{code: opTime2, size: 3 + (fsp+1)/2, scale: fsp}, true
	case typeDateTime2:
		return rowOp{code: opDateTime2, size: 5 + (fsp+1)/2, scale: fsp}, true
	case typeTimestamp2:
		return rowOp{code: opTimestamp2, size: 4 + (fsp+1)/2, scale: fsp}, true
	}
	return rowOp{}, false
}

func compileString(c ColumnMeta) (rowOp, error) {
	switch c.Type {
	case typeVarChar, typeVarString, typeString:
		if c.Meta < 256 {
			return rowOp{code: opBytes, size: 1}, nil
		}
		return rowOp{code: opBytes, size: 2}, nil
	case typeJSON:
		return rowOp{code: opJSON, size: uint8(c.Meta)}, checkMeta(c, c.Meta >= 1 && c.Meta <= 4)
	case typeTinyBlob, typeBlob, typeMediumBlob, typeLongBlob, typeGeometry, typeVector:
		return rowOp{code: opBytes, size: uint8(c.Meta)}, checkMeta(c, c.Meta >= 1 && c.Meta <= 4)
	case typeVarCharCompressed:
		op, err := compileString(ColumnMeta{Type: typeVarChar, Meta: c.Meta})
		op.inflater = &inflater{}
		return op, err
	case typeBlobCompressed:
		op, err := compileString(ColumnMeta{Type: typeBlob, Meta: c.Meta})
		op.inflater = &inflater{}
		return op, err
	case typeDecimal:
		return rowOp{}, errors.New("decimals in the format from before MySQL 5.0 cannot be read; rebuild the table with ALTER TABLE ... FORCE")
	}
	return rowOp{}, fmt.Errorf("unknown binlog column type %d", c.Type)
}

func checkMeta(c ColumnMeta, ok bool) error {
	if !ok {
		return fmt.Errorf("metadata %d does not fit column type %d", c.Meta, c.Type)
	}
	return nil
}

// Decode decodes one row image and returns what follows it. present is the
// event's bitmap of the columns in the image, nil for all. cells must have
// Columns elements; those not in the image become Missing. Data of the cells
// refers to image, or to a for the few values that need memory.
func (d *RowDecoder) Decode(a *data.Arena, present, image []byte, cells []Cell) (rest []byte, err error) {
	n := countBits(present, len(d.ops))
	nulls := (n + 7) / 8
	if len(image) < nulls {
		return nil, ErrTruncatedRow
	}
	bitmap, in := image[:nulls], image[nulls:]
	bit := 0
	for i := range d.ops {
		if present != nil && present[i>>3]&(1<<(i&7)) == 0 {
			cells[i] = Cell{}
			continue
		}
		if bitmap[bit>>3]&(1<<(bit&7)) != 0 {
			cells[i] = Cell{Kind: Null}
		} else if in, err = d.ops[i].decode(a, in, &cells[i]); err != nil {
			return nil, fmt.Errorf("column %d: %w", i+1, err)
		}
		bit++
	}
	return in, nil
}

func countBits(bitmap []byte, columns int) int {
	if bitmap == nil {
		return columns
	}
	n := 0
	for i := range columns {
		n += int(bitmap[i>>3] >> (i & 7) & 1)
	}
	return n
}

// decode decodes one value and returns what follows it.
func (op *rowOp) decode(a *data.Arena, in []byte, c *Cell) ([]byte, error) {
	size := int(op.size)
	if len(in) < size {
		return nil, ErrTruncatedRow
	}
	v, rest := in[:size], in[size:]
	c.Data, c.Scale = nil, op.scale
	switch op.code {
	case opInt:
		c.Kind, c.Num = Int, signed(v)
	case opUint:
		c.Kind, c.Num = Int, int64(littleEndian(v))
	case opYear:
		c.Kind, c.Num = Int, 1900+int64(v[0])
	case opFloat:
		c.Kind, c.Num = Float32, int64(binary.LittleEndian.Uint32(v))
	case opDouble:
		c.Kind, c.Num = Float64, int64(binary.LittleEndian.Uint64(v))
	case opDecimal:
		return rest, op.decimal(a, v, c)
	case opBytes, opJSON, opArray:
		return op.prefixed(a, v, rest, c)
	case opBit:
		c.Kind, c.Data = Bytes, v
	case opNull:
		c.Kind = Null
	default:
		op.temporal(v, c)
	}
	return rest, nil
}

// prefixed reads a value that stands behind its length. The values of an index
// on an array are of no use to anyone and are skipped.
func (op *rowOp) prefixed(a *data.Arena, length, in []byte, c *Cell) (_ []byte, err error) {
	n := littleEndian(length)
	if n > uint64(len(in)) {
		return nil, ErrTruncatedRow
	}
	switch op.code {
	case opArray:
		c.Kind = Missing
		return in[n:], nil
	case opJSON:
		c.Kind = JSONBinary
	default:
		c.Kind = Bytes
	}
	if c.Data = in[:n:n]; op.inflater != nil {
		c.Data, err = op.inflater.value(a, c.Data)
	}
	return in[n:], err
}

func (op *rowOp) temporal(v []byte, c *Cell) {
	switch op.code {
	case opDate:
		decodeDate(littleEndian(v), c)
	case opTime:
		decodeOldTime(signed(v), c)
	case opTime2:
		c.Kind, c.Num = Time, decodeTime2(v)
	case opDateTime:
		decodeOldDateTime(littleEndian(v), c)
	case opDateTime2:
		decodeDateTime2(v, c)
	case opTimestamp:
		c.setTimestamp(int64(littleEndian(v)) * 1_000_000)
	case opTimestamp2:
		c.setTimestamp(int64(bigEndian(v[:4]))*1_000_000 + fraction(v[4:]))
	}
}

func (c *Cell) setTimestamp(micros int64) {
	c.Kind, c.Num = Timestamp, micros
	if micros == ZeroTimestamp {
		c.Kind = Null
	}
}

// setDateTime stores a date and time; the zero date, and any date with a zero
// part, is NULL to Debezium's RowDeserializers.
func (c *Cell) setDateTime(kind Kind, year, month, day, hour, minute, second, micros int) {
	if year == 0 || month == 0 || day == 0 {
		c.Kind, c.Num = Null, 0
		return
	}
	c.Kind, c.Num = kind, PackDateTime(year, month, day, hour, minute, second, micros)
}

func decodeDate(v uint64, c *Cell) {
	c.setDateTime(Date, int(v>>9), int(v>>5&15), int(v&31), 0, 0, 0, 0)
}

func decodeOldTime(v int64, c *Cell) {
	sign := int64(1)
	if v < 0 {
		sign, v = -1, -v
	}
	c.Kind, c.Num = Time, sign*((v/10000*60+v/100%100)*60+v%100)*1_000_000
}

func decodeOldDateTime(v uint64, c *Cell) {
	d, t := int(v/1_000_000), int(v%1_000_000)
	c.setDateTime(DateTime, d/10000, d/100%100, d%100, t/10000, t/100%100, t%100, 0)
}

// decodeTime2 reads a big-endian number that is offset so that it has no sign:
// hours, minutes and seconds, then the fraction.
func decodeTime2(v []byte) int64 {
	frac := 8 * (len(v) - 3)
	n := int64(bigEndian(v)) - 0x800000<<frac
	sign := int64(1)
	if n < 0 {
		sign, n = -1, -n
	}
	hms, micros := n>>frac, scaleFraction(n&(1<<frac-1), len(v)-3)
	return sign * (((hms>>12&0x3FF)*60+hms>>6&63)*60_000_000 + (hms&63)*1_000_000 + micros)
}

func decodeDateTime2(v []byte, c *Cell) {
	n := bigEndian(v[:5]) & (1<<39 - 1)
	ym := int(n >> 22)
	c.setDateTime(DateTime, ym/13, ym%13, int(n>>17&31), int(n>>12&31), int(n>>6&63), int(n&63), int(fraction(v[5:])))
}

// fraction reads the fraction of a second, 0 to 3 big-endian bytes of two
// digits each, in microseconds.
func fraction(v []byte) int64 { return scaleFraction(int64(bigEndian(v)), len(v)) }

func scaleFraction(n int64, size int) int64 {
	switch size {
	case 1:
		return n * 10_000
	case 2:
		return n * 100
	}
	return n
}

func bigEndian(v []byte) (n uint64) {
	for _, b := range v {
		n = n<<8 | uint64(b)
	}
	return n
}

func littleEndian(v []byte) (n uint64) {
	switch len(v) {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(v))
	case 4:
		return uint64(binary.LittleEndian.Uint32(v))
	case 8:
		return binary.LittleEndian.Uint64(v)
	}
	for i, b := range v {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func signed(v []byte) int64 {
	shift := 64 - 8*len(v)
	return int64(littleEndian(v)<<shift) >> shift
}
