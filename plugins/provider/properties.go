package provider

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// parseProperties reads a Java properties file (java.util.Properties.load) in
// UTF-8. A key that comes twice has its last value.
func parseProperties(text []byte) (map[string]string, error) {
	out := map[string]string{}
	for _, line := range logicalLines(string(text)) {
		key, value := cutProperty(line)
		k, err := unescapeProperty(key)
		if err != nil {
			return nil, err
		}
		if out[k], err = unescapeProperty(value); err != nil {
			return nil, fmt.Errorf("value of %s: %w", k, err)
		}
	}
	return out, nil
}

// logicalLines drops blanks and comments and joins lines that end in an odd
// number of backslashes with what follows.
func logicalLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var out []string
	open := false // the line before goes on
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if !open && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		backslashes := len(line) - len(strings.TrimRight(line, `\`))
		more := backslashes%2 == 1
		if more {
			line = line[:len(line)-1]
		}
		if open {
			out[len(out)-1] += line
		} else {
			out = append(out, line)
		}
		open = more
	}
	return out
}

// cutProperty cuts at the first separator that is not escaped: "=", ":" or
// white space, with white space around it.
func cutProperty(line string) (key, value string) {
	i := 0
	for i < len(line) && !strings.ContainsRune("=: \t\f", rune(line[i])) {
		if line[i] == '\\' {
			i++
		}
		i++
	}
	i = min(i, len(line))
	rest := strings.TrimLeft(line[i:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return line[:i], rest
}

func unescapeProperty(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var out strings.Builder
	var units []uint16 // of \u escapes in a row, which may form surrogate pairs
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) && s[i+1] == 'u' {
			if i+6 > len(s) {
				return "", fmt.Errorf("malformed \\uxxxx encoding")
			}
			u, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
			if err != nil {
				return "", fmt.Errorf("malformed \\uxxxx encoding")
			}
			units = append(units, uint16(u))
			i += 5
			continue
		}
		out.WriteString(string(utf16.Decode(units)))
		units = units[:0]
		if c == '\\' && i+1 < len(s) {
			i++
			if c = s[i]; strings.IndexByte("tnrf", c) >= 0 {
				c = "\t\n\r\f"[strings.IndexByte("tnrf", c)]
			}
		}
		out.WriteByte(c)
	}
	out.WriteString(string(utf16.Decode(units)))
	return out.String(), nil
}
