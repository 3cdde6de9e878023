package value

import (
	"encoding/binary"
	"fmt"
)

// Column types of TABLE_MAP events (enum_field_types of the server).
const (
	typeDecimal    = 0
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeNull       = 6
	typeTimestamp  = 7
	typeLongLong   = 8
	typeInt24      = 9
	typeDate       = 10
	typeTime       = 11
	typeDateTime   = 12
	typeYear       = 13
	typeNewDate    = 14
	typeVarChar    = 15
	typeBit        = 16
	typeTimestamp2 = 17
	typeDateTime2  = 18
	typeTime2      = 19
	typeTypedArray = 20
	typeVector     = 242
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeTinyBlob   = 249
	typeMediumBlob = 250
	typeLongBlob   = 251
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255

	// MariaDB's COMPRESSED columns.
	typeBlobCompressed    = 140
	typeVarCharCompressed = 141
)

// ColumnMeta is what a TABLE_MAP event says about one column.
type ColumnMeta struct {
	// Type is the type code of the event; ParseColumnMeta resolves the ones
	// that hide in the metadata of STRING (ENUM, SET).
	Type byte
	// Meta depends on the type: maximal length in bytes of strings, length of
	// the length of blobs, fractional digits of times, precision<<8|scale of
	// decimals, bits of BIT, bytes of ENUM and SET, length of floats.
	Meta uint16
	// Array is set for the hidden columns of multi-valued indexes.
	Array bool
}

// IsTimestamp tells a TIMESTAMP of any precision.
func (c ColumnMeta) IsTimestamp() bool { return c.Type == typeTimestamp || c.Type == typeTimestamp2 }

// IsTinyInt tells a TINYINT.
func (c ColumnMeta) IsTinyInt() bool { return c.Type == typeTiny }

// IsBigInt tells a BIGINT.
func (c ColumnMeta) IsBigInt() bool { return c.Type == typeLongLong }

// ParseColumnMeta reads the type codes and the metadata block of a TABLE_MAP event.
func ParseColumnMeta(types, block []byte) ([]ColumnMeta, error) {
	cols := make([]ColumnMeta, len(types))
	for i, typ := range types {
		if typ == typeTypedArray {
			if len(block) == 0 {
				return nil, errMeta(i, typ)
			}
			cols[i].Array, typ, block = true, block[0], block[1:]
		}
		n := metaBytes(typ)
		if len(block) < n {
			return nil, errMeta(i, typ)
		}
		cols[i].Type, cols[i].Meta = resolveMeta(typ, block[:n])
		block = block[n:]
	}
	return cols, nil
}

func errMeta(i int, typ byte) error {
	return fmt.Errorf("table map: metadata ends before column %d of type %d", i+1, typ)
}

func metaBytes(typ byte) int {
	switch typ {
	case typeFloat, typeDouble, typeTimestamp2, typeDateTime2, typeTime2, typeVector, typeJSON, typeGeometry,
		typeTinyBlob, typeBlob, typeMediumBlob, typeLongBlob, typeBlobCompressed:
		return 1
	case typeVarChar, typeVarCharCompressed, typeBit, typeNewDecimal, typeEnum, typeSet, typeVarString, typeString:
		return 2
	}
	return 0
}

func resolveMeta(typ byte, b []byte) (byte, uint16) {
	switch len(b) {
	case 0:
		return typ, 0
	case 1:
		return typ, uint16(b[0])
	}
	switch typ {
	case typeVarChar, typeVarCharCompressed:
		return typ, binary.LittleEndian.Uint16(b)
	case typeBit:
		return typ, uint16(b[1])*8 + uint16(b[0])
	case typeNewDecimal:
		return typ, uint16(b[0])<<8 | uint16(b[1])
	}
	return resolveString(b[0], b[1])
}

// resolveString undoes how the server hides the real type and the two high bits
// of the length in the metadata of STRING columns (Field_string::do_save_field_metadata).
func resolveString(real, length byte) (byte, uint16) {
	if real&0x30 != 0x30 {
		return real | 0x30, uint16(length) | uint16(real&0x30^0x30)<<4
	}
	return real, uint16(length)
}
