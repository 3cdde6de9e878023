package incremental

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// keyText writes a key as notifications do: the values as Java prints them,
// joined by commas. Bytes are written in hexadecimal digits, where Java has the
// address of an object.
func keyText(columns []*table.Column, key chunk.Key) string {
	texts := make([]string, len(key))
	for i, v := range key {
		texts[i] = "<null>"
		if !v.Null {
			texts[i] = valueText(columns[i], v.Text)
		}
	}
	return strings.Join(texts, ",")
}

func valueText(c *table.Column, text string) string {
	switch c.Kind {
	case table.Bit:
		if c.Length == 1 || c.Length == table.Unset {
			return strconv.FormatBool(text != "\x00")
		}
		return fmt.Sprintf("%x", text)
	case table.Binary, table.VarBinary, table.TinyBlob, table.Blob, table.MediumBlob, table.LongBlob:
		return fmt.Sprintf("%x", text)
	case table.Double:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return string(data.AppendFloat64(nil, f))
		}
	case table.DateTime, table.Timestamp:
		if t, err := time.Parse(time.DateTime, text); err == nil {
			fraction := fractionText(int64(t.Nanosecond()))
			if fraction == "" {
				fraction = ".0"
			}
			return t.Format(time.DateTime) + fraction
		}
	case table.Time:
		return durationText(text)
	case table.Year:
		return text + "-01-01"
	}
	return text
}

// durationText writes a TIME as java.time.Duration does.
func durationText(text string) string {
	parts := strings.Split(strings.TrimPrefix(text, "-"), ":")
	if len(parts) != 3 {
		return text
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign = "-"
	}
	out := "PT"
	for i, unit := range []string{"H", "M"} {
		if n := strings.TrimLeft(parts[i], "0"); n != "" {
			out += sign + n + unit
		}
	}
	seconds := strings.TrimLeft(parts[2], "0")
	if strings.Contains(seconds, ".") {
		seconds = strings.TrimRight(strings.TrimRight(seconds, "0"), ".")
		if strings.HasPrefix(seconds, ".") {
			seconds = "0" + seconds
		}
	}
	if seconds != "" || out == "PT" {
		if seconds == "" {
			seconds, sign = "0", ""
		}
		out += sign + seconds + "S"
	}
	return out
}
