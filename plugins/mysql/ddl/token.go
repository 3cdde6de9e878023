package ddl

// tokenKind says what a token is; the text itself stays in the source.
type tokenKind uint8

const (
	tokEOF    tokenKind = iota
	tokWord             // keyword or unquoted identifier
	tokQuoted           // `name`, or "name" under ANSI_QUOTES
	tokString           // 'text', or "text" without ANSI_QUOTES
	tokNumber           // 12, 1.5, 1e-3
	tokHex              // 0x1F or x'1F'
	tokBit              // 0b10 or b'10'
	tokVar              // @user or @@system variable, with its scope and quotes
	tokSymbol           // punctuation and operators
)

// token is a piece of the source.
type token struct {
	kind       tokenKind
	start, end int
	// word is the keyword in upper case when kind is tokWord and the word is
	// one that this package knows, or the symbol itself; else "".
	word string
	// conditional tokens stand inside an executable comment.
	conditional bool
}

// Mode holds the flags of sql_mode that change how text is cut into tokens.
type Mode struct {
	ANSIQuotes         bool
	NoBackslashEscapes bool
}

// Dialect is the server family whose grammar applies.
type Dialect uint8

const (
	MySQL Dialect = iota
	MariaDB
)

// newest returns the version assumed when the server's is not known.
func (d Dialect) newest() int {
	if d == MariaDB {
		return 120300
	}
	return 90700
}
