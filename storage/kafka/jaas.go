package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// LoginModule is one entry of a JAAS configuration.
type LoginModule struct {
	Class   string
	Control string // required, requisite, sufficient or optional, in lower case
	Options map[string]string
}

// ParseLoginModules reads the value of sasl.jaas.config: entries of the form
//
//	class control-flag key=value ... ;
//
// with values quoted or plain and with Java comments (JaasConfig). Errors never
// quote a value.
func ParseLoginModules(text string) ([]LoginModule, error) {
	t := jaasTokens{rest: text}
	var modules []LoginModule
	for {
		tok, err := t.next()
		if err != nil {
			return nil, err
		}
		if tok.kind == jaasEnd {
			break
		}
		m, err := t.module(tok)
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	if len(modules) == 0 {
		return nil, errors.New("login module not specified in JAAS config")
	}
	return modules, nil
}

// ParseLoginFile reads a JAAS login configuration file (the Java system
// property java.security.auth.login.config): named contexts, each with modules
// in braces.
func ParseLoginFile(text string) (map[string][]LoginModule, error) {
	t := jaasTokens{rest: text}
	contexts := map[string][]LoginModule{}
	for {
		name, err := t.next()
		if err != nil || name.kind == jaasEnd {
			return contexts, err
		}
		if open, err := t.next(); err != nil || name.kind != jaasWord || open.kind != '{' {
			return nil, fmt.Errorf("expected a context name and {, found %s", name.kindName())
		}
		modules, err := t.block(name.text)
		if err != nil {
			return nil, err
		}
		contexts[name.text] = modules
	}
}

// block reads modules up to the closing brace and the semicolon behind it.
func (t *jaasTokens) block(context string) ([]LoginModule, error) {
	var modules []LoginModule
	for {
		tok, err := t.next()
		if err != nil {
			return nil, err
		}
		switch tok.kind {
		case '}':
			if end, err := t.next(); err != nil || end.kind != ';' {
				return nil, fmt.Errorf("context %s: } must be followed by a semicolon", context)
			}
			return modules, nil
		case jaasEnd:
			return nil, fmt.Errorf("context %s: no closing brace", context)
		}
		m, err := t.module(tok)
		if err != nil {
			return nil, fmt.Errorf("context %s: %w", context, err)
		}
		modules = append(modules, m)
	}
}

// module reads an entry whose first token has been read.
func (t *jaasTokens) module(first jaasToken) (LoginModule, error) {
	m := LoginModule{Class: first.text, Options: map[string]string{}}
	flag, err := t.next()
	if err != nil {
		return m, err
	}
	m.Control = strings.ToLower(flag.text)
	switch m.Control {
	case "required", "requisite", "sufficient", "optional":
	case "":
		return m, errors.New("login module control flag is not available in the JAAS config")
	default:
		return m, errors.New("invalid login module control flag in JAAS config: expected required, requisite, sufficient or optional behind the module's class")
	}
	for {
		key, err := t.next()
		switch {
		case err != nil:
			return m, err
		case key.kind == ';':
			return m, nil
		case key.kind == jaasEnd:
			return m, errors.New("JAAS config entry not terminated by semi-colon")
		}
		if err := t.option(m.Options, key.text); err != nil {
			return m, err
		}
	}
}

func (t *jaasTokens) option(options map[string]string, key string) error {
	eq, err := t.next()
	if err != nil {
		return err
	}
	var value jaasToken
	if eq.kind == '=' {
		if value, err = t.next(); err != nil {
			return err
		}
	}
	if value.kind != jaasWord {
		if !optionName.MatchString(key) {
			return errors.New("an option in the JAAS config has no value: write name=\"...\", and \\\" for a quote inside a value")
		}
		return fmt.Errorf("value not specified for key '%s' in JAAS config: write %s=\"...\"; values that begin with a digit need quotes", key, key)
	}
	options[key] = value.text
	return nil
}

// optionName matches the options of the login modules that are known. Where a value
// lacks its quotes, what looks like an option may be a part of it, which no error may
// quote.
var optionName = regexp.MustCompile(`\A(?:username|password|tokenauth|clientId|clientSecret|scope|principal|keyTab|useKeyTab|useTicketCache|ticketCache|storeKey|` +
	`serviceName|doNotPrompt|renewTGT|refreshKrb5Config|file|awsProfileName|awsRole[A-Z][A-Za-z]*|awsStsRegion|awsDebugCreds|awsMax[A-Z][A-Za-z]*|` +
	`(?:oauth|ssl)\.[a-z0-9.]+|extension_\w+|unsecuredLogin\w+)\z`)

// Kinds of tokens; other characters are tokens of their own kind.
const (
	jaasEnd    rune = -1
	jaasWord   rune = -2 // a word or a quoted string
	jaasNumber rune = -3
)

type jaasToken struct {
	kind rune
	text string
}

// kindName says what a token is, and not what it holds, which may be secret.
func (t jaasToken) kindName() string {
	switch t.kind {
	case jaasEnd:
		return "the end"
	case jaasWord:
		return "a word without {"
	case jaasNumber:
		return "a number"
	}
	return "'" + string(t.kind) + "'"
}

// jaasTokens splits text as Java's StreamTokenizer does with its default syntax
// and the word characters - _ $: letters and, behind the first, digits, points and
// dashes form words, a token that begins like a number is one, " and ' quote.
type jaasTokens struct{ rest string }

func (t *jaasTokens) next() (jaasToken, error) {
	t.skip()
	if t.rest == "" {
		return jaasToken{kind: jaasEnd}, nil
	}
	c := t.rest[0]
	switch {
	case c == '"' || c == '\'':
		return t.quoted(c)
	case numeric(c):
		return t.number(), nil
	case letter(c):
		n := 1
		for n < len(t.rest) && (letter(t.rest[n]) || numeric(t.rest[n])) {
			n++
		}
		tok := jaasToken{jaasWord, t.rest[:n]}
		t.rest = t.rest[n:]
		return tok, nil
	}
	t.rest = t.rest[1:]
	return jaasToken{kind: rune(c)}, nil
}

// number takes what makes up a number; a word may follow it without a gap, and
// is then a token of its own.
func (t *jaasTokens) number() jaasToken {
	n := 0
	for n < len(t.rest) && numeric(t.rest[n]) {
		n++
	}
	t.rest = t.rest[n:]
	return jaasToken{kind: jaasNumber}
}

func numeric(c byte) bool { return c >= '0' && c <= '9' || c == '.' || c == '-' }

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 128
}

