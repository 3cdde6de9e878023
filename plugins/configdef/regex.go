package configdef

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// Regex is a Java regular expression (java.util.regex.Pattern). What Go's
// engine understands runs in linear time; look-around and back references run
// on a backtracking engine, with a limit on the time of one match. Possessive
// quantifiers and intersections of character classes are refused.
type Regex struct {
	pattern string
	find    engine // anywhere
	whole   engine // the whole text
	java    engine // anywhere, from any offset; nil when only Go's engine takes the pattern
	names   map[string]int
	groups  int
}

// engine finds the first match at or after a byte offset and returns the byte
// offsets of its groups, two for each, -1 for a group that took no part.
type engine interface {
	match(s string, from int) ([]int, error)
}

// matchLimit ends a match that backtracks without end.
const matchLimit = 5 * time.Second

// EndlessError says that an expression backtracks without end.
type EndlessError struct {
	Pattern string
	Limit   time.Duration
}

func (e *EndlessError) Error() string {
	return fmt.Sprintf("the regular expression %s did not come to an end within %s; write it without repetitions in repetitions, such as (a+)+", e.Pattern, e.Limit)
}

// CompileRegex compiles a Java pattern. For the usual mistakes the error has
// Java's words, such as "Unclosed character class near index 0".
func CompileRegex(pattern string) (*Regex, error) {
	if strings.Contains(pattern, "&&") && strings.Contains(pattern, "[") {
		return nil, fmt.Errorf("intersections of character classes (&&) are not supported: %s", pattern)
	}
	r := &Regex{pattern: pattern, names: map[string]int{}}
	java, javaErr := compileJava(pattern)
	if javaErr == nil {
		r.java = javaEngine{java, pattern}
	}
	simple, err := regexp.Compile(pattern)
	if err == nil {
		r.find, r.whole = goEngine{simple}, goEngine{regexp.MustCompile(`\A(?:` + pattern + `)\z`)}
		r.groups = simple.NumSubexp()
		for i, name := range simple.SubexpNames() {
			r.names[name] = i
		}
		return r, nil
	}
	full, fullErr := compileJava(`\A(?:` + pattern + `)\z`)
	if javaErr != nil || fullErr != nil {
		return nil, javaSyntax(pattern, err)
	}
	r.find, r.whole = r.java, javaEngine{full, pattern}
	for _, i := range java.GetGroupNumbers() {
		r.groups = max(r.groups, i)
		r.names[java.GroupNameFromNumber(i)] = i
	}
	return r, nil
}

func compileJava(pattern string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err == nil {
		re.MatchTimeout = matchLimit
	}
	return re, err
}

// javaSyntax says what is wrong with a pattern as Java's PatternSyntaxException does.
func javaSyntax(pattern string, err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err
	}
	var what string
	var index int
	switch e.Code {
	case syntax.ErrMissingBracket:
		what, index = "Unclosed character class", len(pattern)-1
	case syntax.ErrMissingParen:
		what, index = "Unclosed group", len(pattern)
	case syntax.ErrUnexpectedParen:
		what, index = "Unmatched closing ')'", max(0, unmatchedParen(pattern)-1)
	case syntax.ErrMissingRepeatArgument:
		what, index = "Dangling meta character '"+e.Expr[:1]+"'", strings.Index(pattern, e.Expr)
	default:
		return fmt.Errorf("%s: %s", e.Code, pattern)
	}
	text := fmt.Sprintf("%s near index %d\n%s", what, index, pattern)
	if index < len(pattern) {
		text += "\n" + strings.Repeat(" ", index) + "^"
	}
	return errors.New(text)
}

// unmatchedParen is where the first parenthesis closes what none opened.
func unmatchedParen(pattern string) int {
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return 0
}

// String is the pattern.
func (r *Regex) String() string { return r.pattern }

// Match is Matches for plugins: it panics with the error, which fails the task, as a
// StackOverflowError does in Java. No match would leave out what was asked for.
func (r *Regex) Match(s string) bool {
	ok, err := r.Matches(s)
	if err != nil {
		panic(err)
	}
	return ok
}

// Matches reports whether the whole text matches (Matcher.matches). An expression
// that backtracks without end is an EndlessError.
func (r *Regex) Matches(s string) (bool, error) {
	if e, ok := r.whole.(goEngine); ok {
		return e.re.MatchString(s), nil // allocates nothing
	}
	m, err := r.whole.match(s, 0)
	return m != nil, err
}

