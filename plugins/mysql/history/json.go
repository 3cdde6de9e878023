package history

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// encoder writes JSON with Jackson's blanks and escapes. Values of arrays begin
// with element, values of objects with key.
type encoder struct {
	buf     []byte
	pretty  bool
	objects int // that are open; only they indent
	// filled says whether the innermost object or array has an element yet.
	filled bool
}

func (e *encoder) open(c byte) {
	e.buf = append(e.buf, c)
	if c == '{' {
		e.objects++
	}
	e.filled = false
}

func (e *encoder) close(c byte) {
	if c == '}' {
		e.objects--
	}
	switch {
	case !e.pretty:
	case c == '}' && e.filled:
		e.newline()
	default:
		e.buf = append(e.buf, ' ')
	}
	e.buf = append(e.buf, c)
	e.filled = true
}

func (e *encoder) newline() {
	e.buf = append(e.buf, '\n')
	for range e.objects {
		e.buf = append(e.buf, ' ', ' ')
	}
}

func (e *encoder) comma() {
	if e.filled {
		e.buf = append(e.buf, ',')
	}
	e.filled = true
}

func (e *encoder) element() {
	e.comma()
	if e.pretty {
		e.buf = append(e.buf, ' ')
	}
}

func (e *encoder) key(name string) {
	e.comma()
	if !e.pretty {
		e.str(name)
		e.buf = append(e.buf, ':')
		return
	}
	e.newline()
	e.str(name)
	e.buf = append(e.buf, ' ', ':', ' ')
}

func (e *encoder) field(name, value string) {
	e.key(name)
	e.str(value)
}

// nullableField writes null for nil.
func (e *encoder) nullableField(name string, value *string) {
	e.key(name)
	if value == nil {
		e.null()
		return
	}
	e.str(*value)
}

// nonEmptyField writes null for "".
func (e *encoder) nonEmptyField(name, value string) {
	if value == "" {
		e.nullableField(name, nil)
		return
	}
	e.field(name, value)
}

// optionalField writes nothing for nil.
func (e *encoder) optionalField(name string, value *string) {
	if value != nil {
		e.field(name, *value)
	}
}

func (e *encoder) numberField(name string, value int) {
	e.key(name)
	e.number(int64(value))
}

// setNumberField writes nothing for table.Unset.
func (e *encoder) setNumberField(name string, value int) {
	if value != table.Unset {
		e.numberField(name, value)
	}
}

func (e *encoder) boolField(name string, value bool) {
	e.key(name)
	e.bool(value)
}

func (e *encoder) stringsField(name string, values []string) {
	e.key(name)
	e.open('[')
	for _, v := range values {
		e.element()
		e.str(v)
	}
	e.close(']')
}

// hashMap writes a map in the order of a java.util.HashMap.
func (e *encoder) hashMap(m map[string]any) {
	e.open('{')
	for _, name := range data.HashMapOrder(m) {
		e.key(name)
		e.value(m[name])
	}
	e.close('}')
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.null()
	case string:
		e.str(v)
	case bool:
		e.bool(v)
	case int:
		e.number(int64(v))
	case int32:
		e.number(int64(v))
	case int64:
		e.number(v)
	case uint32:
		e.number(int64(v))
	case uint64:
		e.buf = strconv.AppendUint(e.buf, v, 10)
	case float64:
		e.buf = strconv.AppendFloat(e.buf, v, 'g', -1, 64)
	default:
		e.str(fmt.Sprint(v))
	}
}

func (e *encoder) null()          { e.buf = append(e.buf, "null"...) }
func (e *encoder) bool(v bool)    { e.buf = strconv.AppendBool(e.buf, v) }
func (e *encoder) number(v int64) { e.buf = strconv.AppendInt(e.buf, v, 10) }

// str writes a string as Jackson does by default: control characters and quotes
// are escaped, everything else stands for itself.
func (e *encoder) str(s string) {
	e.buf = append(e.buf, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			e.buf = utf8.AppendRune(e.buf, r)
			i += size
			continue
		}
		e.ascii(c)
		i++
	}
	e.buf = append(e.buf, '"')
}

func (e *encoder) ascii(c byte) {
	const digits = "0123456789ABCDEF"
	switch {
	case c == '"' || c == '\\':
		e.buf = append(e.buf, '\\', c)
	case c >= ' ':
		e.buf = append(e.buf, c)
	case c == '\b':
		e.buf = append(e.buf, '\\', 'b')
	case c == '\t':
		e.buf = append(e.buf, '\\', 't')
	case c == '\n':
		e.buf = append(e.buf, '\\', 'n')
	case c == '\f':
		e.buf = append(e.buf, '\\', 'f')
	case c == '\r':
		e.buf = append(e.buf, '\\', 'r')
	default:
		e.buf = append(e.buf, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
}
