package kafka

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf16"
)

// Properties are Java properties: of a client, or of a whole worker.
type Properties map[string]string

// WithPrefix returns the properties whose names begin with prefix, without it
// (Java's originalsWithPrefix).
func (p Properties) WithPrefix(prefix string) Properties {
	out := Properties{}
	for k, v := range p {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			out[name] = v
		}
	}
	return out
}

// With returns a copy of p with over's properties added; over wins.
func (p Properties) With(over Properties) Properties {
	out := make(Properties, len(p)+len(over))
	maps.Copy(out, p)
	maps.Copy(out, over)
	return out
}

// Names lists the property names in order.
func (p Properties) Names() []string { return slices.Sorted(maps.Keys(p)) }

// LoadProperties reads a properties file as Java's Utils.loadProps does.
func LoadProperties(path string) (Properties, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	p, err := ParseProperties(b)
	if err != nil {
		return nil, fmt.Errorf("reading properties %s: %w", path, err)
	}
	return p, nil
}

// ParseProperties reads text in the format of java.util.Properties.load: bytes
// are ISO 8859-1, a backslash escapes, joins lines and introduces \uXXXX, a name
// ends at the first unescaped '=', ':' or white space, and the last of several
// equal names wins. The error names the line, counted from 1.
func ParseProperties(text []byte) (Properties, error) {
	p := Properties{}
	s := lineScanner{text: text, at: 1}
	for s.next() {
		key, value := splitLine(s.line)
		k, err := unescape(key)
		if err == nil {
			p[k], err = unescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", s.start, err)
		}
	}
	return p, nil
}

// lineScanner yields logical lines: without comments, blank lines, leading
// white space and line ends, and with continued lines joined.
type lineScanner struct {
	text  []byte
	at    int    // number of the line at the head of text
	start int    // number of the first natural line of line
	line  []byte // escapes still in place
}

func (s *lineScanner) next() bool {
	s.line = s.line[:0]
	for len(s.text) > 0 {
		begun := len(s.line) > 0
		first := s.at
		natural := trimLeft(s.natural())
		if !begun {
			// Java looks for comments and blank lines until the logical line has
			// its first character, even behind a continuation.
			if len(natural) == 0 || natural[0] == '#' || natural[0] == '!' {
				continue
			}
			s.start = first
		}
		s.line = append(s.line, natural...)
		if !endsInBackslash(natural) {
			return true
		}
		s.line = s.line[:len(s.line)-1]
		if len(s.text) == 0 {
			return true // a backslash at the very end joins nothing
		}
	}
	return len(s.line) > 0
}

// natural cuts the next natural line, ended by \n, \r, \r\n or the end.
func (s *lineScanner) natural() []byte {
	for i, c := range s.text {
		if c != '\n' && c != '\r' {
			continue
		}
		line := s.text[:i]
		if c == '\r' && i+1 < len(s.text) && s.text[i+1] == '\n' {
			i++
		}
		s.text = s.text[i+1:]
		s.at++
		return line
	}
	line := s.text
	s.text = nil
	return line
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

// endsInBackslash reports whether an odd number of backslashes ends the line.
func endsInBackslash(line []byte) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// splitLine parts a logical line into name and value, escapes still in place.
func splitLine(line []byte) (key, value []byte) {
	end := 0
	for end < len(line) && line[end] != '=' && line[end] != ':' && !isSpace(line[end]) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	rest := trimLeft(line[end:])
	if len(rest) > 0 && (rest[0] == '=' || rest[0] == ':') {
		rest = trimLeft(rest[1:])
	}
	return line[:end], rest
}

// unescape resolves escapes. Java's strings are UTF-16: two \u escapes may form
// one character.
func unescape(b []byte) (string, error) {
	units := make([]uint16, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := uint16(b[i])
		if c != '\\' {
			units = append(units, c)
			continue
		}
		i++
		if i == len(b) {
			break
		}
		switch b[i] {
		case 'u':
			u, err := hexUnit(b[i+1:])
			if err != nil {
				return "", err
			}
			units = append(units, u)
			i += 4
		case 't':
			units = append(units, '\t')
		case 'r':
			units = append(units, '\r')
		case 'n':
			units = append(units, '\n')
		case 'f':
			units = append(units, '\f')
		default:
			units = append(units, uint16(b[i]))
		}
	}
	return string(utf16.Decode(units)), nil
}

func hexUnit(b []byte) (uint16, error) {
	var u uint16
	for i := range 4 {
		if i >= len(b) {
			return 0, fmt.Errorf(`malformed \u escape: 4 hexadecimal digits must follow, found %d`, i)
		}
		d := strings.IndexByte("0123456789abcdef", b[i]|0x20)
		if d < 0 || b[i] < '0' {
			return 0, fmt.Errorf(`malformed \u escape: %q is not a hexadecimal digit`, b[i])
		}
		u = u<<4 | uint16(d)
	}
	return u, nil
}
