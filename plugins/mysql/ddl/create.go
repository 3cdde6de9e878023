package ddl

import "github.com/millrace/millrace/plugins/mysql/table"

// createTableStatement is a CREATE TABLE; like is the table to copy.
type createTableStatement struct {
	id          table.ID
	ifNotExists bool
	like        *table.ID
	columns     []*columnDef
	keys        []*keyDef
	options     tableOptions
	// partial is true when a query adds columns that the text does not show.
	partial bool
}

// createTable takes CREATE TABLE from behind TABLE.
func (c *cursor) createTable(temporary bool) statement {
	s := &createTableStatement{ifNotExists: c.ifNotExists()}
	s.id = c.tableName()
	c.waitOption()
	switch {
	case c.accept("LIKE"):
		c.like(s)
	case c.accept("(", "LIKE"):
		c.like(s)
		c.expect(")")
	default:
		c.tableBody(s)
	}
	if temporary {
		// A session's own table: its rows are not in the binlog, and it must not
		// hide the table of the same name that everybody sees.
		return noEffect{}
	}
	return s
}

func (c *cursor) like(s *createTableStatement) {
	id := c.tableName()
	s.like = &id
}

// tableBody takes elements, options, partitions and the query.
func (c *cursor) tableBody(s *createTableStatement) {
	elements := c.at("(") && !c.queryAhead()
	if elements {
		c.parens(func() { c.list(func() { c.tableElement(s) }) })
	}
	c.tableOptions(s)
	if c.at("PARTITION", "BY") {
		c.partitioning()
	}
	s.partial = c.query()
	if len(s.columns) == 0 && !s.partial && c.err == nil {
		if !c.mariadb() || elements {
			c.fail("expected the table's columns")
		}
		s.partial = true
	}
}

// queryAhead says whether the parenthesis that comes next opens a query.
func (c *cursor) queryAhead() bool {
	for i := 0; ; i++ {
		switch c.peekAt(i).word {
		case "(":
		case "SELECT", "WITH":
			return true
		case "VALUES":
			return c.peekAt(i+1).word == "ROW" || c.peekAt(i+1).word == "("
		case "TABLE":
			return c.peekAt(i+2).kind == tokSymbol
		default:
			return false
		}
	}
}

func (c *cursor) tableElement(s *createTableStatement) {
	key, ok := c.acceptKey()
	switch {
	case key != nil:
		s.keys = append(s.keys, key)
	case !ok:
		s.columns = append(s.columns, c.columnDef())
	}
}

// tableOptions takes options with or without commas between them.
func (c *cursor) tableOptions(s *createTableStatement) {
	for c.err == nil && c.tableOption(&s.options) {
		if c.accept(",") && !c.optionAhead() {
			c.fail("expected another table option")
		}
	}
}

// optionAhead says whether something other than the statement's end comes.
func (c *cursor) optionAhead() bool {
	return c.peek().kind != tokEOF && !c.atAny(";", "PARTITION", "AS", "SELECT", ",")
}

// query takes [IGNORE | REPLACE] [AS] query, and says whether there was one.
func (c *cursor) query() bool {
	marked := c.acceptAny("IGNORE", "REPLACE") != ""
	marked = c.accept("AS") || marked
	switch {
	case c.accept("TABLE"):
		c.tableName()
		if !c.statementEnd() && !c.atAny("ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT") {
			c.fail("expected the end of the statement")
		}
	case c.atAny("SELECT", "WITH", "VALUES"), c.at("(") && c.queryAhead():
	default:
		if marked {
			c.fail("expected a query")
		}
		return false
	}
	c.skipStatement()
	return c.err == nil
}

// skipStatement moves to the end of the statement.
func (c *cursor) skipStatement() {
	for !c.at(";") && c.peek().kind != tokEOF {
		c.take()
	}
}

func (s *createTableStatement) apply(x *execution) error {
	id := x.resolve(s.id)
	exists := x.catalog().Table(id) != nil
	switch {
	case exists && s.ifNotExists:
		return nil
	case s.like != nil:
		return s.copyTable(x, id)
	}
	ed := newEditor(&table.Table{ID: id}, x)
	if err := ed.create(s); err != nil {
		return err
	}
	x.catalog().Put(ed.table)
	x.add(Change{Kind: CreateTable, ID: id, Partial: s.partial})
	return nil
}

func (s *createTableStatement) copyTable(x *execution, id table.ID) error {
	original := x.catalog().Table(x.resolve(*s.like))
	if original == nil {
		x.missing = x.resolve(*s.like)
		return nil
	}
	t := original.Clone()
	t.ID, t.Comment = id, nil
	x.catalog().Put(t)
	x.add(Change{Kind: CreateTable, ID: id})
	return nil
}
