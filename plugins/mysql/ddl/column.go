package ddl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// columnDef is a column as a statement defines it.
type columnDef struct {
	name       string
	typ        dataType
	collation  string
	nullable   *bool
	def        defaultValue
	auto       bool // AUTO_INCREMENT or ON UPDATE CURRENT_TIMESTAMP
	unique     bool
	primary    bool
	comment    *string
	generation table.Generation
	invisible  bool
	srid       *uint32
}

// defaultValue is what DEFAULT says; text is nil for NULL and for expressions,
// whose value cannot be known.
type defaultValue struct {
	given bool
	text  *string
	// base is 16 or 2 when text holds the digits of such a literal, else 0.
	base int
}

func literalDefault(text string) defaultValue { return defaultValue{given: true, text: &text} }

// columnDef takes a name, a type and attributes.
func (c *cursor) columnDef() *columnDef {
	def := &columnDef{name: c.columnName()}
	c.fieldDef(def)
	return def
}

// fieldDef takes a type and attributes.
func (c *cursor) fieldDef(def *columnDef) {
	def.typ = c.dataType()
	def.srid = def.typ.srid
	if def.typ.serial {
		def.setSerial()
	}
	for c.err == nil && c.columnAttribute(def) {
	}
	if c.at("REFERENCES") {
		c.references()
	}
	def.settleDefault()
}

func (d *columnDef) setSerial() {
	d.setNullable(false)
	d.auto, d.unique = true, true
}

func (d *columnDef) setNullable(nullable bool) { d.nullable = &nullable }

// columnAttribute takes one attribute; false when none comes.
func (c *cursor) columnAttribute(def *columnDef) bool {
	switch c.word() {
	case "NULL":
		c.take()
		def.setNullable(true)
	case "NOT":
		return c.notAttribute(def)
	case "DEFAULT":
		c.take()
		def.def = c.defaultValue()
	case "ON":
		c.take()
		c.expect("UPDATE")
		c.expectNow()
		def.auto = true
	case "AUTO_INCREMENT":
		c.take()
		def.auto = true
	case "SERIAL":
		c.take()
		c.expect("DEFAULT", "VALUE")
		def.setSerial()
	case "UNIQUE":
		c.take()
		c.accept("KEY")
		def.unique = true
	case "PRIMARY", "KEY":
		c.accept("PRIMARY")
		c.expect("KEY")
		def.primary = true
		def.setNullable(false)
	case "COMMENT":
		c.take()
		comment := c.content()
		def.comment = &comment
	default:
		return c.rareAttribute(def)
	}
	return true
}

// notAttribute takes NOT NULL and NOT SECONDARY. NOT ENFORCED belongs to CHECK.
func (c *cursor) notAttribute(def *columnDef) bool {
	switch {
	case c.accept("NOT", "NULL"):
		def.setNullable(false)
	case !c.mariadb() && c.accept("NOT", "SECONDARY"):
	default:
		c.fail("expected NOT NULL")
	}
	return true
}

func (c *cursor) rareAttribute(def *columnDef) bool {
	switch c.word() {
	case "COLLATE":
		c.take()
		def.collation = c.collation()
	case "GENERATED", "AS":
		c.generated(def)
	case "INVISIBLE":
		c.take()
		def.invisible = true
	case "VISIBLE":
		c.take()
	case "CONSTRAINT", "CHECK":
		return c.columnCheck()
	case "COLUMN_FORMAT":
		c.take()
		c.expectAny("FIXED", "DYNAMIC", "DEFAULT", "COMPRESSED")
	case "STORAGE":
		c.take()
		c.expectAny("DISK", "MEMORY", "DEFAULT")
	case "SRID":
		c.take()
		srid := uint32(c.integer())
		def.srid = &srid
	case "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE":
		c.take()
		c.accept("=")
		c.str()
	default:
		return c.mariadb() && c.mariadbAttribute()
	}
	return true
}

// columnCheck takes [CONSTRAINT [name]] CHECK (expr); a CONSTRAINT before
// REFERENCES is left alone, because MySQL allows none there.
func (c *cursor) columnCheck() bool {
	if c.accept("CONSTRAINT") && !c.at("CHECK") {
		c.name()
	}
	c.check()
	return true
}

