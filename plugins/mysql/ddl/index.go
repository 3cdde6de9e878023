package ddl

// keyDef is a key of a table as far as it matters: a primary or unique key
// tells rows apart.
type keyDef struct {
	primary, unique bool
	// columns in key order; expressions is true when parts are not columns.
	columns     []string
	expressions bool
}

// acceptKey takes a key, constraint or check of CREATE TABLE or ALTER TABLE ADD;
// false when a column comes instead.
func (c *cursor) acceptKey() (key *keyDef, ok bool) {
	switch c.word() {
	case "CONSTRAINT":
		c.take()
		if !c.atAny("PRIMARY", "UNIQUE", "FOREIGN", "CHECK") {
			c.mariadbIfNotExists()
			c.name()
		}
		if !c.atAny("PRIMARY", "UNIQUE", "FOREIGN", "CHECK") {
			c.fail("expected PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK")
			return nil, true
		}
		key, _ = c.acceptKey()
		return key, true
	case "PRIMARY":
		c.expect("PRIMARY", "KEY")
		return c.keyBody(&keyDef{primary: true}, true), true
	case "UNIQUE":
		c.take()
		c.acceptAny("KEY", "INDEX")
		return c.keyBody(&keyDef{unique: true}, true), true
	case "KEY", "INDEX":
		c.take()
		c.keyBody(&keyDef{}, true)
		return nil, true
	case "FULLTEXT", "SPATIAL":
		c.take()
		c.acceptAny("KEY", "INDEX")
		c.keyBody(&keyDef{}, true)
		return nil, true
	case "FOREIGN":
		c.foreignKey()
		return nil, true
	case "CHECK":
		c.check()
		return nil, true
	}
	return nil, c.acceptMariaDBKey()
}

// acceptMariaDBKey takes PERIOD FOR and VECTOR INDEX, whose first words are no
// reserved ones: a column may have that name.
func (c *cursor) acceptMariaDBKey() bool {
	switch {
	case !c.mariadb():
		return false
	case c.at("PERIOD", "FOR"):
		c.expect("PERIOD", "FOR")
		c.name()
		c.parens(func() {
			c.name()
			c.expect(",")
			c.name()
		})
	case c.at("VECTOR", "INDEX"), c.at("VECTOR", "KEY"):
		c.take()
		c.take()
		c.keyBody(&keyDef{}, true)
	default:
		return false
	}
	return true
}

func (c *cursor) ifNotExists() bool { return c.accept("IF", "NOT", "EXISTS") }

// mariadbIfNotExists takes IF NOT EXISTS where only MariaDB has it.
func (c *cursor) mariadbIfNotExists() { _ = c.mariadb() && c.ifNotExists() }
func (c *cursor) ifExists() bool      { return c.accept("IF", "EXISTS") }

// keyBody takes an optional name and type, the parts and the options.
func (c *cursor) keyBody(key *keyDef, named bool) *keyDef {
	if named {
		c.mariadbIfNotExists()
		if !c.atAny("(", "USING", "TYPE") || c.at("TYPE") && c.peekAt(1).word == "(" {
			c.name()
		}
		c.indexType()
	}
	parts := c.keyParts(true)
	key.columns, key.expressions = parts.columns, parts.expressions
	c.waitOption()
	c.indexOptions()
	return key
}

// indexType takes USING BTREE or the older TYPE BTREE.
func (c *cursor) indexType() bool {
	if c.acceptAny("USING", "TYPE") == "" {
		return false
	}
	c.expectAny("BTREE", "HASH", "RTREE")
	return true
}

// keyParts takes (a, b(10) DESC, (expr)).
func (c *cursor) keyParts(expressions bool) keyDef {
	var key keyDef
	c.parens(func() {
		c.list(func() {
			if expressions && c.at("(") {
				c.parens(c.expr)
				key.expressions = true
			} else {
				c.keyColumn(&key)
			}
			c.acceptAny("ASC", "DESC")
		})
	})
	return key
}

