package ddl

// statements takes the whole text. Semicolons separate statements.
func (c *cursor) statements() []part {
	if c.err != nil {
		return c.unreadable()
	}
	var parts []part
	for {
		for c.accept(";") {
		}
		if c.err != nil || c.peek().kind == tokEOF {
			return parts
		}
		from := c.pos
		s := c.statement()
		to := c.pos
		if !c.statementEnd() {
			c.fail("expected the end of the statement")
		}
		parts = append(parts, part{s, from, to})
	}
}

// unreadable deals with a text that cannot even be cut into tokens. Statements
// without effect may hold anything, so only the words before the error count.
func (c *cursor) unreadable() []part {
	failure := c.err
	c.err = nil
	if c.skippable() && c.err == nil {
		return []part{{noEffect{}, 0, 0}}
	}
	c.err = failure
	return nil
}

// statement takes one statement up to its end.
func (c *cursor) statement() statement {
	if c.mariadb() && c.at("SET", "STATEMENT") {
		c.setStatementPrefix()
	}
	if c.skippable() {
		return noEffect{}
	}
	switch w := c.take().word; w {
	case "CREATE":
		return c.create()
	case "ALTER":
		return c.alter()
	case "DROP":
		return c.drop()
	case "RENAME":
		c.expectAny("TABLE", "TABLES")
		return c.renameTables()
	case "TRUNCATE":
		c.accept("TABLE")
		s := truncateStatement{c.tableName()}
		c.waitOption()
		return s
	case "USE":
		return useStatement{c.name()}
	case "SET":
		return c.set()
	}
	c.pos--
	c.fail("this statement is not known")
	return noEffect{}
}

func (c *cursor) create() statement {
	replace := c.mariadb() && c.accept("OR", "REPLACE")
	temporary := c.accept("TEMPORARY")
	if !c.mariadb() && !temporary {
		c.accept("EXTERNAL")
	}
	switch {
	case c.accept("TABLE"):
		return c.createTable(temporary)
	case temporary:
		c.fail("expected TABLE")
	case c.acceptAny("DATABASE", "SCHEMA") != "":
		return c.createDatabase(replace)
	case c.atAny("INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ONLINE", "OFFLINE"):
		return c.createIndex()
	default:
		c.fail("CREATE of this kind of object is not known")
	}
	return noEffect{}
}

func (c *cursor) alter() statement {
	if c.mariadb() {
		c.acceptAny("ONLINE", "OFFLINE")
		c.accept("IGNORE")
	}
	switch {
	case c.accept("TABLE"):
		return c.alterTable()
	case c.acceptAny("DATABASE", "SCHEMA") != "":
		return c.alterDatabase()
	}
	c.fail("ALTER of this kind of object is not known")
	return noEffect{}
}

func (c *cursor) drop() statement {
	start := c.pos - 1
	temporary := c.accept("TEMPORARY")
	switch {
	case c.acceptAny("TABLE", "TABLES") != "":
		return c.dropTables(start, temporary)
	case temporary:
		c.fail("expected TABLE")
	case c.acceptAny("DATABASE", "SCHEMA") != "":
		c.ifExists()
		return dropDatabaseStatement{c.name()}
	case c.accept("INDEX"):
		return c.dropIndex()
	default:
		c.fail("DROP of this kind of object is not known")
	}
	return noEffect{}
}

// skippable takes a statement that cannot concern the columns of a table:
// programs, views, users, data, administration. Only its first words are
// looked at; false, and nothing taken, when it is another statement.
func (c *cursor) skippable() bool {
	switch c.word() {
	case "CREATE":
		return c.skipObject(c.createPrefix())
	case "ALTER":
		return c.skipObject(1)
	case "DROP":
		return c.skipObject(1)
	case "RENAME":
		return c.peekAt(1).word == "USER" && c.skipRest()
	case "SET":
		return c.skipSet()
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES", "TABLE", "CALL", "DO", "HANDLER", "LOAD",
		"GRANT", "REVOKE", "FLUSH", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM", "CACHE", "KILL", "LOCK", "UNLOCK",
		"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA", "PREPARE", "EXECUTE", "DEALLOCATE", "SHOW",
		"DESCRIBE", "DESC", "EXPLAIN", "HELP", "INSTALL", "UNINSTALL", "BINLOG", "CHANGE", "RESET", "STOP", "PURGE",
		"SHUTDOWN", "RESTART", "CLONE", "IMPORT", "SIGNAL", "RESIGNAL", "GET", "BACKUP", "END", "(":
		c.skipStatement()
		return true
	}
	return false
}

// createPrefix counts the words between CREATE and the object's kind.
func (c *cursor) createPrefix() int {
	n := 1
	if c.peekAt(n).word == "OR" && c.peekAt(n+1).word == "REPLACE" {
		n += 2
	}
	if c.peekAt(n).word == "AGGREGATE" {
		n++
	}
	return n
}

// skipObject takes the statement when the word at n names such an object. The
// bodies of programs hold semicolons, so everything to the end of the text
// belongs to them.
func (c *cursor) skipObject(n int) bool {
	kind, next := c.peekAt(n).word, c.peekAt(n+1).word
	switch kind {
	case "VIEW", "FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "ALGORITHM", "DEFINER", "SQL", "LIBRARY", "PACKAGE":
		return c.skipRest()
	case "USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "INSTANCE", "SEQUENCE", "PREPARE":
	case "UNDO":
		if next != "TABLESPACE" {
			return false
		}
	case "RESOURCE":
		if next != "GROUP" {
			return false
		}
	case "SPATIAL":
		if next != "REFERENCE" {
			return false
		}
	case "JSON":
		return (next == "RELATIONAL" || next == "DUALITY") && c.skipRest()
	case "MATERIALIZED":
		return next == "VIEW" && c.skipRest()
	case "TEMPORARY":
		if next != "SEQUENCE" || !c.mariadb() {
			return false
		}
	default:
		return false
	}
	if kind == "SEQUENCE" && !c.mariadb() {
		return false
	}
	c.skipStatement()
	return true
}

func (c *cursor) skipRest() bool {
	c.pos = len(c.tokens) - 1
	return true
}