// check takes CHECK (expr) [[NOT] ENFORCED].
func (c *cursor) check() {
	c.expect("CHECK")
	c.parens(c.expr)
	c.enforcement()
}

func (c *cursor) enforcement() {
	if !c.accept("NOT", "ENFORCED") {
		c.accept("ENFORCED")
	}
}

func (c *cursor) mariadbAttribute() bool {
	switch {
	case c.accept("WITHOUT", "SYSTEM", "VERSIONING"), c.accept("WITH", "SYSTEM", "VERSIONING"):
	case c.accept("COMPRESSED"):
		if c.accept("=") {
			c.name()
		}
	case c.accept("REF_SYSTEM_ID"):
		c.accept("=")
		c.integer()
	case c.isName(c.peek()) && c.peekAt(1).word == "=":
		// An attribute of the storage engine.
		c.name()
		c.take()
		c.optionValue()
	default:
		return false
	}
	return true
}

// generated takes [GENERATED ALWAYS] AS (expr) [VIRTUAL | STORED], and MariaDB's
// AS ROW START | END.
func (c *cursor) generated(def *columnDef) {
	if c.accept("GENERATED") {
		c.expect("ALWAYS")
	}
	c.expect("AS")
	if c.mariadb() && c.accept("ROW") {
		c.expectAny("START", "END")
		def.generation = table.Stored
		return
	}
	c.parens(c.expr)
	def.generation = table.Virtual
	switch c.acceptAny("VIRTUAL", "STORED", "PERSISTENT") {
	case "STORED":
		def.generation = table.Stored
	case "PERSISTENT":
		def.generation = table.Stored
		if !c.mariadb() {
			c.fail("PERSISTENT is known to MariaDB only")
		}
	}
}

// acceptNow takes the current time as DEFAULT and ON UPDATE know it.
func (c *cursor) acceptNow() bool {
	switch {
	case c.at("NOW", "("):
		c.take()
	case c.acceptAny("CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP") == "":
		return false
	}
	if c.accept("(") {
		if !c.at(")") {
			c.integer()
		}
		c.expect(")")
	}
	return true
}

func (c *cursor) expectNow() {
	if !c.acceptNow() {
		c.fail("expected CURRENT_TIMESTAMP")
	}
}

// nowDefault is what Debezium records for a default of the current time.
const nowDefault = "1970-01-01 00:00:00"

// defaultValue takes what follows DEFAULT.
func (c *cursor) defaultValue() defaultValue {
	switch {
	case c.acceptNow():
		if c.mariadb() && c.accept("ON", "UPDATE") {
			// Debezium's MariaDB parser marks a column as generated by ON UPDATE
			// only when something stands between it and the default.
			c.expectNow()
		}
		return literalDefault(nowDefault)
	case c.at("("):
		c.parens(c.expr)
		return defaultValue{given: true}
	}
	return c.literalOrFunction()
}

// literalOrFunction takes a signed literal; MariaDB allows function calls too.
func (c *cursor) literalOrFunction() defaultValue {
	start := c.pos
	sign := c.acceptAny("+", "-")
	t := c.peek()
	if text, ok := c.acceptLiteral(); ok {
		switch t.kind {
		case tokHex:
			return defaultValue{given: true, text: &text, base: 16}
		case tokBit:
			return defaultValue{given: true, text: &text, base: 2}
		}
		if sign != "" && t.kind != tokNumber && !c.mariadb() {
			c.fail("a sign must stand before a number")
		}
		return literalDefault(sign + text)
	}
	if t.word == "NULL" && sign == "" {
		c.take()
		return defaultValue{given: true}
	}
	if !c.mariadb() || c.err != nil {
		c.fail("expected a literal, CURRENT_TIMESTAMP or an expression in parentheses")
		return defaultValue{}
	}
	// Debezium's MariaDB parser does not see the call of a function as a default.
	c.pos = start
	c.operand()
	return defaultValue{}
}

