package ddl

// tableOptions are the options of a table that the model keeps.
type tableOptions struct {
	charset   charsetChoice
	collation string
	comment   *string
}

// charsetChoice is a charset as an option names it.
type charsetChoice struct {
	name string
	// fallback is true for CHARACTER SET DEFAULT.
	fallback bool
}

// charsetOption takes the rest of [DEFAULT] CHARACTER SET [=] x.
func (c *cursor) charsetOption() charsetChoice {
	c.accept("=")
	if c.before8() && c.accept("DEFAULT") {
		return charsetChoice{fallback: true}
	}
	return charsetChoice{name: c.charsetName()}
}

// before8 says whether the grammar is one that MySQL 8 cleaned up.
func (c *cursor) before8() bool { return c.mariadb() || c.version < 80000 }

// tableOption takes one option; false when none comes.
func (c *cursor) tableOption(o *tableOptions) bool {
	if c.at("DEFAULT") && c.defaultedOption() {
		c.take()
	}
	switch {
	case c.acceptCharset():
		o.charset = c.charsetOption()
		return true
	case c.accept("COLLATE"):
		c.accept("=")
		o.collation = c.collation()
		return true
	case c.at("COMMENT"):
		c.tableComment(o)
		return true
	}
	return c.ignoredOption()
}

// defaultedOption says whether DEFAULT introduces a charset or collation.
func (c *cursor) defaultedOption() bool {
	switch c.peekAt(1).word {
	case "CHARACTER", "CHAR", "CHARSET", "COLLATE":
		return true
	}
	return false
}

// tableComment takes COMMENT = 'x'. Debezium's MariaDB parser treats executable
// comments as comments, so a table comment inside one is not recorded.
func (c *cursor) tableComment(o *tableOptions) {
	conditional := c.take().conditional
	c.accept("=")
	comment := c.content()
	if !conditional || !c.mariadb() {
		o.comment = &comment
	}
}

// ignoredOption takes an option that says nothing about columns.
func (c *cursor) ignoredOption() bool {
	switch w := c.word(); w {
	case "ENGINE", "TYPE":
		c.takeOption()
		c.optionName()
	case "SECONDARY_ENGINE":
		c.takeOption()
		if !c.accept("NULL") {
			c.optionName()
		}
	case "AUTO_INCREMENT", "AVG_ROW_LENGTH", "KEY_BLOCK_SIZE", "MAX_ROWS", "MIN_ROWS", "DELAY_KEY_WRITE", "CHECKSUM",
		"TABLE_CHECKSUM", "AUTOEXTEND_SIZE":
		c.takeOption()
		c.sizeNumber()
	case "PACK_KEYS", "STATS_AUTO_RECALC", "STATS_PERSISTENT", "STATS_SAMPLE_PAGES":
		c.takeOption()
		if !c.accept("DEFAULT") {
			c.number()
		}
	case "COMPRESSION", "CONNECTION", "ENCRYPTION", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE", "PASSWORD":
		c.takeOption()
		if c.mariadb() {
			c.optionValue()
		} else {
			c.str()
		}
	case "INSERT_METHOD":
		c.takeOption()
		c.expectAny("NO", "FIRST", "LAST")
	case "ROW_FORMAT":
		c.takeOption()
		c.rowFormat()
	default:
		return c.rareOption(w)
	}
	return true
}

func (c *cursor) rowFormat() {
	if c.acceptAny("DEFAULT", "DYNAMIC", "FIXED", "COMPRESSED", "REDUNDANT", "COMPACT") != "" {
		return
	}
	if c.mariadb() {
		// PAGE, and those of TokuDB.
		c.name()
		return
	}
	c.fail("this row format is not known")
}

func (c *cursor) rareOption(w string) bool {
	switch w {
	case "DATA", "INDEX":
		if c.peekAt(1).word != "DIRECTORY" {
			return false
		}
		c.take()
		c.takeOption()
		c.str()
	case "TABLESPACE":
		c.takeOption()
		c.optionName()
	case "STORAGE":
		c.take()
		c.expectAny("DISK", "MEMORY", "DEFAULT")
	case "UNION":
		c.takeOption()
		c.parens(func() {
			if !c.at(")") {
				c.list(func() { c.tableName() })
			}
		})
	case "START":
		// MySQL 8 logs the table of CREATE TABLE ... SELECT with this.
		c.expect("START", "TRANSACTION")
	default:
		return c.mariadb() && c.mariadbOption()
	}
	return true
}

// mariadbOption takes the options that only MariaDB has, among them those of
// its storage engines, which may have any name.
func (c *cursor) mariadbOption() bool {
	switch {
	case c.accept("WITH", "SYSTEM", "VERSIONING"):
	case c.acceptAny("PAGE_CHECKSUM", "TRANSACTIONAL", "SEQUENCE") != "":
		c.accept("=")
		c.number()
	case c.isName(c.peek()) && c.peekAt(1).word == "=" && !c.atAny("ALGORITHM", "LOCK"):
		c.take()
		c.take()
		c.optionValue()
	default:
		return false
	}
	return true
}

// takeOption takes an option's name and its optional equals sign.
func (c *cursor) takeOption() {
	c.take()
	c.accept("=")
}

// sizeNumber takes a number that may have a unit (4M).
func (c *cursor) sizeNumber() {
	if t := c.peek(); t.kind == tokWord && isDigit(c.src[t.start]) {
		c.take()
		return
	}
	c.number()
}

// optionName takes a name or string.
func (c *cursor) optionName() {
	if c.peek().kind == tokString {
		c.take()
		return
	}
	c.name()
}

// optionValue takes the value of a MariaDB engine's option.
func (c *cursor) optionValue() {
	switch c.peek().kind {
	case tokString, tokNumber, tokHex, tokWord, tokQuoted:
		c.take()
	default:
		c.fail("expected the option's value")
	}
}
