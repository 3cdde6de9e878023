package ddl

import "github.com/millrace/millrace/plugins/mysql/table"

// alterTableStatement is an ALTER TABLE with the items that matter.
type alterTableStatement struct {
	id       table.ID
	ifExists bool
	items    []alterItem
	options  tableOptions
}

// alterItem is one change of a table's definition.
type alterItem interface {
	phase() alterPhase
	alter(ed *editor) error
}

// alterPhase orders the items of one ALTER TABLE as the server does: whatever
// their places in the text, names of columns to be dropped or changed are those
// of the table as it was, and keys and places name the columns as they will be.
type alterPhase uint8

const (
	phaseTable   alterPhase = iota // the table's name
	phaseDrop                      // columns and the primary key
	phaseChange                    // columns where they are
	phasePlace                     // new columns, and moved ones
	phaseKeys                      // new keys
	phaseConvert                   // the charset of all columns, new ones included
	phases
)

// alterTable takes ALTER TABLE from behind TABLE.
func (c *cursor) alterTable() statement {
	s := &alterTableStatement{}
	if c.mariadb() {
		s.ifExists = c.ifExists()
	}
	s.id = c.tableName()
	c.waitOption()
	for c.err == nil && !c.statementEnd() {
		c.alterListItem(s)
		if c.accept(",") {
			if c.statementEnd() {
				c.fail("expected another change of the table")
			}
			continue
		}
		if !c.optionOrPartitionAhead() && !c.statementEnd() {
			c.fail("expected a comma or the end of the statement")
		}
	}
	return s
}

func (c *cursor) statementEnd() bool { return c.peek().kind == tokEOF || c.at(";") }

// optionOrPartitionAhead says whether what comes may follow without a comma.
func (c *cursor) optionOrPartitionAhead() bool {
	if c.at("PARTITION", "BY") || c.at("REMOVE", "PARTITIONING") {
		return true
	}
	if !c.last().separable() {
		return false
	}
	probe := *c
	return probe.tableOption(&tableOptions{})
}

// separable tokens can end an option.
func (t token) separable() bool { return t.kind != tokSymbol || t.word == ")" }

func (c *cursor) alterListItem(s *alterTableStatement) {
	switch {
	case c.alterPartition(), c.lockOption(), c.tableOption(&s.options):
	case c.accept("ADD"):
		c.alterAdd(s)
	case c.accept("ALTER"):
		s.add(c.alterAlter())
	case c.accept("CHANGE"):
		c.alterChange(s)
	case c.accept("MODIFY"):
		c.alterModify(s)
	case c.accept("DROP"):
		s.add(c.alterDrop())
	case c.accept("RENAME"):
		s.add(c.alterRename())
	case c.accept("CONVERT"):
		s.add(c.alterConvert())
	default:
		c.alterOther()
	}
}

func (s *alterTableStatement) add(item alterItem) {
	if item != nil {
		s.items = append(s.items, item)
	}
}

// alterOther takes items that change neither columns nor keys.
func (c *cursor) alterOther() {
	switch {
	case c.accept("ORDER", "BY"):
		c.list(func() {
			c.columnRef()
			c.acceptAny("ASC", "DESC")
		})
	case c.accept("ENABLE", "KEYS"), c.accept("DISABLE", "KEYS"), c.accept("FORCE"),
		c.accept("WITH", "VALIDATION"), c.accept("WITHOUT", "VALIDATION"),
		c.accept("DISCARD", "TABLESPACE"), c.accept("IMPORT", "TABLESPACE"):
	case !c.mariadb() && c.acceptAny("SECONDARY_LOAD", "SECONDARY_UNLOAD") != "":
	default:
		c.fail("expected a change of the table")
	}
}

// place is where a column goes: at the end, first, or after another one.
type place struct {
	first bool
	after string
}

func (c *cursor) place() place {
	switch {
	case c.accept("FIRST"):
		return place{first: true}
	case c.accept("AFTER"):
		return place{after: c.columnName()}
	}
	return place{}
}

func (c *cursor) alterAdd(s *alterTableStatement) {
	if key, ok := c.acceptKey(); ok {
		if key != nil {
			s.add(addKey{key})
		}
		return
	}
	if c.mariadb() && c.accept("SYSTEM", "VERSIONING") {
		return
	}
	c.accept("COLUMN")
	c.mariadbIfNotExists()
	if !c.at("(") {
		def := c.columnDef()
		s.add(addColumn{def, c.place()})
		return
	}
	var elements createTableStatement
	c.parens(func() { c.list(func() { c.tableElement(&elements) }) })
	for _, def := range elements.columns {
		s.add(addColumn{def: def})
	}
	for _, key := range elements.keys {
		s.add(addKey{key})
	}
}

func (c *cursor) alterChange(s *alterTableStatement) {
	c.accept("COLUMN")
	ifExists := c.mariadb() && c.ifExists()
	old := c.columnName()
	s.change(old, c.columnDef(), c.place(), ifExists)
}

func (c *cursor) alterModify(s *alterTableStatement) {
	c.accept("COLUMN")
	ifExists := c.mariadb() && c.ifExists()
	def := c.columnDef()
	s.change(def.name, def, c.place(), ifExists)
}

