package ddl

import "github.com/millrace/millrace/plugins/mysql/table"

// dropTablesStatement is a DROP TABLE of one or more tables. Debezium records
// one statement per table, made of the original's beginning and end.
type dropTablesStatement struct {
	ids            []table.ID
	prefix, suffix string
	temporary      bool
}

// dropTables takes DROP TABLE from behind TABLE.
func (c *cursor) dropTables(start int, temporary bool) statement {
	s := &dropTablesStatement{temporary: temporary}
	c.ifExists()
	if c.err == nil {
		s.prefix = c.src[c.tokens[start].start:c.peek().start]
	}
	c.list(func() { s.ids = append(s.ids, c.tableName()) })
	c.waitOption()
	if w := c.acceptAny("RESTRICT", "CASCADE"); w != "" {
		s.suffix = " " + w
	}
	return s
}

func (s *dropTablesStatement) apply(x *execution) error {
	if s.temporary {
		return nil
	}
	for _, id := range s.ids {
		id = x.resolve(id)
		x.catalog().Drop(id)
		x.add(Change{Kind: DropTable, ID: id, SQL: s.prefix + id.QuotedBy('`') + s.suffix})
	}
	return nil
}

type truncateStatement struct{ id table.ID }

func (s truncateStatement) apply(x *execution) error {
	x.add(Change{Kind: TruncateTable, ID: x.resolve(s.id)})
	return nil
}

// renamePair is one table of a RENAME TABLE, with its own text.
type renamePair struct {
	old, name table.ID
	sql       string
}

type renameTablesStatement struct{ pairs []renamePair }

// renameTables takes RENAME TABLE from behind TABLE. Pairs take effect from
// left to right, so that a table can be swapped with another.
func (c *cursor) renameTables() statement {
	s := &renameTablesStatement{}
	start := c.pos - 2
	if c.mariadb() {
		c.ifExists()
	}
	prefix := ""
	if c.err == nil {
		prefix = c.src[c.tokens[start].start:c.peek().start]
	}
	c.list(func() {
		from := c.pos
		old := c.tableName()
		c.waitOption()
		c.expect("TO")
		pair := renamePair{old: old, name: c.tableName()}
		if c.err == nil {
			pair.sql = prefix + c.sql(from, c.pos)
		}
		s.pairs = append(s.pairs, pair)
	})
	return s
}

func (s *renameTablesStatement) apply(x *execution) error {
	for _, pair := range s.pairs {
		old, name := x.resolve(pair.old), x.resolve(pair.name)
		if t := x.catalog().Table(old); t != nil {
			x.catalog().Drop(old)
			renamed := t.Clone()
			renamed.ID = name
			x.catalog().Put(renamed)
		}
		x.add(Change{Kind: AlterTable, ID: name, Previous: old, SQL: pair.sql})
	}
	return nil
}

// createIndexStatement is a CREATE INDEX.
type createIndexStatement struct {
	id   table.ID
	name string
	key  keyDef
}

// apply makes a unique index the table's key when there is none yet. An index
// that could be but allows NULL is reported without being one, as Debezium does.
func (s *createIndexStatement) apply(x *execution) error {
	id := x.resolve(s.id)
	t := x.catalog().Table(id)
	if !s.key.unique || t == nil {
		return nil
	}
	ed := newEditor(t.Clone(), x)
	if !ed.mayBecomeKey(&s.key) {
		return nil
	}
	if ed.canStandIn(&s.key) {
		ed.table.PrimaryKey = ed.columnNames(&s.key)
		x.catalog().Put(ed.table)
	}
	x.add(Change{Kind: CreateIndex, ID: id})
	return nil
}
