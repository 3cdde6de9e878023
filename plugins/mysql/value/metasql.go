package value

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// MetaDetails is what the optional metadata of a TABLE_MAP event say of a column,
// each field for the types that it concerns.
type MetaDetails struct {
	Unsigned   bool
	Collation  string
	Members    [][]byte
	Geometry   uint64 // a code of the geometry types
	Dimensions uint64 // of a vector
}

// IsNumeric tells a column whose signedness the metadata have.
func (c ColumnMeta) IsNumeric() bool {
	switch c.Type {
	case typeTiny, typeShort, typeInt24, typeLong, typeLongLong, typeFloat, typeDouble, typeNewDecimal, typeYear:
		return true
	}
	return false
}

// IsCharacter tells a column whose collation the metadata have; binary ones are among them.
func (c ColumnMeta) IsCharacter() bool {
	switch c.Type {
	case typeString, typeVarString, typeVarChar, typeBlob, typeTinyBlob, typeMediumBlob, typeLongBlob:
		return true
	}
	return false
}

// IsEnum tells an ENUM.
func (c ColumnMeta) IsEnum() bool { return c.Type == typeEnum }

// IsSet tells a SET.
func (c ColumnMeta) IsSet() bool { return c.Type == typeSet }

// IsGeometry tells a spatial type.
func (c ColumnMeta) IsGeometry() bool { return c.Type == typeGeometry }

// IsVector tells a VECTOR.
func (c ColumnMeta) IsVector() bool { return c.Type == typeVector }

// SQL is the type of the column as a statement declares it. What the event does
// not tell, such as the width with which a TINYINT is shown, is not in it.
func (c ColumnMeta) SQL(d MetaDetails) (string, error) {
	if name, ok := map[byte]string{
		typeTiny: "TINYINT", typeShort: "SMALLINT", typeInt24: "MEDIUMINT", typeLong: "INT", typeLongLong: "BIGINT", typeFloat: "FLOAT", typeDouble: "DOUBLE",
		typeNewDecimal: fmt.Sprintf("DECIMAL(%d,%d)", c.Meta>>8, c.Meta&0xff),
	}[c.Type]; ok {
		if d.Unsigned {
			name += " UNSIGNED"
		}
		return name, nil
	}
	switch c.Type {
	case typeDate, typeNewDate:
		return "DATE", nil
	case typeYear:
		return "YEAR", nil
	case typeJSON:
		return "JSON", nil
	case typeTime2:
		return fmt.Sprintf("TIME(%d)", c.Meta), nil
	case typeDateTime2:
		return fmt.Sprintf("DATETIME(%d)", c.Meta), nil
	case typeTimestamp2:
		return fmt.Sprintf("TIMESTAMP(%d)", c.Meta), nil
	case typeBit:
		return fmt.Sprintf("BIT(%d)", c.Meta), nil
	case typeVector:
		return fmt.Sprintf("VECTOR(%d)", d.Dimensions), nil
	case typeGeometry:
		names := []string{"GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"}
		if d.Geometry < uint64(len(names)) {
			return names[d.Geometry], nil
		}
	case typeEnum, typeSet:
		return memberSQL(c.Type == typeSet, d)
	case typeString, typeVarString, typeVarChar, typeBlob, typeTinyBlob, typeMediumBlob, typeLongBlob:
		return c.textSQL(d)
	}
	return "", fmt.Errorf("a column of type %d", c.Type)
}

// textSQL declares text and binary columns, whose lengths are in bytes.
func (c ColumnMeta) textSQL(d MetaDetails) (string, error) {
	charset, ok := table.FindCharset(table.CharsetOfCollation(d.Collation))
	if !ok {
		return "", fmt.Errorf("a column of the collation %q", d.Collation)
	}
	binary := charset.Name == "binary"
	length := int(c.Meta) / max(1, charset.MaxBytes)
	var name string
	switch c.Type {
	case typeString, typeVarString:
		name = fmt.Sprintf("%s(%d)", choose(binary, "BINARY", "CHAR"), length)
	case typeVarChar:
		name = fmt.Sprintf("%s(%d)", choose(binary, "VARBINARY", "VARCHAR"), length)
	default:
		sizes := []string{"TINY", "", "MEDIUM", "LONG"}
		if c.Meta < 1 || int(c.Meta) > len(sizes) {
			return "", fmt.Errorf("a blob whose length has %d bytes", c.Meta)
		}
		name = sizes[c.Meta-1] + choose(binary, "BLOB", "TEXT")
	}
	if !binary {
		name += " CHARACTER SET " + charset.Name + " COLLATE " + d.Collation
	}
	return name, nil
}

func choose(binary bool, yes, no string) string {
	if binary {
		return yes
	}
	return no
}

// memberSQL declares an ENUM or a SET. Their members are in the column's charset;
// only those that are the same in UTF-8 are certain.
func memberSQL(set bool, d MetaDetails) (string, error) {
	charset := table.CharsetOfCollation(d.Collation)
	if len(d.Members) == 0 || charset == "" {
		return "", fmt.Errorf("an ENUM or SET without its members, or of the collation %q", d.Collation)
	}
	members := make([]string, len(d.Members))
	for i, m := range d.Members {
		for _, b := range m {
			if b >= utf8.RuneSelf && !strings.HasPrefix(charset, "utf8") || b < ' ' || b == '\\' {
				return "", fmt.Errorf("a member of an ENUM or SET in the charset %s", charset)
			}
		}
		members[i] = "'" + strings.ReplaceAll(string(m), "'", "''") + "'"
	}
	return choose(set, "SET", "ENUM") + "(" + strings.Join(members, ",") + ") CHARACTER SET " + charset + " COLLATE " + d.Collation, nil
}