// skip passes white space (all control characters and the blank) and comments.
func (t *jaasTokens) skip() {
	for {
		t.rest = strings.TrimLeftFunc(t.rest, func(r rune) bool { return r <= ' ' })
		switch {
		case strings.HasPrefix(t.rest, "/*"):
			_, t.rest, _ = strings.Cut(t.rest[2:], "*/")
		case strings.HasPrefix(t.rest, "/"): // a single slash begins a comment too
			end := strings.IndexAny(t.rest, "\n\r")
			if end < 0 {
				end = len(t.rest)
			}
			t.rest = t.rest[end:]
		default:
			return
		}
	}
}

// quoted reads a string up to the same quote or the end of the line, with C's
// escapes.
func (t *jaasTokens) quoted(quote byte) (jaasToken, error) {
	var b strings.Builder
	s := t.rest[1:]
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			t.rest = s[i+1:]
			return jaasToken{jaasWord, b.String()}, nil
		case c == '\n' || c == '\r':
			return jaasToken{}, errors.New("a quoted value in the JAAS config is not closed before the end of the line")
		case c == '\\' && i+1 < len(s):
			used := unescapeC(&b, s[i+1:])
			i += used
		default:
			b.WriteByte(c)
		}
	}
	return jaasToken{}, errors.New("a quoted value in the JAAS config is not closed")
}

// unescapeC resolves the escape that s begins with, behind its backslash, and
// returns the number of bytes that it has.
func unescapeC(b *strings.Builder, s string) int {
	if s[0] >= '0' && s[0] <= '7' {
		v, n := 0, 0
		for n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '7' && (n < 2 || s[0] <= '3') {
			v = v*8 + int(s[n]-'0')
			n++
		}
		b.WriteRune(rune(v))
		return n
	}
	if i := strings.IndexByte("abfnrtv", s[0]); i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v"[i])
	} else {
		b.WriteByte(s[0])
	}
	return 1
}
