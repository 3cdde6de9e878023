package value

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// binaryType converts binary strings. The server strips trailing zeros of
// BINARY(n); they are put back.
func binaryType(col *table.Column, mode BinaryMode) colType {
	pad := 0
	if col.JDBCType == table.JDBCBinary {
		pad = col.Length
	}
	raw := func(a *data.Arena, c *Cell) ([]byte, error) {
		switch {
		case c.Kind == Bytes && len(c.Data) < pad:
			b := a.Bytes(pad)
			clear(b[copy(b, c.Data):])
			return b, nil
		case c.Kind == Bytes || c.Kind == Text:
			return c.Data, nil
		}
		return nil, errKind(c, "bytes")
	}
	if mode == BinaryBytes {
		return simple(data.New(data.TypeBytes), data.Bytes(nil), func(a *data.Arena, c *Cell) (data.Value, error) {
			b, err := raw(a, c)
			if err != nil || len(c.Data) < pad && c.Kind == Bytes {
				return data.Bytes(b), err
			}
			return data.Bytes(a.Copy(b)), nil
		})
	}
	size, encode := binaryEncoding(mode)
	return simple(data.New(data.TypeString), data.String(""), func(a *data.Arena, c *Cell) (data.Value, error) {
		b, err := raw(a, c)
		if err != nil {
			return data.Value{}, err
		}
		return data.StringBytes(encode(a.Bytes(size(len(b)))[:0], b)), nil
	})
}

func binaryEncoding(mode BinaryMode) (size func(int) int, encode func(dst, src []byte) []byte) {
	switch mode {
	case BinaryBase64:
		return base64.StdEncoding.EncodedLen, data.AppendBase64
	case BinaryBase64URL:
		return base64.URLEncoding.EncodedLen, base64.URLEncoding.AppendEncode
	}
	return hex.EncodedLen, hex.AppendEncode
}

// stringType converts character data: bytes in the column's charset, or UTF-8
// as the server sent it.
func stringType(col *table.Column) colType {
	decode := textDecoder(col.Charset)
	return simple(data.New(data.TypeString), data.String(""), func(a *data.Arena, c *Cell) (data.Value, error) {
		switch c.Kind {
		case Bytes:
			return decode(a, c.Data), nil
		case Text:
			return utf8Text(a, c.Data), nil
		}
		return data.Value{}, errKind(c, "text")
	})
}

func jsonType(col *table.Column) colType {
	empty := data.String("{}")
	if col.Optional {
		empty = data.Null()
	}
	t := simple(named(data.TypeString, "io.debezium.data.Json"), data.String("{}"), func(a *data.Arena, c *Cell) (data.Value, error) {
		switch c.Kind {
		case JSONBinary:
			if len(c.Data) == 0 {
				return empty, nil
			}
			return jsonText(a, c.Data)
		case Text, Bytes:
			return utf8Text(a, c.Data), nil
		}
		return data.Value{}, errKind(c, "JSON")
	})
	t.bad = empty
	return t
}

// jsonText renders a document into the arena. Text is rarely more than twice as
// long as the binary form; only then does it grow out of the arena.
func jsonText(a *data.Arena, doc []byte) (data.Value, error) {
	room := a.Bytes(2*len(doc) + 64)
	text, err := AppendJSON(room[:0], doc)
	a.GiveBack(max(len(room)-len(text), 0))
	return data.StringBytes(text), err
}

// memberType converts ENUM and SET: in a stream a number, in a snapshot text.
func memberType(col *table.Column) colType {
	options := memberOptions(col.EnumValues)
	name, convert := "io.debezium.data.Enum", enumConvert(options)
	if col.Kind == table.Set {
		name, convert = "io.debezium.data.EnumSet", setConvert(options)
	}
	schema := named(data.TypeString, name).Param("allowed", strings.Join(options, ","))
	return simple(schema, data.String(""), func(a *data.Arena, c *Cell) (data.Value, error) {
		switch c.Kind {
		case Text:
			return utf8Text(a, c.Data), nil
		case Int:
			return convert(a, uint64(c.Num))
		}
		return data.Value{}, errKind(c, "a member")
	})
}

// memberOptions are the members as Debezium lists them in schemas and streams:
// without quotes, commas escaped, quotes of the SQL text resolved
// (MySqlAntlrDdlParser.extractEnumAndSetOptions).
func memberOptions(quoted []string) []string {
	options := make([]string, len(quoted))
	for i, q := range quoted {
		if len(q) >= 2 && (q[0] == '\'' || q[0] == '"' || q[0] == '`') && q[len(q)-1] == q[0] {
			q = q[1 : len(q)-1]
		}
		q = strings.ReplaceAll(q, ",", `\,`)
		q = strings.ReplaceAll(q, `\'`, "'")
		options[i] = strings.ReplaceAll(q, "''", "'")
	}
	return options
}

func enumConvert(options []string) func(*data.Arena, uint64) (data.Value, error) {
	values := make([]data.Value, len(options)+1)
	values[0] = data.String("") // what the server stores for an invalid value
	for i, o := range options {
		values[i+1] = data.String(o)
	}
	return func(_ *data.Arena, n uint64) (data.Value, error) {
		if n >= uint64(len(values)) {
			return data.Value{}, fmt.Errorf("ENUM index %d, but the column has %d members", n, len(values)-1)
		}
		return values[n], nil
	}
}

func setConvert(options []string) func(*data.Arena, uint64) (data.Value, error) {
	all := len(strings.Join(options, ","))
	return func(a *data.Arena, n uint64) (data.Value, error) {
		if n == 0 {
			return data.String(""), nil
		}
		out := a.Bytes(all + 64)[:0]
		for i := 0; n != 0; i, n = i+1, n>>1 {
			if n&1 == 0 {
				continue
			}
			if len(out) > 0 {
				out = append(out, ',')
			}
			if i < len(options) {
				out = append(out, options[i]...)
			}
		}
		return data.StringBytes(out), nil
	}
}

func vectorType() colType {
	schema := data.NewArray(data.New(data.TypeFloat32).Build()).Name("io.debezium.data.FloatVector").Version(1)
	return simple(schema, data.Array(nil), func(a *data.Arena, c *Cell) (data.Value, error) {
		if c.Kind != Bytes || len(c.Data)%4 != 0 {
			return data.Value{}, errKind(c, "a vector of floats")
		}
		elems := a.Values(len(c.Data) / 4)
		for i := range elems {
			elems[i] = data.Float32(math.Float32frombits(uint32(littleEndian(c.Data[4*i : 4*i+4]))))
		}
		return data.Array(elems), nil
	})
}
