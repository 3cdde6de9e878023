package table

import "strings"

// Unset is the value of NativeType, Length and Scale when a column has none,
// the same as Debezium's Column.UNSET_INT_VALUE.
const Unset = -1

// JDBC type codes (java.sql.Types) as recorded in the schema history.
const (
	JDBCBit                   = -7
	JDBCTinyInt               = -6
	JDBCSmallInt              = 5
	JDBCInteger               = 4
	JDBCBigInt                = -5
	JDBCFloat                 = 6
	JDBCReal                  = 7
	JDBCDouble                = 8
	JDBCNumeric               = 2
	JDBCDecimal               = 3
	JDBCChar                  = 1
	JDBCVarChar               = 12
	JDBCLongVarChar           = -1
	JDBCNChar                 = -15
	JDBCNVarChar              = -9
	JDBCDate                  = 91
	JDBCTime                  = 92
	JDBCTimestamp             = 93
	JDBCTimestampWithTimezone = 2014
	JDBCBinary                = -2
	JDBCVarBinary             = -3
	JDBCLongVarBinary         = -4
	JDBCBlob                  = 2004
	JDBCBoolean               = 16
	JDBCOther                 = 1111
)

// Generation says how a generated column comes by its value.
type Generation uint8

const (
	// NotGenerated columns hold what was written into them.
	NotGenerated Generation = iota
	// Virtual columns are computed when read.
	Virtual
	// Stored columns are computed when written.
	Stored
)

// Column is one column of a table. The first group of fields is what Debezium
// records in the schema history (Column of io.debezium.relational); the second
// is known only to a column that came from DDL text and is zero in one that was
// recovered from a history record, as it is in Debezium.
type Column struct {
	// Name as it was written, without quotes.
	Name string
	// JDBCType is a java.sql.Types code.
	JDBCType int
	// NativeType is always [Unset] for MySQL; older histories may carry one.
	NativeType int
	// TypeName in upper case with its modifiers: "INT UNSIGNED ZEROFILL".
	TypeName string
	// TypeExpression is TypeName for everything Debezium's MySQL parser makes.
	TypeExpression string
	// Charset of a text column, "" when there is none.
	Charset string
	// Length is the first number in the parentheses: characters, digits,
	// fractional seconds or bits; [Unset] when the text has none. A SET has the
	// length of its members joined by commas and an ENUM has 1.
	Length int
	// Scale is the second number, or [Unset].
	Scale int
	// Position in the table, from 1.
	Position int
	// Optional means NULL is allowed.
	Optional bool
	// AutoIncremented is also true for ON UPDATE CURRENT_TIMESTAMP, as in Debezium.
	AutoIncremented bool
	// Generated is also true for ON UPDATE CURRENT_TIMESTAMP and AUTO_INCREMENT
	// variants that Debezium counts as generated.
	Generated bool
	// Comment is nil when there is none.
	Comment *string
	// HasDefault is true for every optional column (its default is NULL then)
	// and for those with a DEFAULT.
	HasDefault bool
	// Default is the text of the default as Debezium records it: quotes
	// removed, escapes kept. Nil with HasDefault means NULL.
	Default *string
	// EnumValues are the members of an ENUM or SET as written, quotes included.
	EnumValues []string

	// Kind is the storage type that the values of row events have.
	Kind Kind
	// Unsigned and Zerofill repeat what TypeName says; ZEROFILL implies UNSIGNED.
	Unsigned, Zerofill bool
	// Members are EnumValues decoded: quotes and escapes removed.
	Members []string
	// Collation of a text column when the DDL named one, else "".
	Collation string
	// SRID of a spatial column; valid when HasSRID.
	SRID    uint32
	HasSRID bool
	// Invisible columns are left out of SELECT * but are in row events.
	Invisible bool
	// Generation is NotGenerated for columns recovered from history records.
	Generation Generation
}

// BaseType is TypeName without UNSIGNED, SIGNED and ZEROFILL.
func (c *Column) BaseType() string {
	name := c.TypeName
	for _, suffix := range []string{" ZEROFILL", " UNSIGNED", " SIGNED"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// IsText says whether values are character data in Charset.
func (c *Column) IsText() bool { return c.Kind.IsText() }

// Derive sets the fields that follow from the recorded ones: Kind, Unsigned,
// Zerofill and Members. Whoever builds a column calls it last.
func (c *Column) Derive() {
	upper := strings.ToUpper(c.TypeName)
	c.Zerofill = strings.Contains(upper, "ZEROFILL")
	c.Unsigned = c.Zerofill || strings.Contains(upper, "UNSIGNED") || upper == "SERIAL"
	c.Kind = KindOf(c.TypeName)
	c.Members = nil
	if c.Kind == Enum || c.Kind == Set {
		c.Members = decodeMembers(c.EnumValues)
	}
}

func decodeMembers(quoted []string) []string {
	members := make([]string, len(quoted))
	for i, q := range quoted {
		members[i] = Unquote(q)
	}
	return members
}

// Unquote removes the quotes of a MySQL string literal and resolves doubled
// quotes and backslash escapes. Text without quotes is returned as it is.
func Unquote(s string) string {
	if len(s) < 2 || (s[0] != '\'' && s[0] != '"') || s[len(s)-1] != s[0] {
		return s
	}
	quote, body := s[0], s[1:len(s)-1]
	if strings.IndexByte(body, quote) < 0 && strings.IndexByte(body, '\\') < 0 {
		return body
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\' && i+1 < len(body):
			i++
			b.WriteString(unescape(body[i]))
		case body[i] == quote && i+1 < len(body) && body[i+1] == quote:
			i++
			b.WriteByte(quote)
		default:
			b.WriteByte(body[i])
		}
	}
	return b.String()
}

// unescape follows "String Literals" of the MySQL manual; \% and \_ keep their
// backslash because they mean something to LIKE.
func unescape(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'b':
		return "\b"
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'Z':
		return "\x1a"
	case '%', '_':
		return "\\" + string(c)
	}
	return string(c)
}
