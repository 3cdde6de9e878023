package reselect

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// literal writes a cell of the binlog as SQL that is equal to it in a session
// with time_zone '+00:00'.
func literal(c *table.Column, cell *value.Cell) (string, error) {
	switch cell.Kind {
	case value.Null:
		return "NULL", nil
	case value.Int:
		return integer(c, cell.Num), nil
	case value.Float64:
		return strconv.FormatFloat(cell.Float(), 'e', -1, 64), nil
	case value.Decimal:
		return decimal(cell.Num, int(cell.Scale)), nil
	case value.DecimalBig, value.DecimalText:
		return string(cell.AppendDecimal(nil)), nil
	case value.Date:
		t := cell.Civil()
		return fmt.Sprintf("'%04d-%02d-%02d'", t.Year, t.Month, t.Day), nil
	case value.DateTime:
		t := cell.Civil()
		return fmt.Sprintf("'%04d-%02d-%02d %02d:%02d:%02d.%06d'", t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second, t.Micros), nil
	case value.Timestamp, value.TextTimestamp:
		if cell.Num == value.ZeroTimestamp {
			return "'0000-00-00 00:00:00'", nil
		}
		return "'" + time.UnixMicro(cell.Num).UTC().Format("2006-01-02 15:04:05.000000") + "'", nil
	case value.Time:
		return duration(cell.Num), nil
	case value.Bytes:
		return bytesOf(c, cell.Data)
	case value.Text:
		return "_utf8mb4 x'" + hex.EncodeToString(cell.Data) + "'", nil
	}
	return "", fmt.Errorf("a value of type %s cannot be looked for", c.TypeName)
}

// integer takes care of columns that are unsigned: the bits above their width
// repeat the sign bit. Members of ENUM and SET are compared by number.
func integer(c *table.Column, n int64) string {
	if !c.Unsigned && c.Kind != table.Set && c.Kind != table.Enum {
		return strconv.FormatInt(n, 10)
	}
	u := uint64(n)
	switch c.Kind {
	case table.TinyInt:
		u &= 1<<8 - 1
	case table.SmallInt:
		u &= 1<<16 - 1
	case table.MediumInt:
		u &= 1<<24 - 1
	case table.Int:
		u &= 1<<32 - 1
	}
	return strconv.FormatUint(u, 10)
}

func decimal(unscaled int64, scale int) string {
	n := big.NewInt(unscaled)
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func duration(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	seconds := micros / 1_000_000
	return fmt.Sprintf("'%s%02d:%02d:%02d.%06d'", sign, seconds/3600, seconds/60%60, seconds%60, micros%1_000_000)
}

// bytesOf writes text in the charset of its column, and bytes as they are.
func bytesOf(c *table.Column, b []byte) (string, error) {
	digits := "x'" + hex.EncodeToString(b) + "'"
	switch {
	case c.Kind == table.Bit:
		return new(big.Int).SetBytes(b).String(), nil
	case c.Kind == table.Geometry || c.Kind == table.Vector:
		return "", fmt.Errorf("a value of type %s cannot be looked for", c.TypeName)
	case !c.IsText():
		return digits, nil
	case c.Charset == "":
		return "", fmt.Errorf("its character set is not known")
	}
	return "_" + c.Charset + " " + digits, nil
}