// ReplaceFirst replaces the first match in s. The replacement may refer to
// groups as $1 or ${name}; a backslash takes the meaning from what follows.
func (r *Regex) ReplaceFirst(s, replacement string) (string, error) {
	m, err := r.find.match(s, 0)
	if err != nil || m == nil {
		return s, err
	}
	out, err := r.expand(nil, s, m, replacement)
	return s[:m[0]] + string(out) + s[m[1]:], err
}

// ReplaceAll replaces every match in s.
func (r *Regex) ReplaceAll(s, replacement string) (string, error) {
	var out []byte
	done := 0
	for at := 0; at <= len(s); {
		m, err := r.next(s, at)
		if err != nil {
			return "", err
		}
		if m == nil {
			break
		}
		out = append(out, s[done:m[0]]...)
		if out, err = r.expand(out, s, m, replacement); err != nil {
			return "", err
		}
		done, at = m[1], m[1]
		if m[0] == m[1] {
			at++
		}
	}
	return string(append(out, s[done:]...)), nil
}

// next finds the match at or after an offset. Go's engine skips an empty match
// next to the one before, which Java does not.
func (r *Regex) next(s string, from int) ([]int, error) {
	if r.java != nil {
		return r.java.match(s, from)
	}
	return r.find.match(s, from)
}

func (r *Regex) expand(out []byte, s string, m []int, replacement string) ([]byte, error) {
	for i := 0; i < len(replacement); {
		switch c := replacement[i]; c {
		case '\\':
			if i+1 == len(replacement) {
				return nil, errors.New("character to be escaped is missing")
			}
			out = append(out, replacement[i+1])
			i += 2
		case '$':
			group, n, err := r.reference(replacement[i+1:])
			if err != nil {
				return nil, err
			}
			if m[2*group] >= 0 {
				out = append(out, s[m[2*group]:m[2*group+1]]...)
			}
			i += 1 + n
		default:
			out = append(out, c)
			i++
		}
	}
	return out, nil
}

// reference reads what follows a "$": n is its length.
func (r *Regex) reference(s string) (group, n int, err error) {
	switch {
	case s == "":
		return 0, 0, errors.New("Illegal group reference: group index is missing")
	case s[0] == '{':
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return 0, 0, errors.New("named capturing group is missing trailing '}'")
		}
		g, ok := r.names[s[1:end]]
		if !ok {
			return 0, 0, fmt.Errorf("No group with name {%s}", s[1:end])
		}
		return g, end + 1, nil
	case s[0] < '0' || s[0] > '9':
		return 0, 0, errors.New("Illegal group reference")
	}
	group, n = int(s[0]-'0'), 1
	if group > r.groups {
		return 0, 0, errors.New("No group " + strconv.Itoa(group))
	}
	for n < len(s) && '0' <= s[n] && s[n] <= '9' && group*10+int(s[n]-'0') <= r.groups {
		group, n = group*10+int(s[n]-'0'), n+1
	}
	return group, n, nil
}

type goEngine struct{ re *regexp.Regexp }

func (e goEngine) match(s string, from int) ([]int, error) {
	if from == 0 {
		return e.re.FindStringSubmatchIndex(s), nil
	}
	// Later matches still have to see what stands before them.
	for _, m := range e.re.FindAllStringSubmatchIndex(s, -1) {
		if m[0] >= from {
			return m, nil
		}
	}
	return nil, nil
}

type javaEngine struct {
	re      *regexp2.Regexp
	pattern string
}

func (e javaEngine) match(s string, from int) ([]int, error) {
	runes := []rune(s)
	offsets := make([]int, 0, len(runes)+1) // byte offset of each rune
	for i := range s {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(s))
	start := 0
	for offsets[start] < from {
		start++
	}
	m, err := e.re.FindRunesMatchStartingAt(runes, start)
	if err != nil { // which quotes the text, and that may hold secrets
		return nil, &EndlessError{e.pattern, e.re.MatchTimeout}
	}
	if m == nil {
		return nil, nil
	}
	out := make([]int, 0, 2*m.GroupCount())
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			out = append(out, -1, -1)
			continue
		}
		out = append(out, offsets[g.Index], offsets[g.Index+g.Length])
	}
	return out, nil
}

// ValidRegex accepts Java regular expressions (RegexValidator of Connect's transforms).
func ValidRegex() Validator {
	return simple("valid regex", func(value any) string {
		s, ok := value.(string)
		if !ok { // what Java says of a null
			return `Invalid regex: Cannot invoke "String.isEmpty()" because "this.pattern" is null`
		}
		if _, err := CompileRegex(s); err != nil {
			return "Invalid regex: " + err.Error()
		}
		return ""
	})
}
