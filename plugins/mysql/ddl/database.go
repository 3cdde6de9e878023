package ddl

import (
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// databaseStatement is CREATE DATABASE or ALTER DATABASE.
type databaseStatement struct {
	name        string // "" in ALTER DATABASE of the current one
	create      bool
	ifNotExists bool
	replace     bool
	options     tableOptions
}

func (c *cursor) createDatabase(replace bool) statement {
	s := &databaseStatement{create: true, replace: replace, ifNotExists: c.ifNotExists()}
	s.name = c.name()
	for c.err == nil && c.databaseOption(&s.options) {
	}
	return s
}

func (c *cursor) alterDatabase() statement {
	s := &databaseStatement{}
	if c.isName(c.peek()) && !c.databaseOptionAhead() {
		s.name = c.name()
	}
	if c.before8() && c.accept("UPGRADE", "DATA", "DIRECTORY", "NAME") {
		return noEffect{}
	}
	if !c.databaseOption(&s.options) {
		c.fail("expected an option of the database")
	}
	for c.err == nil && c.databaseOption(&s.options) {
	}
	return s
}

// databaseOptionAhead says whether a word that could be the database's name
// begins an option instead.
func (c *cursor) databaseOptionAhead() bool {
	probe := *c
	return probe.databaseOption(&tableOptions{}) && probe.err == nil
}

// databaseOption takes one option; false when none comes.
func (c *cursor) databaseOption(o *tableOptions) bool {
	defaulted := c.accept("DEFAULT")
	switch {
	case c.acceptCharset():
		o.charset = c.charsetOption()
	case c.accept("COLLATE"):
		c.accept("=")
		o.collation = c.collation()
	case !c.mariadb() && c.accept("ENCRYPTION"):
		c.accept("=")
		c.str()
	case defaulted:
		c.fail("expected CHARACTER SET or COLLATE")
	case !c.mariadb() && c.accept("READ", "ONLY"):
		c.accept("=")
		if !c.accept("DEFAULT") {
			c.integer()
		}
	case c.mariadb() && c.accept("COMMENT"):
		c.accept("=")
		c.str()
	default:
		return false
	}
	return true
}

func (s *databaseStatement) apply(x *execution) error {
	name := s.name
	if name == "" {
		name = x.current
	}
	if s.replace {
		x.catalog().DropDatabase(name)
	}
	charset := s.options.charset.name
	switch {
	case s.options.charset.fallback:
		charset = x.parser.Variable("character_set_server")
	case charset == "" && s.options.collation != "":
		charset = charsetAsWritten(s.options.collation)
	}
	_, known := x.catalog().Database(name)
	if charset != "" && (!known || !s.ifNotExists) {
		x.catalog().PutDatabase(table.Database{Name: name, Charset: charset, Collation: s.options.collation})
	}
	if s.create {
		x.add(Change{Kind: CreateDatabase, Database: name})
	}
	return nil
}

type dropDatabaseStatement struct{ name string }

func (s dropDatabaseStatement) apply(x *execution) error {
	x.catalog().DropDatabase(s.name)
	x.add(Change{Kind: DropDatabase, Database: s.name})
	return nil
}

type useStatement struct{ name string }

// apply switches the database. The server sets character_set_database with it.
func (s useStatement) apply(x *execution) error {
	x.current = s.name
	d, _ := x.catalog().Database(s.name)
	x.parser.SetVariable("character_set_database", d.Charset)
	x.add(Change{Kind: UseDatabase, Database: s.name})
	return nil
}

// assignment is one variable of a SET statement.
type assignment struct{ name, value string }

type setStatement struct{ assignments []assignment }

// set takes SET from behind SET.
func (c *cursor) set() statement {
	var s setStatement
	c.list(func() { c.setOption(&s) })
	return s
}

// skipSet takes the SET statements that assign no variables.
func (c *cursor) skipSet() bool {
	switch c.peekAt(1).word {
	case "PASSWORD", "ROLE", "TRANSACTION", "RESOURCE":
	case "DEFAULT":
		if c.peekAt(2).word != "ROLE" {
			return false
		}
	case "SESSION", "GLOBAL", "LOCAL":
		if c.peekAt(2).word != "TRANSACTION" {
			return false
		}
	default:
		return false
	}
	c.skipStatement()
	return true
}

func (c *cursor) setOption(s *setStatement) {
	switch {
	case c.accept("NAMES"), c.acceptCharset():
		if !c.accept("DEFAULT") {
			c.charsetName()
		}
		if c.accept("COLLATE") {
			c.collation()
		}
		return
	case c.peek().kind == tokVar:
		c.setAtVariable(s)
		return
	}
	c.acceptAny("GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY")
	name := c.columnRef()
	s.assignments = append(s.assignments, assignment{name, c.assignedValue()})
}

// setAtVariable takes @user = x, which says nothing, and @@scope.name = x.
func (c *cursor) setAtVariable(s *setStatement) {
	name := c.text(c.take())
	value := c.assignedValue()
	if system, ok := strings.CutPrefix(name, "@@"); ok {
		if i := strings.LastIndexByte(system, '.'); i >= 0 {
			system = system[i+1:]
		}
		s.assignments = append(s.assignments, assignment{strings.Trim(system, "`"), value})
	}
}

// assignedValue takes = or := and everything to the next comma outside
// parentheses.
func (c *cursor) assignedValue() string {
	c.expectAny("=", ":=")
	start := c.pos
	for !c.at(",") && !c.statementEnd() && !c.at("FOR") {
		if c.at("(") {
			c.balanced()
			continue
		}
		c.take()
	}
	if start == c.pos {
		c.fail("expected a value")
		return ""
	}
	if c.err != nil {
		return ""
	}
	value := c.sql(start, c.pos)
	if c.pos == start+1 && (value[0] == '\'' || value[0] == '"' || value[0] == '`') {
		value = value[1 : len(value)-1]
	}
	return value
}

// setStatementPrefix takes MariaDB's SET STATEMENT x = y, ... FOR before the
// statement that it is for.
func (c *cursor) setStatementPrefix() {
	c.expect("SET", "STATEMENT")
	var s setStatement
	c.list(func() { c.setOption(&s) })
	c.expect("FOR")
}

func (s setStatement) apply(x *execution) error {
	for _, a := range s.assignments {
		x.parser.SetVariable(a.name, a.value)
		if strings.EqualFold(a.name, "character_set_database") && x.current != "" {
			x.catalog().PutDatabase(table.Database{Name: x.current, Charset: a.value})
		}
	}
	if len(s.assignments) > 0 {
		x.add(Change{Kind: SetVariable, Database: x.current})
	}
	return nil
}
