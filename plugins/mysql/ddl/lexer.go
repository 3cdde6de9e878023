package ddl

import "strings"

// lexer cuts a text into tokens. Comments disappear; the content of executable
// comments is cut like the text around it when the server would run it.
type lexer struct {
	src     string
	pos     int
	dialect Dialect
	version int
	mode    Mode
	tokens  []token
	// inside is true between "/*!" and its "*/".
	inside bool
	err    *Error
}

// lex returns the tokens of the text, ended by one of kind tokEOF. An executable
// comment that ends the text may lack its closing: Debezium cuts statements in
// schema histories so.
func lex(src string, dialect Dialect, version int, mode Mode) ([]token, *Error) {
	l := &lexer{src: src, dialect: dialect, version: version, mode: mode, tokens: make([]token, 0, len(src)/4+8)}
	for l.next() {
	}
	if l.err != nil {
		return nil, l.err
	}
	l.tokens = append(l.tokens, token{kind: tokEOF, start: len(src), end: len(src)})
	return l.tokens, nil
}

func (l *lexer) fail(offset int, format string, args ...any) bool {
	if l.err == nil {
		l.err = newError(l.src, offset, format, args...)
	}
	return false
}

func (l *lexer) at(offset int) byte {
	if i := l.pos + offset; i < len(l.src) {
		return l.src[i]
	}
	return 0
}

// emit appends the token from l.pos to end and moves there.
func (l *lexer) emit(kind tokenKind, end int) bool {
	t := token{kind: kind, start: l.pos, end: end, conditional: l.inside}
	if kind == tokWord && !l.qualifies(end) && !l.qualified() {
		t.word = keyword(l.src[l.pos:end])
	}
	l.tokens = append(l.tokens, t)
	l.pos = end
	return true
}

// qualifies says whether a dot and a name follow right behind a word: it is a
// name then, reserved or not.
func (l *lexer) qualifies(end int) bool {
	return end+1 < len(l.src) && l.src[end] == '.' && (isNameByte(l.src[end+1]) || l.src[end+1] == '`')
}

// qualified is the same for a dot right before it.
func (l *lexer) qualified() bool { return l.pos > 0 && l.src[l.pos-1] == '.' }

// next takes one token, comment or blank; false at the end or after an error.
func (l *lexer) next() bool {
	if l.pos >= len(l.src) {
		return false
	}
	c := l.src[l.pos]
	switch {
	case isSpace(c):
		l.pos++
		return true
	case c == '#' || c == '-' && l.at(1) == '-' && (l.pos+2 >= len(l.src) || l.at(2) <= ' '):
		l.skipLine()
		return true
	case c == '/' && l.at(1) == '*':
		return l.comment()
	case c == '*' && l.at(1) == '/' && l.inside:
		l.inside = false
		l.pos += 2
		return true
	case c == '\'' || c == '"' && !l.mode.ANSIQuotes:
		return l.str(l.pos)
	case c == '`' || c == '"':
		return l.quotedName(c)
	case c == '@':
		return l.variable()
	}
	return l.plain(c)
}

func (l *lexer) skipLine() {
	if i := strings.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
		l.pos += i + 1
		return
	}
	l.pos = len(l.src)
}

// plain takes words, numbers and symbols.
func (l *lexer) plain(c byte) bool {
	switch {
	case (c == 'x' || c == 'X') && l.at(1) == '\'':
		return l.prefixed(tokHex, isHexDigit)
	case (c == 'b' || c == 'B') && l.at(1) == '\'':
		return l.prefixed(tokBit, isBitDigit)
	case (c == 'n' || c == 'N') && l.at(1) == '\'':
		return l.str(l.pos + 1)
	case isDigit(c):
		return l.number()
	case c == '.' && isDigit(l.at(1)) && !l.afterName():
		return l.fraction(l.pos)
	case isNameByte(c):
		return l.emit(tokWord, l.nameEnd(l.pos))
	}
	return l.symbol(c)
}

