package chunk

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// Session is a statement that a session runs once before it compares keys: a
// zero date in a key must not be an error.
const Session = "SET SESSION sql_mode=REPLACE(REPLACE(@@SESSION.sql_mode,'NO_ZERO_IN_DATE',''),'NO_ZERO_DATE','')"

// Value is one value of a key, as the text protocol has it.
type Value struct {
	Text string
	Null bool
}

// Key holds the values of the key's columns of one row; nil for no key at all.
type Key []Value

// Clone copies a key whose texts may refer to other memory.
func (k Key) Clone() Key {
	c := slices.Clone(k)
	for i := range c {
		c[i].Text = strings.Clone(c[i].Text)
	}
	return c
}

// Sortable says whether a table can be read in pieces in the order of a column:
// its values can be written as literals that are exactly equal to them. FLOAT
// values are printed with fewer digits than they have.
func Sortable(c *table.Column) bool {
	switch c.Kind {
	case table.Unknown, table.Float, table.JSON, table.Geometry, table.Vector:
		return false
	}
	return true
}

// literal writes a value of a column, which is not NULL, so that it compares
// with the column as ORDER BY sorts.
func literal(c *table.Column, text string) (string, error) {
	switch c.Kind {
	case table.TinyInt, table.SmallInt, table.MediumInt, table.Int, table.BigInt, table.Year, table.Decimal, table.Double:
		if !isNumber(text) {
			return "", fmt.Errorf("column %s: %q is not a number", c.Name, text)
		}
		return text, nil
	case table.Bit:
		return new(big.Int).SetBytes([]byte(text)).String(), nil
	case table.Enum:
		n, err := enumIndex(c, text)
		return strconv.Itoa(n), err
	case table.Set:
		bits, err := setBits(c, text)
		return strconv.FormatUint(bits, 10), err
	case table.Binary, table.VarBinary, table.TinyBlob, table.Blob, table.MediumBlob, table.LongBlob:
		return "x'" + hex.EncodeToString([]byte(text)) + "'", nil
	}
	if !Sortable(c) {
		return "", fmt.Errorf("column %s of type %s cannot be compared exactly with a literal", c.Name, c.TypeName)
	}
	if strings.IndexByte(text, '\\') >= 0 { // whether it escapes depends on the sql_mode
		return "_utf8mb4 x'" + hex.EncodeToString([]byte(text)) + "'", nil
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'", nil
}

func isNumber(text string) bool {
	if text == "" {
		return false
	}
	for _, b := range []byte(text) {
		if (b < '0' || b > '9') && b != '-' && b != '+' && b != '.' && b != 'e' && b != 'E' {
			return false
		}
	}
	return true
}

// enumIndex is the number of a member, 0 for the empty text of an invalid value.
func enumIndex(c *table.Column, text string) (int, error) {
	if i := slices.Index(c.Members, text); i >= 0 {
		return i + 1, nil
	}
	if text == "" {
		return 0, nil
	}
	return 0, fmt.Errorf("column %s: %q is not a member of the ENUM as it is known", c.Name, text)
}

func setBits(c *table.Column, text string) (bits uint64, err error) {
	if text == "" {
		return 0, nil
	}
	for member := range strings.SplitSeq(text, ",") {
		i := slices.Index(c.Members, member)
		if i < 0 {
			return 0, fmt.Errorf("column %s: %q is not a member of the SET as it is known", c.Name, member)
		}
		bits |= 1 << i
	}
	return bits, nil
}

// Compare compares two keys as the server does. ok is false when the order of
// their values is the server's secret, as with text, whose collation decides.
func Compare(columns []*table.Column, a, b Key) (order int, ok bool) {
	for i, c := range columns {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x.Null || y.Null {
			return cmp.Compare(boolInt(!x.Null), boolInt(!y.Null)), true // NULL sorts first
		}
		if order, ok = compareValue(c, x.Text, y.Text); !ok || order != 0 {
			return order, ok
		}
	}
	return 0, true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareValue(c *table.Column, x, y string) (int, bool) {
	switch c.Kind {
	case table.TinyInt, table.SmallInt, table.MediumInt, table.Int, table.BigInt, table.Year, table.Decimal, table.Double:
		return compareNumbers(x, y)
	case table.Bit:
		return new(big.Int).SetBytes([]byte(x)).Cmp(new(big.Int).SetBytes([]byte(y))), true
	case table.Enum:
		i, err := enumIndex(c, x)
		j, err2 := enumIndex(c, y)
		return cmp.Compare(i, j), err == nil && err2 == nil
	case table.Set:
		i, err := setBits(c, x)
		j, err2 := setBits(c, y)
		return cmp.Compare(i, j), err == nil && err2 == nil
	case table.Date, table.DateTime, table.Timestamp: // of one column, and so of equal form
		return cmp.Compare(x, y), len(x) == len(y)
	case table.Binary, table.VarBinary:
		return cmp.Compare(x, y), true
	}
	return 0, false
}

func compareNumbers(x, y string) (int, bool) {
	a, ok := new(big.Rat).SetString(x)
	b, ok2 := new(big.Rat).SetString(y)
	if !ok || !ok2 {
		return 0, false
	}
	return a.Cmp(b), true
}
