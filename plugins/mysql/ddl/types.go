package ddl

import (
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// dataType is a column's type as written, with what it means to Debezium.
type dataType struct {
	name          string // in upper case, with SIGNED, UNSIGNED, ZEROFILL or BINARY
	jdbc          int
	length, scale int      // table.Unset when the text has none and Debezium no default
	members       []string // of ENUM and SET, with quotes
	charset       string   // as named, or implied by the type
	serial        bool     // SERIAL: NOT NULL AUTO_INCREMENT UNIQUE
	srid          *uint32
}

// typeArgs says what may stand in parentheses behind a type's name.
type typeArgs uint8

const (
	argsNone      typeArgs = iota
	argsLength             // (n), optional
	argsMust               // (n), required
	argsNumeric            // (n) or (n,m), optional
	argsPrecision          // (n,m), optional; MariaDB takes (n) as well
	argsMembers            // ('a','b'), required
	argsFSP                // (0..6), optional
)

// typeTail says what may follow a type and its parentheses.
type typeTail uint8

const (
	tailNone    typeTail = iota
	tailNumber           // SIGNED, UNSIGNED, ZEROFILL
	tailText             // CHARACTER SET, ASCII, UNICODE, BYTE, BINARY
	tailBinary           // BINARY only: national types have their charset
	tailSpatial          // MariaDB: REF_SYSTEM_ID=n
)

// typeSpec describes a type by its name.
type typeSpec struct {
	jdbc int
	args typeArgs
	tail typeTail
}

// typeSpecs by name; names of several words are joined by blanks.
// Source: MySqlAntlrDdlParser.initializeDataTypeResolver.
func findType(name string) (typeSpec, bool) {
	switch name {
	case "TINYINT", "SMALLINT", "INT1", "INT2":
		// Debezium has no java.sql.Types.TINYINT for MySQL.
		return typeSpec{table.JDBCSmallInt, argsLength, tailNumber}, true
	case "MEDIUMINT", "INT", "INTEGER", "INT3", "INT4", "MIDDLEINT":
		return typeSpec{table.JDBCInteger, argsLength, tailNumber}, true
	case "BIGINT", "INT8":
		return typeSpec{table.JDBCBigInt, argsLength, tailNumber}, true
	case "REAL":
		return typeSpec{table.JDBCReal, argsPrecision, tailNumber}, true
	case "DOUBLE", "DOUBLE PRECISION", "FLOAT8":
		return typeSpec{table.JDBCDouble, argsPrecision, tailNumber}, true
	case "FLOAT", "FLOAT4":
		return typeSpec{table.JDBCFloat, argsNumeric, tailNumber}, true
	case "DECIMAL", "DEC", "FIXED":
		return typeSpec{table.JDBCDecimal, argsNumeric, tailNumber}, true
	case "NUMERIC":
		return typeSpec{table.JDBCNumeric, argsNumeric, tailNumber}, true
	case "BIT":
		return typeSpec{table.JDBCBit, argsLength, tailNone}, true
	case "BOOL", "BOOLEAN":
		return typeSpec{table.JDBCBoolean, argsNone, tailNone}, true
	case "SERIAL":
		return typeSpec{table.JDBCBigInt, argsNone, tailNone}, true
	case "DATE":
		return typeSpec{table.JDBCDate, argsNone, tailNone}, true
	case "TIME":
		return typeSpec{table.JDBCTime, argsFSP, tailNone}, true
	case "DATETIME":
		return typeSpec{table.JDBCTimestamp, argsFSP, tailNone}, true
	case "TIMESTAMP":
		return typeSpec{table.JDBCTimestampWithTimezone, argsFSP, tailNone}, true
	case "YEAR":
		return typeSpec{table.JDBCInteger, argsLength, tailNumber}, true
	}
	return findStringType(name)
}

func findStringType(name string) (typeSpec, bool) {
	switch name {
	case "CHAR", "CHARACTER":
		return typeSpec{table.JDBCChar, argsLength, tailText}, true
	case "VARCHAR", "VARCHARACTER", "CHAR VARYING", "CHARACTER VARYING":
		return typeSpec{table.JDBCVarChar, argsMust, tailText}, true
	case "NCHAR", "NATIONAL CHAR", "NATIONAL CHARACTER":
		return typeSpec{table.JDBCNChar, argsLength, tailBinary}, true
	case "NVARCHAR", "NCHAR VARCHAR", "NCHAR VARYING", "NCHAR VARCHARACTER", "NATIONAL VARCHAR", "NATIONAL VARCHARACTER",
		"NATIONAL CHAR VARYING", "NATIONAL CHARACTER VARYING":
		return typeSpec{table.JDBCNVarChar, argsMust, tailBinary}, true
	case "TEXT":
		return typeSpec{table.JDBCVarChar, argsLength, tailText}, true
	case "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "LONG", "LONG VARCHAR", "LONG VARCHARACTER", "LONG CHAR VARYING",
		"LONG CHARACTER VARYING":
		return typeSpec{table.JDBCVarChar, argsNone, tailText}, true
	case "ENUM", "SET":
		return typeSpec{table.JDBCChar, argsMembers, tailText}, true
	case "BINARY":
		return typeSpec{table.JDBCBinary, argsLength, tailNone}, true
	case "VARBINARY":
		return typeSpec{table.JDBCVarBinary, argsMust, tailNone}, true
	case "BLOB":
		return typeSpec{table.JDBCBlob, argsLength, tailNone}, true
	case "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "LONG VARBINARY":
		return typeSpec{table.JDBCBlob, argsNone, tailNone}, true
	case "JSON":
		return typeSpec{table.JDBCOther, argsNone, tailNone}, true
	case "VECTOR":
		return typeSpec{table.JDBCOther, argsLength, tailNone}, true
	case "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
		"GEOMETRYCOLLECTION", "GEOMCOLLECTION":
		return typeSpec{table.JDBCOther, argsNone, tailSpatial}, true
	case "UUID", "INET4", "INET6":
		return typeSpec{table.JDBCOther, argsNone, tailNone}, true
	}
	return typeSpec{}, false
}

// typeName takes the words of a type's name.
func (c *cursor) typeName() string {
	first := c.take()
	name := first.word
	switch name {
	case "DOUBLE":
		name += c.optionalWord("PRECISION")
	case "CHAR", "CHARACTER":
		name += c.optionalWord("VARYING")
	case "NATIONAL":
		w := c.expectAny("CHAR", "CHARACTER", "VARCHAR", "VARCHARACTER")
		if name += " " + w; w == "CHAR" || w == "CHARACTER" {
			name += c.optionalWord("VARYING")
		}
	case "NCHAR":
		name += c.optionalWord("VARCHAR", "VARCHARACTER", "VARYING")
	case "LONG":
		w := c.optionalWord("VARCHAR", "VARCHARACTER", "VARBINARY", "CHAR", "CHARACTER")
		if name += w; w == " CHAR" || w == " CHARACTER" {
			c.expect("VARYING")
			name += " VARYING"
		}
	}
	return name
}

func (c *cursor) optionalWord(words ...string) string {
	if w := c.acceptAny(words...); w != "" {
		return " " + w
	}
	return ""
}

// dataType takes a column's type with its parentheses and attributes.
func (c *cursor) dataType() dataType {
	start := c.pos
	if c.peek().kind != tokWord {
		c.fail("expected a column type")
		return dataType{}
	}
	name := c.typeName()
	spec, ok := findType(name)
	if !ok || !c.mariadb() && isMariaDBType(name) {
		if c.err == nil {
			c.pos = start
		}
		c.fail("unknown column type")
		return dataType{}
	}
	d := dataType{name: name, jdbc: spec.jdbc, length: table.Unset, scale: table.Unset}
	c.typeArgs(&d, spec.args)
	c.typeTail(&d, spec.tail)
	d.settle()
	return d
}

func isMariaDBType(name string) bool { return name == "UUID" || name == "INET4" || name == "INET6" }

func (c *cursor) typeArgs(d *dataType, args typeArgs) {
	if args == argsMembers {
		c.parens(func() { c.list(func() { d.members = append(d.members, c.str()) }) })
		return
	}
	if !c.at("(") {
		if args == argsMust {
			c.fail("%s needs a length in parentheses", d.name)
		}
		return
	}
	if args == argsNone {
		c.fail("%s takes no length", d.name)
		return
	}
	c.take()
	d.length = c.lengthArg(args)
	if (args == argsNumeric || args == argsPrecision) && c.accept(",") {
		d.scale = c.integer()
	} else if args == argsPrecision && !c.mariadb() {
		c.fail("%s needs both a length and a number of decimals", d.name)
	}
	c.expect(")")
}

// lengthArg takes the first number; both servers cut the fraction off (19.5).
func (c *cursor) lengthArg(args typeArgs) int {
	t := c.peek()
	if t.kind != tokNumber || strings.ContainsAny(c.text(t), "eE") {
		c.fail("expected a length")
		return table.Unset
	}
	whole, fraction, dotted := strings.Cut(c.text(t), ".")
	if dotted && (args == argsFSP || fraction == "" || whole == "") {
		c.fail("expected a whole number")
		return table.Unset
	}
	c.take()
	return clampInt(whole)
}

func (c *cursor) typeTail(d *dataType, tail typeTail) {
	switch tail {
	case tailNumber:
		c.numberTail(d)
	case tailText:
		c.textTail(d)
	case tailBinary:
		if c.accept("BINARY") {
			d.name += " BINARY"
		}
	case tailSpatial:
		if c.mariadb() && c.accept("REF_SYSTEM_ID") {
			c.accept("=")
			srid := uint32(c.integer())
			d.srid = &srid
		}
	}
}

// numberTail takes SIGNED, UNSIGNED and ZEROFILL in any order and number; the
// last sign counts and ZEROFILL implies UNSIGNED.
func (c *cursor) numberTail(d *dataType) {
	sign, zerofill := "", false
	for {
		switch w := c.acceptAny("SIGNED", "UNSIGNED", "ZEROFILL"); w {
		case "":
			d.name += sign
			if zerofill {
				d.name = strings.TrimSuffix(d.name, sign) + " UNSIGNED ZEROFILL"
			}
			return
		case "ZEROFILL":
			zerofill = true
		default:
			sign = " " + w
		}
	}
}

// textTail takes a charset and BINARY, in either order.
func (c *cursor) textTail(d *dataType) {
	binary := c.accept("BINARY")
	switch {
	case c.accept("ASCII"):
		d.charset = "latin1"
	case c.accept("UNICODE"):
		d.charset = "ucs2"
	case c.at("BYTE"):
		c.take()
		d.makeBinary()
		return
	case c.acceptCharset():
		d.charset = c.charsetName()
	}
	if !binary {
		binary = c.accept("BINARY")
	}
	if c.mariadb() && c.accept("COMPRESSED") && c.accept("=") {
		c.name()
	}
	if binary && (!c.mariadb() || d.name != "ENUM" && d.name != "SET") {
		d.name += " BINARY"
	}
}

// makeBinary turns a text type with the attribute BYTE into what it stands for.
func (d *dataType) makeBinary() {
	switch table.KindOf(d.name) {
	case table.Char:
		d.name, d.jdbc = "BINARY", table.JDBCBinary
	case table.VarChar:
		d.name, d.jdbc = "VARBINARY", table.JDBCVarBinary
	default:
		d.name, d.jdbc = strings.Replace(d.name, "TEXT", "BLOB", 1), table.JDBCBlob
	}
}

// settle fills in the lengths that Debezium gives to types without one.
func (d *dataType) settle() {
	switch d.jdbc {
	case table.JDBCDecimal, table.JDBCNumeric:
		if d.length == table.Unset || d.length == 0 {
			d.length = 10
		}
		if d.scale == table.Unset {
			d.scale = 0
		}
	case table.JDBCBit:
		if d.length == table.Unset {
			d.length = 1
		}
	case table.JDBCNChar:
		d.charset = "utf8"
		if d.length == table.Unset {
			d.length = 1
		}
	case table.JDBCNVarChar:
		d.charset = "utf8"
	}
	switch {
	case d.name == "SERIAL":
		d.name, d.serial = "BIGINT UNSIGNED", true
	case strings.HasPrefix(d.name, "ENUM"):
		d.length = 1
	case strings.HasPrefix(d.name, "SET"):
		d.length = max(0, 2*len(d.members)-1)
	}
}

// acceptCharset takes CHARACTER SET, CHAR SET or CHARSET.
func (c *cursor) acceptCharset() bool {
	return c.accept("CHARACTER", "SET") || c.accept("CHAR", "SET") || c.accept("CHARSET")
}

// charsetName takes a charset's name, quoted or not, as it is written. The
// server has checked that it exists.
func (c *cursor) charsetName() string {
	if c.peek().kind == tokString {
		return c.content()
	}
	if t := c.peek(); t.word == "BINARY" {
		c.take()
		return c.text(t)
	}
	return c.name()
}

func isCharset(name string) bool {
	_, ok := table.FindCharset(name)
	return ok
}

// collation takes a collation's name, quoted or not.
func (c *cursor) collation() string {
	if c.peek().kind == tokString {
		return c.content()
	}
	if t := c.peek(); t.word == "BINARY" {
		c.take()
		return c.text(t)
	}
	return c.name()
}
