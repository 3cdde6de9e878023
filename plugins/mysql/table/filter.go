package table

import (
	"fmt"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/configdef"
)

// FilterConfig holds the include and exclude lists as configured; an empty
// list does not filter. Include and exclude of the same kind do not combine: an
// include list wins, as in Debezium's Selectors.
type FilterConfig struct {
	IncludeDatabases, ExcludeDatabases string // database.include.list, database.exclude.list
	IncludeTables, ExcludeTables       string // table.include.list, table.exclude.list
	IncludeColumns, ExcludeColumns     string // column.include.list, column.exclude.list
	IgnoreBuiltin                      bool   // table.ignore.builtin
	// SignalTables (signal.data.collection) are captured whatever the lists say.
	SignalTables []string
}

// Filter says which databases, tables and columns are captured. It is safe for
// concurrent use and remembers what it answered about a table.
type Filter struct {
	databases, tables, columns choice
	ignoreBuiltin              bool
	signals                    Patterns
	seen                       sync.Map // ID → bool
}

// choice is one pair of lists reduced to what decides.
type choice struct {
	patterns Patterns
	exclude  bool
}

func (c choice) allows(name string) bool {
	return c.patterns == nil || c.patterns.Match(name) != c.exclude
}

// NewFilter compiles the lists; an error names the property and the expression.
func NewFilter(cfg FilterConfig) (*Filter, error) {
	f := &Filter{ignoreBuiltin: cfg.IgnoreBuiltin}
	var err error
	if f.databases, err = newChoice("database", cfg.IncludeDatabases, cfg.ExcludeDatabases); err != nil {
		return nil, err
	}
	if f.tables, err = newChoice("table", cfg.IncludeTables, cfg.ExcludeTables); err != nil {
		return nil, err
	}
	if f.columns, err = newChoice("column", cfg.IncludeColumns, cfg.ExcludeColumns); err != nil {
		return nil, err
	}
	for _, name := range cfg.SignalTables {
		p, err := ParsePatterns(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("signal.data.collection: %w", err)
		}
		f.signals = append(f.signals, p...)
	}
	return f, nil
}

func newChoice(kind, include, exclude string) (choice, error) {
	list, property := include, kind+".include.list"
	if strings.TrimSpace(include) == "" {
		list, property = exclude, kind+".exclude.list"
	}
	if strings.TrimSpace(list) == "" {
		return choice{}, nil
	}
	patterns, err := ParsePatterns(list)
	if err != nil {
		return choice{}, fmt.Errorf("%s: %w", property, err)
	}
	return choice{patterns: patterns, exclude: property == kind+".exclude.list"}, nil
}

// Database says whether the database passes its lists. Built-in databases are
// judged by the lists alone here, as in Debezium.
func (f *Filter) Database(name string) bool { return f.databases.allows(name) }

// Eligible says whether the table's database passes: the rule of
// schema.history.internal.store.only.captured.databases.ddl.
func (f *Filter) Eligible(id ID) bool {
	return f.databases.allows(id.Database) && f.NotBuiltin(id)
}

// NotBuiltin is false for the server's own tables when they are ignored.
func (f *Filter) NotBuiltin(id ID) bool {
	return !f.ignoreBuiltin || !IsBuiltin(id.Database)
}

// Signals reports whether rows of a table are signals.
func (f *Filter) Signals(id ID) bool { return f.signals.Match(id.String()) }

// Captured says whether changes of the table's rows are wanted.
func (f *Filter) Captured(id ID) bool {
	if known, ok := f.seen.Load(id); ok {
		return known.(bool)
	}
	captured := f.Eligible(id) && f.tables.allows(id.String()) || f.signals.Match(id.String())
	f.seen.Store(id, captured)
	return captured
}

// Column says whether a column of a captured table is wanted.
func (f *Filter) Column(id ID, column string) bool {
	return f.columns.patterns == nil || f.columns.allows(id.String()+"."+column)
}

// IsBuiltin names the databases that the server itself owns.
func IsBuiltin(database string) bool {
	switch strings.ToLower(database) {
	case "mysql", "performance_schema", "sys", "information_schema":
		return true
	}
	return false
}

// Patterns is a list of anchored, case-insensitive regular expressions.
type Patterns []Pattern

// Match says whether any pattern matches the whole of s.
func (ps Patterns) Match(s string) bool {
	for _, p := range ps {
		if p.Match(s) {
			return true
		}
	}
	return false
}

// Pattern is one regular expression in Java's syntax.
type Pattern struct {
	text string
	re   *configdef.Regex
}

// PatternError says what is wrong with an expression, in Java's words where it is a usual mistake.
type PatternError struct {
	Expression string
	Err        error
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("invalid regular expression %q: %v", e.Expression, e.Err)
}
func (e *PatternError) Unwrap() error { return e.Err }

// String is the expression as it was written.
func (p Pattern) String() string { return p.text }

// Match says whether the pattern matches the whole of s.
func (p Pattern) Match(s string) bool { return p.re.Match(s) }

// ParsePatterns reads a comma-separated list; a comma inside an expression is
// written "\,". Blanks around an expression are dropped, as are empty ones.
// Source: Debezium's Strings.RegExSplitter and Predicates.includes.
func ParsePatterns(list string) (Patterns, error) { return parsePatterns(list, "") }

// ParseTextPatterns is ParsePatterns for expressions whose dots match line ends
// too (Pattern.DOTALL).
func ParseTextPatterns(list string) (Patterns, error) { return parsePatterns(list, "(?s)") }

func parsePatterns(list, flags string) (Patterns, error) {
	parts, err := splitPatterns(list)
	if err != nil {
		return nil, err
	}
	patterns := Patterns{}
	for _, part := range parts {
		p, err := compile(flags, part)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// CompilePattern compiles one expression, anchored at both ends. An error is a
// PatternError.
func CompilePattern(expression string) (Pattern, error) { return compile("", expression) }

func compile(flags, expression string) (Pattern, error) {
	if _, err := configdef.CompileRegex(expression); err != nil { // which must not speak of the flags
		return Pattern{}, &PatternError{expression, err}
	}
	re, err := configdef.CompileRegex("(?i)" + flags + expression)
	if err != nil {
		return Pattern{}, &PatternError{expression, err}
	}
	return Pattern{expression, re}, nil
}

func splitPatterns(list string) ([]string, error) {
	var parts []string
	start := 0
	add := func(end int) {
		if end > start {
			parts = append(parts, strings.ReplaceAll(strings.TrimSpace(list[start:end]), `\,`, `,`))
		}
		start = end + 1
	}
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			if i++; i == len(list) {
				return nil, fmt.Errorf("invalid list %q: it ends in an unfinished escape sequence", list)
			}
		case ',':
			add(i)
		}
	}
	add(len(list))
	return parts, nil
}
