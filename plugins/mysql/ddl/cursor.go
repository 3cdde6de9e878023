package ddl

import (
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// cursor walks over tokens. Its first failure sticks and moves it to the end of
// the text, so that parsing functions need not test for errors: whatever they
// look for after a failure is not there, and loops end.
type cursor struct {
	src     string
	tokens  []token
	pos     int
	dialect Dialect
	version int
	mode    Mode
	err     *Error
}

func newCursor(src string, dialect Dialect, version int, mode Mode) *cursor {
	c := &cursor{src: src, dialect: dialect, version: version, mode: mode}
	tokens, err := lex(src, dialect, version, mode)
	if err != nil {
		c.err = err
		tokens = []token{{kind: tokEOF, start: len(src), end: len(src)}}
	}
	c.tokens = tokens
	return c
}

// fail records the first error, at the current token.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = newError(c.src, c.peek().start, format, args...)
	}
	c.pos = len(c.tokens) - 1
}

func (c *cursor) mariadb() bool { return c.dialect == MariaDB }

func (c *cursor) peek() token { return c.tokens[c.pos] }

func (c *cursor) peekAt(n int) token {
	return c.tokens[min(c.pos+n, len(c.tokens)-1)]
}

// take returns the current token and moves on; the end is never passed.
func (c *cursor) take() token {
	t := c.tokens[c.pos]
	if t.kind != tokEOF {
		c.pos++
	}
	return t
}

// last is the token before the current one.
func (c *cursor) last() token { return c.tokens[c.pos-1] }

// word is the current keyword or symbol, "" for anything else.
func (c *cursor) word() string { return c.peek().word }

// at says whether the next tokens are these keywords or symbols.
func (c *cursor) at(words ...string) bool {
	for i, w := range words {
		if c.peekAt(i).word != w {
			return false
		}
	}
	return true
}

func (c *cursor) atAny(words ...string) bool {
	current := c.word()
	for _, w := range words {
		if current == w {
			return current != ""
		}
	}
	return false
}

// accept takes these keywords or symbols when all of them come next.
func (c *cursor) accept(words ...string) bool {
	if !c.at(words...) {
		return false
	}
	c.pos += len(words)
	return true
}

// acceptAny takes one of the words and returns it, or "".
func (c *cursor) acceptAny(words ...string) string {
	if !c.atAny(words...) {
		return ""
	}
	return c.take().word
}

// expect is accept that fails when something else comes.
func (c *cursor) expect(words ...string) {
	if !c.accept(words...) {
		c.fail("expected %s", strings.Join(words, " "))
	}
}

func (c *cursor) expectAny(words ...string) string {
	w := c.acceptAny(words...)
	if w == "" {
		c.fail("expected one of %s", strings.Join(words, ", "))
	}
	return w
}

// text is the source of a token.
func (c *cursor) text(t token) string { return c.src[t.start:t.end] }

// isName says whether a token can be a name where names stand alone.
func (c *cursor) isName(t token) bool {
	return t.kind == tokQuoted || t.kind == tokWord && !reserved(t.word, c.dialect, c.version)
}

// name takes an identifier and returns it without quotes.
func (c *cursor) name() string {
	t := c.peek()
	if !c.isName(t) {
		c.fail("expected a name")
		return ""
	}
	c.take()
	return c.unquoteName(t)
}

func (c *cursor) unquoteName(t token) string {
	s := c.text(t)
	if t.kind != tokQuoted {
		return s
	}
	quote := s[:1]
	return strings.ReplaceAll(s[1:len(s)-1], quote+quote, quote)
}

// tableName takes a table's name with or without its database.
func (c *cursor) tableName() table.ID {
	name := c.name()
	if c.accept(".") {
		return table.ID{Database: name, Name: c.name()}
	}
	return table.ID{Name: name}
}

// columnRef takes a column's name that may be qualified; the last part counts.
func (c *cursor) columnRef() string {
	name := c.name()
	for c.accept(".") {
		name = c.name()
	}
	return name
}

// columnName takes the name of a column of the table at hand; MariaDB and old
// MySQL let it be qualified.
func (c *cursor) columnName() string {
	if c.before8() {
		return c.columnRef()
	}
	return c.name()
}

// number takes an unsigned integer, in any notation that the servers allow.
func (c *cursor) number() {
	t := c.peek()
	if t.kind != tokNumber && t.kind != tokHex && t.kind != tokBit {
		c.fail("expected a number")
		return
	}
	c.take()
}

// integer takes an integer in decimal notation.
func (c *cursor) integer() int {
	t := c.peek()
	if t.kind != tokNumber || countWhile(c.text(t), isDigit) != t.end-t.start {
		c.fail("expected an integer")
		return 0
	}
	c.take()
	return clampInt(c.text(t))
}

// clampInt reads digits; what is too large for Java's int becomes its maximum.
func clampInt(digits string) int {
	const most = 1<<31 - 1
	n := 0
	for i := 0; i < len(digits); i++ {
		if n = n*10 + int(digits[i]-'0'); n > most {
			return most
		}
	}
	return n
}

// str takes a string literal and returns it as Debezium's parsers see it.
func (c *cursor) str() string {
	t := c.peek()
	if t.kind != tokString {
		c.fail("expected a string")
		return ""
	}
	c.take()
	return c.literal(t)
}

// literal is a string with its quotes. MySQL's parser in Debezium rewrites
// "text" to 'text' before it parses (DdlNormalizer); MariaDB's does not.
func (c *cursor) literal(t token) string {
	s := strings.TrimLeft(c.text(t), "nN")
	if c.mariadb() || s[0] != '"' {
		return s
	}
	return "'" + strings.ReplaceAll(s[1:len(s)-1], "'", "''") + "'"
}

// content is a string without its quotes; escapes stay as they are.
func (c *cursor) content() string {
	s := c.str()
	if len(s) < 2 {
		return ""
	}
	return s[1 : len(s)-1]
}

// sql is the source from one token to another, with strings as literal gives
// them.
func (c *cursor) sql(from, to int) string {
	if from >= to {
		return ""
	}
	text := c.src[c.tokens[from].start:c.tokens[to-1].end]
	if c.mariadb() || c.mode.ANSIQuotes || !strings.Contains(text, `"`) {
		return text
	}
	var b strings.Builder
	done := c.tokens[from].start
	for _, t := range c.tokens[from:to] {
		if t.kind == tokString && c.src[t.end-1] == '"' {
			b.WriteString(c.src[done:t.start])
			b.WriteString(c.literal(t))
			done = t.end
		}
	}
	b.WriteString(c.src[done:c.tokens[to-1].end])
	return b.String()
}

// list calls item for each of one or more things separated by commas.
func (c *cursor) list(item func()) {
	item()
	for c.accept(",") {
		item()
	}
}

// parens calls body between parentheses.
func (c *cursor) parens(body func()) {
	c.expect("(")
	body()
	c.expect(")")
}

// nameList takes (a, b, c).
func (c *cursor) nameList() {
	c.parens(func() { c.list(func() { c.name() }) })
}