func (s *alterTableStatement) change(old string, def *columnDef, p place, ifExists bool) {
	s.add(changeColumn{old, def, ifExists})
	if p != (place{}) {
		s.add(moveColumn{def.name, p})
	}
}

func (c *cursor) alterAlter() alterItem {
	switch {
	case c.acceptAny("INDEX", "KEY") != "":
		if c.mariadb() {
			c.ifExists()
		}
		c.name()
		c.visibility()
		return nil
	case c.acceptAny("CHECK", "CONSTRAINT") != "":
		c.name()
		if !c.atAny("NOT", "ENFORCED") {
			c.fail("expected ENFORCED or NOT ENFORCED")
		}
		c.enforcement()
		return nil
	}
	c.accept("COLUMN")
	if c.mariadb() {
		c.ifExists()
	}
	return c.alterColumn(c.columnName())
}

// visibility takes how the optimizer treats an index.
func (c *cursor) visibility() {
	switch {
	case c.acceptAny("VISIBLE", "INVISIBLE") != "":
	case c.mariadb() && (c.accept("IGNORED") || c.accept("NOT", "IGNORED")):
	default:
		c.fail("expected VISIBLE or INVISIBLE")
	}
}

func (c *cursor) alterColumn(name string) alterItem {
	switch {
	case c.accept("SET", "DEFAULT"):
		return setColumnDefault{name, c.defaultValue()}
	case c.accept("DROP", "DEFAULT"):
		return setColumnDefault{name, defaultValue{}}
	case c.accept("SET", "INVISIBLE"):
		return setInvisible{name, true}
	case c.accept("SET", "VISIBLE"):
		return setInvisible{name, false}
	}
	c.fail("expected SET DEFAULT, DROP DEFAULT, SET VISIBLE or SET INVISIBLE")
	return nil
}

func (c *cursor) alterDrop() alterItem {
	switch {
	case c.accept("PRIMARY", "KEY"):
		return dropPrimaryKey{}
	case c.acceptAny("INDEX", "KEY", "CHECK", "CONSTRAINT") != "" || c.accept("FOREIGN", "KEY"):
		c.dropKey()
		return nil
	case c.mariadb() && (c.accept("SYSTEM", "VERSIONING") || c.accept("PERIOD", "FOR", "SYSTEM_TIME")):
		return nil
	case c.mariadb() && c.accept("PERIOD", "FOR"):
		c.name()
		return nil
	}
	c.accept("COLUMN")
	if c.mariadb() {
		c.ifExists()
	}
	name := c.columnName()
	c.acceptAny("RESTRICT", "CASCADE")
	return dropColumn{name}
}

// dropKey takes the name of a key or constraint to be dropped.
func (c *cursor) dropKey() {
	if !c.mariadb() {
		c.name()
		return
	}
	c.ifExists()
	if !c.accept("PRIMARY") {
		c.columnRef()
	}
}

func (c *cursor) alterRename() alterItem {
	switch {
	case c.acceptAny("INDEX", "KEY") != "":
		if c.mariadb() {
			c.ifExists()
		}
		c.name()
		c.expect("TO")
		c.name()
		return nil
	case c.accept("COLUMN"):
		if c.mariadb() {
			c.ifExists()
		}
		old := c.columnName()
		c.expect("TO")
		return renameColumn{old, c.columnName()}
	}
	c.acceptAny("TO", "AS", "=")
	return renameTable{c.tableName()}
}

// alterConvert takes CONVERT TO CHARACTER SET, and MariaDB's conversions between
// a partition and a table.
func (c *cursor) alterConvert() alterItem {
	switch {
	case c.mariadb() && c.accept("PARTITION"):
		c.name()
		c.expect("TO", "TABLE")
		return partitionToTable{c.tableName()}
	case c.mariadb() && c.accept("TABLE"):
		id := c.tableName()
		c.expect("TO")
		c.partitionDef()
		c.validation()
		return tableToPartition{id}
	}
	c.expect("TO")
	if !c.acceptCharset() {
		c.fail("expected CHARACTER SET")
	}
	item := convertCharset{charset: charsetChoice{fallback: c.accept("DEFAULT")}}
	if !item.charset.fallback {
		item.charset.name = c.charsetName()
	}
	if c.accept("COLLATE") {
		c.accept("=")
		item.collation = c.collation()
	}
	return item
}

func (c *cursor) validation() {
	if !c.accept("WITH", "VALIDATION") {
		c.accept("WITHOUT", "VALIDATION")
	}
}

func (s *alterTableStatement) apply(x *execution) error {
	t := x.catalog().Table(x.resolve(s.id))
	if t == nil {
		return nil
	}
	ed := newEditor(t.Clone(), x)
	if err := ed.alter(s); err != nil {
		return err
	}
	if ed.table.ID != t.ID {
		x.catalog().Drop(t.ID)
	}
	x.catalog().Put(ed.table)
	x.add(Change{Kind: AlterTable, ID: ed.table.ID})
	return nil
}
