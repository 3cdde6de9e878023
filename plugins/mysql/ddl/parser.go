package ddl

import (
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// Config is what a Parser needs.
type Config struct {
	Dialect Dialect
	// Version of the server as a number (8.0.36 is 80036, 10.11.6 is 101106); it
	// decides about executable comments and reserved words. 0 is the newest.
	Version int
	// Catalog is read and changed; nil makes a new one with case-sensitive names.
	Catalog *table.Catalog
	// Comments says whether comments are recorded (include.schema.comments).
	Comments bool
}

// Parser applies DDL to a catalog. It belongs to one goroutine: the one that
// owns the catalog.
type Parser struct {
	cfg       Config
	mode      Mode
	variables map[string]string
}

// New returns a parser that knows no variables yet.
func New(cfg Config) *Parser {
	if cfg.Catalog == nil {
		cfg.Catalog = table.NewCatalog(table.CaseSensitive)
	}
	if cfg.Version == 0 {
		cfg.Version = cfg.Dialect.newest()
	}
	return &Parser{cfg: cfg, variables: map[string]string{}}
}

// Catalog is the catalog that the parser keeps up to date.
func (p *Parser) Catalog() *table.Catalog { return p.cfg.Catalog }

// SetMode sets how the following texts are cut into tokens. A query event says
// so for its own text.
func (p *Parser) SetMode(mode Mode) { p.mode = mode }

// ModeOf reads the value of the variable sql_mode.
func ModeOf(sqlMode string) Mode {
	var mode Mode
	for _, flag := range strings.Split(strings.ToUpper(sqlMode), ",") {
		switch strings.TrimSpace(flag) {
		case "ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL":
			mode.ANSIQuotes = true
		case "NO_BACKSLASH_ESCAPES":
			mode.NoBackslashEscapes = true
		}
	}
	return mode
}

// ModeOfFlags reads the sql_mode flags of a query event's status variables.
func ModeOfFlags(flags uint64) Mode {
	const ansiQuotes, noBackslashEscapes = 1 << 2, 1 << 20
	return Mode{ANSIQuotes: flags&ansiQuotes != 0, NoBackslashEscapes: flags&noBackslashEscapes != 0}
}

// SetVariable tells the parser a variable of the server, such as
// character_set_server; sql_mode sets the mode.
func (p *Parser) SetVariable(name, value string) {
	name = strings.ToLower(name)
	p.variables[name] = value
	if name == "sql_mode" {
		p.mode = ModeOf(value)
	}
}

// Variable gives what SetVariable or a SET statement said last, "" when
// nothing.
func (p *Parser) Variable(name string) string { return p.variables[strings.ToLower(name)] }

// Apply parses a text of one or more statements that ran with the given
// database as the current one, applies it and returns what changed. A text
// that changes nothing modelled gives one change of kind NoEffect; an empty one
// gives none.
//
// An [Error] says where the text cannot be understood; nothing is changed then.
// Other errors say which table a statement does not fit; what came before that
// statement stays applied.
func (p *Parser) Apply(database, text string) ([]Change, error) {
	c := newCursor(text, p.cfg.Dialect, p.cfg.Version, p.mode)
	parts := c.statements()
	if c.err != nil {
		return nil, c.err
	}
	if len(parts) == 0 {
		return nil, nil
	}
	x := &execution{parser: p, cursor: c, current: database}
	for _, part := range parts {
		x.part = part
		if err := part.apply(x); err != nil {
			return nil, err
		}
	}
	return x.result(database, text), nil
}

// statement is a parsed statement.
type statement interface {
	apply(x *execution) error
}

// noEffect is a statement that changes nothing modelled.
type noEffect struct{}

func (noEffect) apply(*execution) error { return nil }

// part is a statement with its first token and the one behind its last.
type part struct {
	statement
	from, to int
}

// execution is one call of Apply.
type execution struct {
	parser  *Parser
	cursor  *cursor
	part    part
	current string // the current database
	changes []Change
	missing table.ID
}

func (x *execution) catalog() *table.Catalog { return x.parser.cfg.Catalog }

func (x *execution) comments() bool { return x.parser.cfg.Comments }

// resolve completes a table's name by the current database, and writes it in
// lower case when the server stores names so.
func (x *execution) resolve(id table.ID) table.ID {
	if id.Database == "" {
		id.Database = x.current
	}
	id.Database, id.Name = x.storedName(id.Database), x.storedName(id.Name)
	return id
}

func (x *execution) storedName(name string) string {
	if x.catalog().NameCase() == table.Lowered {
		return strings.ToLower(name)
	}
	return name
}

// databaseCharset is the charset that tables of a database get: its own, or
// that of the session's database, or the server's.
// Source: MySqlAntlrDdlParser.charsetForTable.
func (x *execution) databaseCharset(database string) string {
	if d, ok := x.catalog().Database(database); ok && d.Charset != "" {
		return d.Charset
	}
	charset := x.parser.Variable("character_set_database")
	if charset == "" || strings.EqualFold(charset, "default") {
		charset = x.parser.Variable("character_set_server")
	}
	return charset
}

// add appends a change of the current statement; SQL and Database are filled in
// when the change does not bring its own.
func (x *execution) add(change Change) {
	if change.SQL == "" {
		change.SQL = x.sql()
	}
	if change.ID != (table.ID{}) {
		change.Database = change.ID.Database
	}
	x.changes = append(x.changes, change)
}

// sql is the current statement's text. Debezium's MariaDB parser does not see
// executable comments, so its statements end before one.
func (x *execution) sql() string {
	to := x.part.to
	if x.cursor.mariadb() {
		for to > x.part.from && x.cursor.tokens[to-1].conditional {
			to--
		}
		if to == x.part.from {
			to = x.part.to
		}
	}
	return x.cursor.sql(x.part.from, to)
}

// result completes the changes: definitions are those after the whole text.
func (x *execution) result(database, text string) []Change {
	if len(x.changes) == 0 {
		return []Change{{Kind: NoEffect, Database: database, SQL: text, Missing: x.missing}}
	}
	for i := range x.changes {
		if c := &x.changes[i]; c.ID != (table.ID{}) && c.Kind != DropTable {
			c.Table = x.catalog().Table(c.ID)
		}
	}
	group(x.changes)
	return x.changes
}
