package event

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Adjustment is schema.name.adjustment.mode or field.name.adjustment.mode.
type Adjustment uint8

// The adjustments.
const (
	AdjustNone Adjustment = iota
	AdjustAvro
	AdjustAvroUnicode
	// AdjustAvro1 is what Debezium 1.x always did: as AdjustAvro, but a leading
	// digit is replaced, not kept behind an underscore.
	AdjustAvro1
)

// ParseAdjustment reads a mode's name.
func ParseAdjustment(s string) (Adjustment, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "none":
		return AdjustNone, nil
	case "avro":
		return AdjustAvro, nil
	case "avro_unicode":
		return AdjustAvroUnicode, nil
	}
	return AdjustNone, fmt.Errorf("%q is none of none, avro, avro_unicode", s)
}

// schemaName makes the full name of a schema valid; dots stay
// (io.debezium.schema.SchemaNameAdjuster).
func (a Adjustment) schemaName(name string) string { return a.adjust(name, true) }

// fieldName makes the name of a field valid.
func (a Adjustment) fieldName(name string) string { return a.adjust(name, false) }

// adjust replaces each UTF-16 unit that Avro does not allow: by an underscore,
// or by _u and its code, where the underscore itself is replaced too, so that
// no two names become the same.
func (a Adjustment) adjust(name string, dots bool) string {
	if a == AdjustNone {
		return name
	}
	var b strings.Builder
	for i, unit := range utf16.Encode([]rune(name)) {
		c := rune(unit)
		first := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' && a != AdjustAvroUnicode
		digit := c >= '0' && c <= '9'
		switch {
		case first, i > 0 && (digit || dots && c == '.'):
			b.WriteRune(c)
		case a == AdjustAvroUnicode:
			b.WriteString(escapeUnit(unit))
		case digit && a == AdjustAvro:
			b.WriteByte('_')
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// escapeUnit writes the code as Debezium does, which pads it to four digits only
// when it has two.
func escapeUnit(unit uint16) string {
	hex := strconv.FormatUint(uint64(unit), 16)
	if len(hex) <= 2 {
		hex = "00" + hex
	}
	return "_u" + hex
}
