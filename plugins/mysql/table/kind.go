package table

import "strings"

// Kind is a column's storage type, one per way in which values are read and
// written; synonyms (INTEGER, DEC, NATIONAL VARCHAR ...) share one.
type Kind uint8

const (
	// Unknown is a type name that this package has never heard of.
	Unknown Kind = iota
	Bit
	TinyInt // also BOOL and BOOLEAN
	SmallInt
	MediumInt
	Int
	BigInt
	Float
	Double
	Decimal
	Year
	Date
	Time
	DateTime
	Timestamp
	Char
	VarChar
	TinyText
	Text
	MediumText
	LongText
	Binary
	VarBinary
	TinyBlob
	Blob
	MediumBlob
	LongBlob
	Enum
	Set
	JSON
	Geometry // and every spatial subtype
	Vector
	UUID  // MariaDB
	Inet4 // MariaDB
	Inet6 // MariaDB
)

// IsText says whether values are character data with a charset.
func (k Kind) IsText() bool {
	return k >= Char && k <= LongText || k == Enum || k == Set
}

// KindOf finds the kind of a type name in any case, with or without UNSIGNED
// and other modifiers. A few names need all of their words: "LONG" is MEDIUMTEXT
// but "LONG VARBINARY" is MEDIUMBLOB, and BINARY or BYTE after a text type only
// chooses its collation.
func KindOf(typeName string) Kind {
	first, rest, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(typeName)), " ")
	switch first {
	case "LONG":
		if strings.HasPrefix(rest, "VARBINARY") {
			return MediumBlob
		}
		return MediumText
	case "NATIONAL", "CHARACTER", "NCHAR", "CHAR":
		if strings.HasPrefix(rest, "VAR") || strings.Contains(rest, " VARYING") {
			return VarChar
		}
		return Char
	}
	return kindOfWord(first)
}

func kindOfWord(w string) Kind {
	switch w {
	case "BIT":
		return Bit
	case "TINYINT", "INT1", "BOOL", "BOOLEAN":
		return TinyInt
	case "SMALLINT", "INT2":
		return SmallInt
	case "MEDIUMINT", "INT3", "MIDDLEINT":
		return MediumInt
	case "INT", "INTEGER", "INT4":
		return Int
	case "BIGINT", "INT8", "SERIAL":
		return BigInt
	case "FLOAT", "FLOAT4":
		return Float
	case "DOUBLE", "REAL", "FLOAT8":
		return Double
	case "DECIMAL", "DEC", "NUMERIC", "FIXED", "NUMBER":
		return Decimal
	case "YEAR":
		return Year
	case "DATE":
		return Date
	case "TIME":
		return Time
	case "DATETIME":
		return DateTime
	case "TIMESTAMP":
		return Timestamp
	}
	return kindOfStringWord(w)
}

func kindOfStringWord(w string) Kind {
	switch w {
	case "VARCHAR", "VARCHARACTER", "NVARCHAR", "VARCHAR2":
		return VarChar
	case "TINYTEXT":
		return TinyText
	case "TEXT":
		return Text
	case "MEDIUMTEXT":
		return MediumText
	case "LONGTEXT", "CLOB":
		return LongText
	case "BINARY":
		return Binary
	case "VARBINARY", "RAW":
		return VarBinary
	case "TINYBLOB":
		return TinyBlob
	case "BLOB":
		return Blob
	case "MEDIUMBLOB":
		return MediumBlob
	case "LONGBLOB":
		return LongBlob
	case "ENUM":
		return Enum
	case "SET":
		return Set
	case "JSON":
		return JSON
	case "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
		"GEOMETRYCOLLECTION", "GEOMCOLLECTION":
		return Geometry
	case "VECTOR":
		return Vector
	case "UUID":
		return UUID
	case "INET4":
		return Inet4
	case "INET6":
		return Inet6
	}
	return Unknown
}
