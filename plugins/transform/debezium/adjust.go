package debezium

import (
	"fmt"
	"strings"
)

// adjuster makes names fit for Avro, as schema.name.adjustment.mode and
// field.name.adjustment.mode ask for (SchemaNameAdjuster). The zero adjuster
// changes nothing.
type adjuster struct {
	avro, unicode bool
	dots          bool // dots are part of a name, as in those of schemas
}

func newAdjuster(mode string, dots bool) adjuster {
	mode = strings.ToLower(strings.TrimSpace(mode))
	return adjuster{avro: mode == "avro" || mode == "avro_unicode", unicode: mode == "avro_unicode", dots: dots}
}

// adjust replaces what Avro does not allow: by an underscore, which stands
// before a digit in the first place, or by the character's code after "_u". In
// the latter mode the underscore is an escape character and is replaced too.
func (a adjuster) adjust(name string) string {
	if !a.avro {
		return name
	}
	var out strings.Builder
	for i, c := range name {
		digit := '0' <= c && c <= '9'
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' && !a.unicode
		switch {
		case letter, digit && i > 0, c == '.' && a.dots && i > 0:
			out.WriteRune(c)
		case a.unicode:
			fmt.Fprintf(&out, "_u%04x", c)
		case digit:
			out.WriteString("_" + string(c))
		default:
			out.WriteByte('_')
		}
	}
	return out.String()
}