// afterName says whether the last token is a name that ends right here, so
// that a dot separates names and digits may begin the next one.
func (l *lexer) afterName() bool {
	if len(l.tokens) == 0 {
		return false
	}
	last := l.tokens[len(l.tokens)-1]
	return last.end == l.pos && (last.kind == tokWord || last.kind == tokQuoted)
}

func (l *lexer) afterNameAndDot() bool {
	n := len(l.tokens)
	return n >= 2 && l.tokens[n-1].word == "." && l.tokens[n-1].end == l.pos &&
		l.tokens[n-2].end == l.tokens[n-1].start && (l.tokens[n-2].kind == tokWord || l.tokens[n-2].kind == tokQuoted)
}

func (l *lexer) nameEnd(from int) int {
	for from < len(l.src) && isNameByte(l.src[from]) {
		from++
	}
	return from
}

// number takes what begins with a digit: a number, or a name such as 2nd.
func (l *lexer) number() bool {
	end := l.nameEnd(l.pos)
	run := l.src[l.pos:end]
	digits := countWhile(run, isDigit)
	switch {
	case l.afterNameAndDot():
		return l.emit(tokWord, end)
	case len(run) > 2 && run[:2] == "0x" && countWhile(run[2:], isHexDigit) == len(run)-2:
		return l.emit(tokHex, end)
	case len(run) > 2 && run[:2] == "0b" && countWhile(run[2:], isBitDigit) == len(run)-2:
		return l.emit(tokBit, end)
	case digits == len(run):
		if end < len(l.src) && l.src[end] == '.' {
			return l.fraction(end)
		}
		return l.emit(tokNumber, end)
	}
	if e := l.exponentEnd(l.pos + digits); e > 0 {
		return l.emit(tokNumber, e)
	}
	return l.emit(tokWord, end)
}

// fraction takes a number whose dot is at the given place.
func (l *lexer) fraction(dot int) bool {
	end := dot + 1 + countWhile(l.src[dot+1:], isDigit)
	if e := l.exponentEnd(end); e > 0 {
		end = e
	}
	return l.emit(tokNumber, end)
}

// exponentEnd gives the end of an exponent that begins at i, or 0.
func (l *lexer) exponentEnd(i int) int {
	if i >= len(l.src) || l.src[i] != 'e' && l.src[i] != 'E' {
		return 0
	}
	i++
	if i < len(l.src) && (l.src[i] == '+' || l.src[i] == '-') {
		i++
	}
	n := countWhile(l.src[i:], isDigit)
	if n == 0 {
		return 0
	}
	return i + n
}

// prefixed takes x'..' and b'..'.
func (l *lexer) prefixed(kind tokenKind, valid func(byte) bool) bool {
	body := l.src[l.pos+2:]
	n := countWhile(body, valid)
	if n >= len(body) || body[n] != '\'' {
		return l.fail(l.pos, "malformed hexadecimal or bit literal")
	}
	if kind == tokHex && n%2 != 0 {
		return l.fail(l.pos, "the hexadecimal literal has an odd number of digits")
	}
	return l.emit(kind, l.pos+2+n+1)
}

// str takes a string literal whose quote is at the given place.
func (l *lexer) str(open int) bool {
	quote := l.src[open]
	for i := open + 1; i < len(l.src); i++ {
		switch {
		case l.src[i] == '\\' && !l.mode.NoBackslashEscapes:
			i++
		case l.src[i] == quote && i+1 < len(l.src) && l.src[i+1] == quote:
			i++
		case l.src[i] == quote:
			return l.emit(tokString, i+1)
		}
	}
	return l.fail(l.pos, "the string is not closed")
}

func (l *lexer) quotedName(quote byte) bool {
	end := l.quotedEnd(l.pos, quote)
	if end < 0 {
		return l.fail(l.pos, "the quoted name is not closed")
	}
	if end == l.pos+2 {
		return l.fail(l.pos, "the quoted name is empty")
	}
	return l.emit(tokQuoted, end)
}

