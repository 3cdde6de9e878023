package ddl

import "github.com/millrace/millrace/plugins/mysql/table"

// Subject finds the table that a statement creates or alters though the rest of
// it cannot be parsed. ok is false for any other statement.
func (p *Parser) Subject(database, text string) (id table.ID, ok bool) {
	c := newCursor(text, p.cfg.Dialect, p.cfg.Version, p.mode)
	switch c.acceptAny("CREATE", "ALTER") {
	case "CREATE":
		c.accept("OR", "REPLACE")
	case "ALTER":
		c.acceptAny("ONLINE", "IGNORE")
	default:
		return table.ID{}, false
	}
	if !c.accept("TABLE") {
		return table.ID{}, false
	}
	if c.accept("IF") {
		c.accept("NOT")
		c.expect("EXISTS")
	}
	id = c.tableName()
	x := &execution{parser: p, cursor: c, current: database}
	id = x.resolve(id)
	return id, c.err == nil && id.Database != ""
}
