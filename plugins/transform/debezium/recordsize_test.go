package debezium

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// Debezium measures in characters, and so cuts text that is not ASCII too
// much, or not at all. Here it is cut to bytes, at the end of a character.
func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	row := data.New(data.TypeStruct).Field("t", data.New(data.TypeString).Build()).Build()
	event := data.New(data.TypeStruct).Name("p.u.t.Envelope").Field("after", row).Build()
	for size := 600; size < 1400; size++ {
		tr, err := newTransform(t, "io.debezium.transforms.EnforceRecordSize", map[string]string{"max.bytes": strconv.Itoa(size), "min.field.size": "10"})
		if err != nil {
			t.Fatal(err)
		}
		after := data.NewStructValue(row)
		after.Set(0, data.String(strings.Repeat("é😀", 100)))
		value := data.NewStructValue(event)
		value.Set(0, data.StructOf(after))
		r := connect.Record{Topic: "t", ValueSchema: event, Value: data.StructOf(value)}
		if _, err := tr.Apply(&data.Arena{}, &r); err != nil {
			t.Fatal(err)
		}
		got := r.Value.Struct().At(0).Struct().At(0).Str()
		if !utf8.ValidString(got) || len(got) > 600 {
			t.Fatalf("%d: %q", size, got)
		}
		if n := tr.(*recordSize).estimate(&r); got != "" && n > int64(size) {
			t.Fatalf("%d bytes allowed, %d estimated", size, n)
		}
	}
}
