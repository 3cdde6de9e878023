//go:build servers

package soak

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/rig"
)

// rows are the rows of a table by id, each a text of its columns in the order of their names.
type rows map[string]string

// foldTopic reads a topic up to the row that is marked as the last one and returns what the changes add up to.
func foldTopic(t *testing.T, c sarama.Client, topic, last string) rows {
	t.Helper()
	folded := rows{}
	rig.Read(t, c, topic, func(m *sarama.ConsumerMessage) bool {
		if m.Value == nil {
			return false // the tombstone after a delete
		}
		e := decodeEvent(t, m)
		switch e.Op {
		case "t":
			clear(folded)
		case "d":
			delete(folded, e.Before["id"].(json.Number).String())
		default:
			folded[e.After["id"].(json.Number).String()] = rowText(e.After)
		}
		return e.After["mark"] == last
	})
	return folded
}

type event struct {
	Op            string
	Before, After map[string]any
}

func decodeEvent(t *testing.T, m *sarama.ConsumerMessage) (e event) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(m.Value)))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%s, record %d: %v: %s", m.Topic, m.Offset, err, m.Value)
	}
	return e
}

func rowText(fields map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&b, "%s=%v ", name, fields[name])
	}
	return b.String()
}

// tableRows reads a table as the events have it.
func tableRows(t *testing.T, conn *client.Conn, table *table) rows {
	t.Helper()
	r, err := conn.Execute("SELECT * FROM " + database + "." + table.name)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, c := range table.columns {
		kinds[c.name] = c.kind
	}
	all := rows{}
	for i := range r.RowNumber() {
		fields := map[string]any{}
		for k := range r.ColumnNumber() {
			name := string(r.Fields[k].Name)
			null, err := r.IsNull(i, k)
			if err != nil {
				t.Fatal(err)
			}
			text, err := r.GetString(i, k)
			if err != nil {
				t.Fatal(err)
			}
			if fields[name] = nil; !null {
				fields[name] = eventText(kinds[name], text)
			}
		}
		all[fmt.Sprint(fields["id"])] = rowText(fields)
	}
	return all
}

// eventText writes the server's text of a value as events have it in the connector's modes.
func eventText(kind, text string) any {
	switch name, _, _ := strings.Cut(kind, "("); name {
	case "DATE", "TIME":
		return text + "Z"
	case "DATETIME":
		return strings.Replace(text, " ", "T", 1) + "Z"
	case "BLOB", "VARBINARY":
		return hex.EncodeToString([]byte(text))
	case "BIGINT UNSIGNED":
		return base64.StdEncoding.EncodeToString(bigEndian(text))
	case "DOUBLE":
		if !strings.ContainsAny(text, ".e") {
			return text + ".0"
		}
	}
	return text
}

// bigEndian is the two's complement of a number below 2^63 in as few bytes as possible.
func bigEndian(text string) []byte {
	var n uint64
	_, _ = fmt.Sscan(text, &n) // the server's own number
	b := []byte{byte(n)}
	for n >>= 8; n > 0; n >>= 8 {
		b = append([]byte{byte(n)}, b...)
	}
	if b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

func compareRows(t *testing.T, table string, got, want rows) {
	t.Helper()
	ids := slices.Sorted(maps.Keys(want))
	for id := range got {
		if _, there := want[id]; !there {
			t.Errorf("%s: the topic has the row %s, which the table has not", table, got[id])
		}
	}
	for _, id := range ids {
		if got[id] != want[id] {
			t.Errorf("%s: the topic has the row %q, the table %q", table, got[id], want[id])
		}
	}
}