// acceptLiteral takes a literal and returns its text without quotes.
func (c *cursor) acceptLiteral() (string, bool) {
	t, next := c.peek(), c.peekAt(1)
	switch {
	case c.introducer(t, next):
		c.take()
		return c.acceptLiteral()
	case atWord(t, "DATE", "TIME", "TIMESTAMP") && next.kind == tokString:
		c.take()
		return c.content(), true
	case t.kind == tokString:
		text := c.content()
		for c.peek().kind == tokString {
			text += c.content()
		}
		return text, true
	case t.kind == tokNumber, atWord(t, "TRUE", "FALSE"):
		c.take()
		return c.text(t), true
	case t.kind == tokHex || t.kind == tokBit:
		c.take()
		return strings.TrimSuffix(c.text(t)[2:], "'"), true
	}
	return "", false
}

// settleDefault gives the default of a SERIAL its due: none.
func (d *columnDef) settleDefault() {
	if d.typ.serial {
		d.def = defaultValue{}
	}
}

// references takes REFERENCES t (cols) MATCH x ON DELETE y ON UPDATE z.
func (c *cursor) references() {
	c.expect("REFERENCES")
	c.tableName()
	if c.at("(") {
		c.keyParts(false)
	}
	if c.accept("MATCH") {
		c.expectAny("FULL", "PARTIAL", "SIMPLE")
	}
	for c.accept("ON") {
		c.expectAny("DELETE", "UPDATE")
		switch {
		case c.acceptAny("RESTRICT", "CASCADE") != "":
		case c.accept("SET", "NULL"), c.accept("SET", "DEFAULT"), c.accept("NO", "ACTION"):
		default:
			c.fail("expected RESTRICT, CASCADE, SET NULL, SET DEFAULT or NO ACTION")
		}
	}
}

// column makes the model's column. Its charset is left for the table to settle
// when the definition names none.
func (d *columnDef) column(comments bool) (*table.Column, error) {
	col := &table.Column{
		Name: d.name, JDBCType: d.typ.jdbc, NativeType: table.Unset,
		TypeName: d.typ.name, TypeExpression: d.typ.name,
		Charset: d.typ.charset, Collation: d.collation,
		Length: d.typ.length, Scale: d.typ.scale,
		Optional:        d.nullable == nil || *d.nullable,
		AutoIncremented: d.auto, Generated: d.auto,
		EnumValues: d.typ.members, Invisible: d.invisible, Generation: d.generation,
	}
	if comments {
		col.Comment = d.comment
	}
	if d.srid != nil {
		col.SRID, col.HasSRID = *d.srid, true
	}
	col.Derive()
	if col.Kind == table.Unknown {
		return nil, fmt.Errorf("column %s has the type %s, which is not known", d.name, d.typ.name)
	}
	if col.Charset == "" && d.collation != "" && col.IsText() {
		col.Charset = charsetAsWritten(d.collation)
	}
	setDefault(col, d.def)
	return col, nil
}

// setDefault records a default. A column that may be NULL has the default NULL
// when none is given.
func setDefault(col *table.Column, def defaultValue) {
	col.HasDefault = def.given || col.Optional
	col.Default = nil
	if def.given && def.text != nil {
		text := def.in(col.Kind)
		col.Default = &text
	}
}

// in writes a hexadecimal or bit literal as values of the kind are written: in
// binary digits for BIT, in decimal ones for numbers. Strings keep the digits of
// the literal, as Debezium records them.
func (d defaultValue) in(kind table.Kind) string {
	n, err := strconv.ParseUint(*d.text, max(d.base, 2), 64)
	switch {
	case d.base == 0 || err != nil:
		return *d.text
	case kind == table.Bit && d.base == 16:
		return strconv.FormatUint(n, 2)
	case kind > table.Bit && kind <= table.Decimal:
		return strconv.FormatUint(n, 10)
	}
	return *d.text
}

// charsetAsWritten is the charset that a collation's name begins with, "" when
// the collation goes with any charset.
func charsetAsWritten(collation string) string {
	if table.CharsetOfCollation(collation) == "" {
		return ""
	}
	prefix, _, _ := strings.Cut(collation, "_")
	return prefix
}
