package ddl

import "strings"

// Expressions are checked for their shape only: nothing in them changes what
// columns a table has. The check is an alternation of operands and operators;
// precedence does not matter to it.

// expr takes an expression.
func (c *cursor) expr() {
	c.operand()
	for c.err == nil && c.operator() {
	}
}

// operator takes one operator with what follows it; false when none comes.
func (c *cursor) operator() bool {
	switch w := c.word(); w {
	case "+", "-", "*", "/", "%", "=", "<", ">", "<=", ">=", "<>", "!=", "<=>", "&", "|", "^", "<<", ">>", "&&", "||",
		":=", "->", "->>", "AND", "OR", "XOR", "DIV", "MOD":
		c.take()
		c.acceptAny("ANY", "SOME", "ALL")
		c.operand()
	case "IS":
		c.take()
		c.accept("NOT")
		c.expectAny("NULL", "TRUE", "FALSE", "UNKNOWN")
	case "NOT", "IN", "LIKE", "REGEXP", "RLIKE", "BETWEEN", "SOUNDS", "MEMBER":
		return c.predicate()
	case "COLLATE":
		c.take()
		c.collation()
	default:
		return false
	}
	return true
}

// predicate takes [NOT] IN, LIKE, REGEXP, BETWEEN and their like.
func (c *cursor) predicate() bool {
	negated := c.accept("NOT")
	switch {
	case c.accept("IN"):
		c.parens(func() { c.list(c.expr) })
	case c.accept("LIKE"):
		c.operand()
		if c.accept("ESCAPE") {
			c.operand()
		}
	case c.acceptAny("REGEXP", "RLIKE") != "":
		c.operand()
	case c.accept("BETWEEN"):
		// The AND of BETWEEN is taken by the loop over operators.
		c.operand()
	case !negated && c.accept("SOUNDS", "LIKE"):
		c.operand()
	case !negated && c.accept("MEMBER"):
		c.accept("OF")
		c.parens(c.expr)
	case negated:
		c.fail("expected IN, LIKE, REGEXP or BETWEEN")
	default:
		return false
	}
	return true
}

// operand takes prefixes and the thing behind them.
func (c *cursor) operand() {
	for c.acceptAny("+", "-", "!", "~", "NOT", "BINARY") != "" {
	}
	t := c.peek()
	switch {
	case t.kind == tokString:
		c.strings()
	case t.kind == tokNumber || t.kind == tokHex || t.kind == tokBit || t.kind == tokVar:
		c.take()
	case t.word == "(":
		c.parens(func() { c.list(c.queryOrExpr) })
	case t.word == "CASE":
		c.caseExpr()
	case t.word == "INTERVAL":
		c.interval()
	case t.kind == tokWord || t.kind == tokQuoted:
		c.wordOperand(t)
	default:
		c.fail("expected an expression")
	}
}

func (c *cursor) strings() {
	for c.peek().kind == tokString {
		c.take()
	}
}

// interval takes INTERVAL 1 DAY or the function INTERVAL(a, b, ...).
func (c *cursor) interval() {
	c.expect("INTERVAL")
	function := c.at("(")
	c.expr()
	if !function || c.peek().kind == tokWord && isUnit(c.word()) {
		c.unit()
	}
}

// wordOperand takes what begins with a word: a literal, a column, a function.
func (c *cursor) wordOperand(t token) {
	next := c.peekAt(1)
	switch {
	case c.introducer(t, next):
		c.take()
		if c.take(); next.kind == tokString {
			c.strings()
		}
	case atWord(t, "DATE", "TIME", "TIMESTAMP") && next.kind == tokString:
		c.take()
		c.take()
	case next.word == "(" && (!reserved(t.word, c.dialect, c.version) || callable(t.word)):
		c.take()
		c.arguments(strings.ToUpper(c.text(t)))
	case atWord(t, "NULL", "TRUE", "FALSE", "DEFAULT", "MAXVALUE", "CURRENT_USER", "CURRENT_DATE", "CURRENT_TIME",
		"CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP"):
		c.take()
	case c.mariadb() && atWord(t, "NEXT", "PREVIOUS") && next.word == "VALUE":
		c.take()
		c.take()
		c.expect("FOR")
		c.tableName()
	default:
		c.columnRef()
		if c.at("(") {
			c.arguments("")
		}
	}
}

func atWord(t token, words ...string) bool {
	for _, w := range words {
		if t.kind == tokWord && t.word == w {
			return true
		}
	}
	return false
}

// introducer says whether _charset and a literal come next.
func (c *cursor) introducer(t, next token) bool {
	return t.kind == tokWord && c.src[t.start] == '_' && isCharset(c.src[t.start+1:t.end]) &&
		(next.kind == tokString || next.kind == tokHex || next.kind == tokBit)
}

