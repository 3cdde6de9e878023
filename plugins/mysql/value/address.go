package value

import (
	"encoding/hex"
	"net/netip"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// addressType converts MariaDB's UUID, INET4 and INET6: text in a snapshot,
// bytes in a stream. Debezium knows UUID only and stops on the others.
func addressType(kind table.Kind) colType {
	schema, text := data.New(data.TypeString), inetText
	if kind == table.UUID {
		schema, text = named(data.TypeString, "io.debezium.data.Uuid"), uuidText
	}
	size := 16
	if kind == table.Inet4 {
		size = 4
	}
	return simple(schema, data.String(""), func(a *data.Arena, c *Cell) (data.Value, error) {
		switch {
		case c.Kind == Text:
			return utf8Text(a, c.Data), nil
		case c.Kind == Bytes && len(c.Data) <= size:
			return text(a, c.Data, size), nil
		}
		return data.Value{}, errKind(c, "an address")
	})
}

// uuidText prints a UUID. The server strips trailing zero bytes; Debezium then
// reads what is left as the low end of the number, which its consumers see.
func uuidText(a *data.Arena, b []byte, _ int) data.Value {
	var full [16]byte
	copy(full[16-len(b):], b)
	out := a.Bytes(36)
	at := 0
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			out[at] = '-'
			at++
		}
		start := [...]int{0, 4, 6, 8, 10}[i]
		at += hex.Encode(out[at:], full[start:start+n])
	}
	return data.StringBytes(out)
}

func inetText(a *data.Arena, b []byte, size int) data.Value {
	var full [16]byte
	copy(full[:], b)
	addr, _ := netip.AddrFromSlice(full[:size])
	return data.StringBytes(addr.AppendTo(a.Bytes(46)[:0]))
}
