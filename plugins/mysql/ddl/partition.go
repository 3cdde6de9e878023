package ddl

// partitioning takes PARTITION BY with everything that belongs to it.
func (c *cursor) partitioning() {
	c.expect("PARTITION", "BY")
	c.partitionRule()
	if c.accept("PARTITIONS") {
		c.integer()
	}
	if c.accept("SUBPARTITION", "BY") {
		c.hashOrKey()
		if c.accept("SUBPARTITIONS") {
			c.integer()
		}
	}
	if c.at("(") {
		c.partitionList()
	}
}

func (c *cursor) partitionRule() {
	switch {
	case c.acceptAny("RANGE", "LIST") != "":
		if c.accept("COLUMNS") {
			c.nameList()
			return
		}
		c.parens(c.expr)
	case c.mariadb() && c.accept("SYSTEM_TIME"):
		c.systemTime()
	default:
		c.hashOrKey()
	}
}

func (c *cursor) hashOrKey() {
	c.accept("LINEAR")
	if c.expectAny("HASH", "KEY") == "HASH" {
		c.parens(c.expr)
		return
	}
	if c.accept("ALGORITHM", "=") {
		c.integer()
	}
	c.parens(func() {
		if !c.at(")") {
			c.list(func() { c.name() })
		}
	})
}

// systemTime takes how MariaDB cuts the history of a table.
func (c *cursor) systemTime() {
	if c.accept("INTERVAL") {
		c.operand()
		c.unit()
		if c.accept("STARTS") {
			c.operand()
		}
	} else if c.accept("LIMIT") {
		c.number()
	}
	c.accept("AUTO")
}

// partitionList takes (PARTITION p ..., PARTITION q ...).
func (c *cursor) partitionList() {
	c.parens(func() { c.list(c.partitionDef) })
}

func (c *cursor) partitionDef() {
	c.expect("PARTITION")
	c.name()
	c.partitionValues()
	c.partitionOptions()
	if c.at("(") {
		c.parens(func() {
			c.list(func() {
				c.expect("SUBPARTITION")
				c.optionName()
				c.partitionOptions()
			})
		})
	}
}

func (c *cursor) partitionValues() {
	switch {
	case c.accept("VALUES", "LESS", "THAN"):
		if !c.accept("MAXVALUE") {
			c.valueList()
		}
	case c.accept("VALUES", "IN"):
		c.parens(func() {
			c.list(func() {
				if c.at("(") {
					c.valueList()
					return
				}
				c.expr()
			})
		})
	case c.mariadb():
		if c.acceptAny("CURRENT", "HISTORY", "DEFAULT") == "" && c.accept("VALUES") {
			c.expect("DEFAULT")
		}
	case c.at("VALUES"):
		c.fail("expected VALUES LESS THAN or VALUES IN")
	}
}

func (c *cursor) valueList() { c.parens(func() { c.list(c.expr) }) }

func (c *cursor) partitionOptions() {
	for c.err == nil {
		switch {
		case c.at("ENGINE") || c.at("STORAGE", "ENGINE"):
			c.accept("STORAGE")
			c.takeOption()
			c.optionName()
		case c.atAny("MAX_ROWS", "MIN_ROWS", "NODEGROUP"):
			c.takeOption()
			c.number()
		case c.at("COMMENT"):
			c.takeOption()
			c.str()
		case c.at("TABLESPACE"):
			c.takeOption()
			c.optionName()
		case c.at("DATA", "DIRECTORY"), c.at("INDEX", "DIRECTORY"):
			c.take()
			c.takeOption()
			c.str()
		case c.mariadb() && c.isName(c.peek()) && c.peekAt(1).word == "=":
			c.take()
			c.take()
			c.optionValue()
		default:
			return
		}
	}
}

// alterPartition takes what ALTER TABLE does to partitions alone; false when
// something else comes. None of it changes columns or keys.
func (c *cursor) alterPartition() bool {
	switch {
	case c.at("PARTITION", "BY"):
		c.partitioning()
	case c.accept("REMOVE", "PARTITIONING"), c.accept("UPGRADE", "PARTITIONING"):
	case c.accept("ADD", "PARTITION"):
		c.addPartition()
	case c.accept("DROP", "PARTITION"):
		if c.mariadb() {
			c.ifExists()
		}
		c.list(func() { c.name() })
	case c.accept("COALESCE", "PARTITION"):
		c.noWriteToBinlog()
		c.integer()
	case c.accept("REORGANIZE", "PARTITION"):
		c.reorganizePartition()
	case c.accept("EXCHANGE", "PARTITION"):
		c.exchangePartition()
	default:
		return c.maintainPartition()
	}
	return true
}

func (c *cursor) noWriteToBinlog() { c.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL") }

func (c *cursor) addPartition() {
	c.mariadbIfNotExists()
	c.noWriteToBinlog()
	if c.accept("PARTITIONS") {
		c.integer()
		return
	}
	c.partitionList()
}

func (c *cursor) reorganizePartition() {
	c.noWriteToBinlog()
	if c.isName(c.peek()) {
		c.list(func() { c.name() })
		c.expect("INTO")
		c.partitionList()
	}
}

func (c *cursor) exchangePartition() {
	c.name()
	c.expect("WITH", "TABLE")
	c.tableName()
	if c.accept("WITH", "VALIDATION") || c.accept("WITHOUT", "VALIDATION") {
		return
	}
}

// maintainPartition takes TRUNCATE, OPTIMIZE, ANALYZE, CHECK, REBUILD, REPAIR,
// DISCARD and IMPORT of partitions.
func (c *cursor) maintainPartition() bool {
	verb := c.word()
	switch verb {
	case "TRUNCATE", "OPTIMIZE", "ANALYZE", "CHECK", "REBUILD", "REPAIR", "DISCARD", "IMPORT":
	default:
		return false
	}
	if c.peekAt(1).word != "PARTITION" {
		return false
	}
	c.take()
	c.take()
	c.noWriteToBinlog()
	if !c.accept("ALL") {
		c.list(func() { c.name() })
	}
	switch verb {
	case "DISCARD", "IMPORT":
		c.expect("TABLESPACE")
	case "CHECK", "REPAIR":
		for c.acceptAny("QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED", "USE_FRM") != "" || c.accept("FOR", "UPGRADE") {
		}
	}
	return true
}