// callable lists the reserved words that are functions' names.
func callable(word string) bool {
	switch word {
	case "IF", "LEFT", "RIGHT", "MOD", "REPEAT", "REPLACE", "INSERT", "CHAR", "CONVERT", "VALUES", "DATABASE", "SCHEMA",
		"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "LOCALTIME", "LOCALTIMESTAMP", "UTC_DATE",
		"UTC_TIME", "UTC_TIMESTAMP", "INTERVAL", "MATCH", "EXISTS", "ROW", "DEFAULT", "DAY_HOUR", "GROUPING", "BINARY",
		"RANK", "DENSE_RANK", "ROW_NUMBER", "CUME_DIST", "FIRST_VALUE", "LAST_VALUE", "LAG", "LEAD", "NTILE":
		return true
	}
	return false
}

// arguments takes the parentheses behind a function's name. Those that have
// words between their arguments are only checked for balance, except CAST and
// CONVERT, whose types are worth a look.
func (c *cursor) arguments(function string) {
	switch function {
	case "CAST":
		c.parens(func() {
			c.expr()
			c.expect("AS")
			c.castType()
			c.accept("ARRAY")
		})
	case "CONVERT":
		c.parens(func() {
			c.expr()
			if c.accept("USING") {
				c.charsetName()
				return
			}
			c.expect(",")
			c.castType()
		})
	case "EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID", "POSITION", "GROUP_CONCAT", "JSON_VALUE", "CHAR", "WEIGHT_STRING",
		"MATCH", "TIMESTAMPADD", "TIMESTAMPDIFF", "GET_FORMAT", "COUNT", "EXISTS":
		c.balanced()
	default:
		c.parens(func() {
			if !c.at(")") {
				c.list(c.queryOrExpr)
			}
		})
	}
}

// castType takes the type of a CAST.
func (c *cursor) castType() {
	switch w := c.take().word; w {
	case "SIGNED", "UNSIGNED":
		c.acceptAny("INT", "INTEGER")
	case "CHAR", "CHARACTER", "NCHAR", "VARCHAR":
		c.optionalParens(1)
		if c.acceptCharset() {
			c.charsetName()
		}
		c.acceptAny("ASCII", "UNICODE", "BINARY")
	case "NATIONAL":
		c.expectAny("CHAR", "CHARACTER")
		c.optionalParens(1)
	case "BINARY", "TIME", "DATETIME", "FLOAT":
		c.optionalParens(1)
	case "DECIMAL", "DEC", "DOUBLE":
		c.accept("PRECISION")
		c.optionalParens(2)
	case "DATE", "REAL", "YEAR", "JSON", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING",
		"MULTIPOLYGON", "GEOMETRYCOLLECTION", "GEOMCOLLECTION":
	case "INT", "INTEGER", "UUID", "INET4", "INET6":
		if !c.mariadb() {
			c.fail("MySQL has no CAST to %s", w)
		}
	default:
		c.fail("expected the type of a CAST")
	}
}

// optionalParens takes up to n integers in parentheses.
func (c *cursor) optionalParens(n int) {
	if !c.accept("(") {
		return
	}
	c.integer()
	for ; n > 1 && c.accept(","); n-- {
		c.integer()
	}
	c.expect(")")
}

// balanced takes everything from an opening parenthesis to the one that closes
// it.
func (c *cursor) balanced() {
	c.expect("(")
	for depth := 1; depth > 0 && c.err == nil; {
		switch t := c.take(); {
		case t.kind == tokEOF || t.word == ";":
			c.fail("a parenthesis is not closed")
		case t.word == "(":
			depth++
		case t.word == ")":
			depth--
		}
	}
}

// queryOrExpr takes an expression or a subquery up to its parenthesis.
func (c *cursor) queryOrExpr() {
	if !c.atAny("SELECT", "WITH") {
		c.expr()
		return
	}
	for !c.at(")") && c.err == nil {
		switch {
		case c.at("("):
			c.balanced()
		case c.peek().kind == tokEOF || c.at(";"):
			c.fail("the subquery is not closed")
		default:
			c.take()
		}
	}
}

func (c *cursor) caseExpr() {
	c.expect("CASE")
	if !c.at("WHEN") {
		c.expr()
	}
	for {
		c.expect("WHEN")
		c.expr()
		c.expect("THEN")
		c.expr()
		if !c.at("WHEN") {
			break
		}
	}
	if c.accept("ELSE") {
		c.expr()
	}
	c.expect("END")
}

// unit takes the unit of an INTERVAL.
func (c *cursor) unit() {
	if !isUnit(c.word()) {
		c.fail("expected the unit of the interval")
	}
	c.take()
}

func isUnit(word string) bool {
	switch word {
	case "MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR",
		"SECOND_MICROSECOND", "MINUTE_MICROSECOND", "MINUTE_SECOND", "HOUR_MICROSECOND", "HOUR_SECOND", "HOUR_MINUTE",
		"DAY_MICROSECOND", "DAY_SECOND", "DAY_MINUTE", "DAY_HOUR", "YEAR_MONTH",
		"SQL_TSI_SECOND", "SQL_TSI_MINUTE", "SQL_TSI_HOUR", "SQL_TSI_DAY", "SQL_TSI_WEEK", "SQL_TSI_MONTH",
		"SQL_TSI_QUARTER", "SQL_TSI_YEAR":
		return true
	}
	return false
}