func (c *cursor) keyColumn(key *keyDef) {
	name := c.name()
	if c.accept("(") {
		c.integer()
		c.expect(")")
	}
	if c.mariadb() && c.accept("WITHOUT") {
		// A period in a key: p WITHOUT OVERLAPS.
		c.expect("OVERLAPS")
		return
	}
	key.columns = append(key.columns, name)
}

// indexOptions takes what may follow a key's parts.
func (c *cursor) indexOptions() {
	for c.err == nil {
		switch {
		case c.indexType():
		case c.accept("KEY_BLOCK_SIZE"):
			c.accept("=")
			c.sizeNumber()
		case c.accept("COMMENT"):
			c.str()
		case c.accept("WITH", "PARSER"):
			c.name()
		case c.acceptAny("VISIBLE", "INVISIBLE") != "":
		case c.acceptAny("ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE") != "":
			c.accept("=")
			c.str()
		case !c.mariadb() || !c.mariadbIndexOption():
			return
		}
	}
}

func (c *cursor) mariadbIndexOption() bool {
	switch {
	case c.acceptAny("IGNORED") != "", c.accept("NOT", "IGNORED"):
	case c.accept("CLUSTERING"):
		c.accept("=")
		c.expectAny("YES", "NO")
	case c.isName(c.peek()) && c.peekAt(1).word == "=" && !c.atAny("ALGORITHM", "LOCK"):
		c.name()
		c.take()
		c.optionValue()
	default:
		return false
	}
	return true
}

func (c *cursor) foreignKey() {
	c.expect("FOREIGN", "KEY")
	c.mariadbIfNotExists()
	if !c.at("(") {
		c.name()
	}
	c.keyParts(false)
	c.references()
}

// createIndex takes CREATE ... INDEX from behind CREATE; only a unique index
// may become the table's key.
func (c *cursor) createIndex() statement {
	unique := false
	switch c.acceptAny("ONLINE", "OFFLINE") {
	case "":
	default:
		if !c.mariadb() {
			c.fail("MySQL has no ONLINE or OFFLINE here")
		}
	}
	switch c.acceptAny("UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR") {
	case "UNIQUE":
		unique = true
	case "VECTOR":
		if !c.mariadb() {
			c.fail("expected INDEX")
		}
	}
	c.expect("INDEX")
	c.mariadbIfNotExists()
	name := c.name()
	c.indexType()
	c.expect("ON")
	id := c.tableName()
	key := c.keyBody(&keyDef{unique: unique}, false)
	c.lockOptions()
	return &createIndexStatement{id: id, name: name, key: *key}
}

// dropIndex takes DROP INDEX from behind INDEX. Which keys a table has is not
// modelled, so it changes nothing.
func (c *cursor) dropIndex() statement {
	if c.mariadb() {
		c.ifExists()
	}
	if !c.accept("PRIMARY") {
		c.name()
	}
	c.expect("ON")
	c.tableName()
	c.waitOption()
	c.lockOptions()
	return noEffect{}
}

// waitOption takes MariaDB's WAIT n and NOWAIT.
func (c *cursor) waitOption() {
	switch {
	case !c.mariadb():
	case c.accept("WAIT"):
		c.number()
	default:
		c.accept("NOWAIT")
	}
}

// lockOptions takes ALGORITHM and LOCK in any order.
func (c *cursor) lockOptions() {
	for c.err == nil && c.lockOption() {
	}
}

func (c *cursor) lockOption() bool {
	switch c.acceptAny("ALGORITHM", "LOCK") {
	case "ALGORITHM":
		c.accept("=")
		c.expectAny("DEFAULT", "INPLACE", "COPY", "INSTANT", "NOCOPY")
	case "LOCK":
		c.accept("=")
		c.expectAny("DEFAULT", "NONE", "SHARED", "EXCLUSIVE")
	default:
		return false
	}
	return true
}