// quotedEnd finds the end of a quoted name; a doubled quote stands for itself.
func (l *lexer) quotedEnd(open int, quote byte) int {
	for i := open + 1; i < len(l.src); i++ {
		if l.src[i] != quote {
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return -1
}

// variable takes @name, @'name', @@name, @@scope.name and the @ of user@host.
func (l *lexer) variable() bool {
	i := l.pos + 1
	if i < len(l.src) && l.src[i] == '@' {
		i++
	}
	if i < len(l.src) && (l.src[i] == '`' || l.src[i] == '\'' || l.src[i] == '"') {
		end := l.quotedEnd(i, l.src[i])
		if end < 0 {
			return l.fail(l.pos, "the quoted name is not closed")
		}
		return l.emit(tokVar, end)
	}
	for i < len(l.src) && (isNameByte(l.src[i]) || l.src[i] == '.') {
		i++
	}
	return l.emit(tokVar, i)
}

// symbol takes an operator of up to three characters.
func (l *lexer) symbol(c byte) bool {
	rest := l.src[l.pos:]
	if strings.IndexByte("<>!&|:-", c) >= 0 {
		for _, op := range []string{"<=>", "->>", "<<", ">>", "<=", ">=", "<>", "!=", "&&", "||", ":=", "->"} {
			if strings.HasPrefix(rest, op) {
				return l.emitSymbol(op)
			}
		}
	}
	if i := strings.IndexByte("()[]{},;.=+-*/%<>!&|^~?:", c); i >= 0 {
		return l.emitSymbol(rest[:1])
	}
	return l.fail(l.pos, "unexpected character")
}

func (l *lexer) emitSymbol(op string) bool {
	l.tokens = append(l.tokens, token{kind: tokSymbol, start: l.pos, end: l.pos + len(op), word: op, conditional: l.inside})
	l.pos += len(op)
	return true
}

// comment skips a comment, or only its opening when the server runs the rest.
func (l *lexer) comment() bool {
	rest := l.src[l.pos+2:]
	if length, run := l.executable(rest); run {
		if l.inside {
			return l.fail(l.pos, "an executable comment cannot contain another")
		}
		l.inside = true
		l.pos += 2 + length
		return true
	}
	end := strings.Index(rest, "*/")
	if end < 0 {
		return l.fail(l.pos, "the comment is not closed by */")
	}
	l.pos += 2 + end + 2
	return true
}

// executable says whether a comment, given from behind its "/*", is one that
// the server runs, and how long the mark and the version are. MariaDB does not
// run what MySQL 5.7 and later put into "/*!50700" to "/*!99999".
// Sources: the chapters "Comments" of the MySQL and MariaDB manuals.
func (l *lexer) executable(rest string) (length int, run bool) {
	forMariaDB := strings.HasPrefix(rest, "M!")
	switch {
	case forMariaDB && l.dialect == MariaDB:
		length = 2
	case strings.HasPrefix(rest, "!"):
		length = 1
	default:
		return 0, false
	}
	version, digits := 0, countWhile(rest[length:], isDigit)
	if digits < 5 {
		return length, true
	}
	digits = min(digits, 6)
	for _, d := range rest[length : length+digits] {
		version = version*10 + int(d-'0')
	}
	if l.dialect == MariaDB && !forMariaDB && version >= 50700 && version <= 99999 {
		return 0, false
	}
	return length + digits, version <= l.version
}

func countWhile(s string, valid func(byte) bool) int {
	for i := 0; i < len(s); i++ {
		if !valid(s[i]) {
			return i
		}
	}
	return len(s)
}

func isSpace(c byte) bool    { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isBitDigit(c byte) bool { return c == '0' || c == '1' }
func isHexDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= 0x80
}
