package configdef

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
)

// Secret is the parsed value of a PASSWORD property. It prints as "[hidden]";
// Reveal gives the text itself.
type Secret struct{ text string }

// Hidden stands for a password wherever it would be seen (Password.HIDDEN).
const Hidden = "[hidden]"

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the password.
func (s Secret) Reveal() string { return s.text }

// String gives "[hidden]", also through fmt and slog.
func (Secret) String() string { return Hidden }

// GoString keeps %#v from showing the text.
func (Secret) GoString() string { return Hidden }

// LogValue keeps the text out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalJSON keeps the text out of JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Hidden + `"`), nil }

// ParseValue parses a property's text with the rules of Java's
// ConfigDef.parseType. The result is bool, string, int32, int16, int64,
// float64, []string, Secret, or string for CLASS.
func ParseValue(name, text string, t Type) (any, error) {
	trimmed := trim(text)
	switch t {
	case Boolean:
		return parseBool(name, text, trimmed)
	case String, Class:
		return trimmed, nil
	case Password:
		return Secret{trimmed}, nil
	case Int:
		i, err := strconv.ParseInt(trimmed, 10, 32)
		return number(int32(i), err, name, text, t)
	case Short:
		i, err := strconv.ParseInt(trimmed, 10, 16)
		return number(int16(i), err, name, text, t)
	case Long:
		i, err := strconv.ParseInt(trimmed, 10, 64)
		return number(i, err, name, text, t)
	case Double:
		f, err := parseDouble(trimmed)
		return number(f, err, name, text, t)
	case List:
		return splitList(trimmed), nil
	}
	return nil, &Error{name, fmt.Sprintf("configuration %s has unknown type %q", name, t)}
}

func number(value any, err error, name, text string, t Type) (any, error) {
	if err != nil {
		return nil, Invalid(name, text, "Not a number of type "+string(t))
	}
	return value, nil
}

func parseBool(name, text, trimmed string) (any, error) {
	switch {
	case strings.EqualFold(trimmed, "true"):
		return true, nil
	case strings.EqualFold(trimmed, "false"):
		return false, nil
	}
	return nil, Invalid(name, text, "Expected value to be either true or false")
}

// trim drops what Java's String.trim drops: everything up to the space character.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// parseDouble accepts what Double.parseDouble does: no "inf", no underscores,
// but a trailing d or f, and numbers too big for a double.
func parseDouble(s string) (float64, error) {
	body := strings.TrimLeft(s, "+-")
	if body == "Infinity" || body == "NaN" {
		return strconv.ParseFloat(s, 64)
	}
	hex := strings.HasPrefix(body, "0x") || strings.HasPrefix(body, "0X")
	if last := len(s) - 1; last > 0 && strings.ContainsRune("dDfF", rune(s[last])) && (!hex || strings.ContainsAny(s, "pP")) {
		s = s[:last]
	}
	if strings.ContainsAny(s, "_iInN") {
		return 0, strconv.ErrSyntax
	}
	f, err := strconv.ParseFloat(s, 64)
	if math.IsInf(f, 0) {
		err = nil
	}
	return f, err
}

// splitList cuts at commas and drops white space around them; empty elements stay.
func splitList(s string) []string {
	if s == "" {
		return []string{}
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		if i > 0 {
			p = strings.TrimLeft(p, " \t\n\v\f\r")
		}
		if i < len(parts)-1 {
			p = strings.TrimRight(p, " \t\n\v\f\r")
		}
		parts[i] = p
	}
	return parts
}

// FormatValue gives a parsed value as text (ConfigDef.convertToString): lists
// joined by commas, passwords hidden, "" for nil.
func FormatValue(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []string:
		return strings.Join(v, ",")
	case float64:
		return formatDouble(v)
	}
	return fmt.Sprint(value)
}

// formatDouble writes a double as Java's Double.toString does for numbers that
// stand in configurations.
func formatDouble(f float64) string {
	abs := math.Abs(f)
	switch {
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.Replace(strconv.FormatFloat(f, 'f', -1, 64), "Inf", "Infinity", 1), "+")
	case f != f:
		return "NaN"
	case abs != 0 && (abs < 1e-3 || abs >= 1e7):
		mant, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		n, _ := strconv.Atoi(exp)
		return pointed(mant) + "E" + strconv.Itoa(n)
	}
	return pointed(strconv.FormatFloat(f, 'f', -1, 64))
}

func pointed(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
