package incremental

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// recordedKey is a key that Debezium wrote into an offset.
type recordedKey struct {
	Of         string
	Columns    []string
	Key        []string
	Serialized string
}

func recordedKeys(t testing.TB) (keys []recordedKey) {
	t.Helper()
	text, err := os.ReadFile("testdata/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	return keys
}

func (k *recordedKey) parse(t testing.TB) ([]*table.Column, chunk.Key) {
	t.Helper()
	var columns []*table.Column
	var key chunk.Key
	for i, name := range k.Columns {
		name, length, _ := strings.Cut(name, ":")
		c := &table.Column{Name: "c" + strconv.Itoa(i), TypeName: name, Length: table.Unset}
		if length != "" {
			n, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			c.Length = n
		}
		c.Derive()
		columns = append(columns, c)
		value := k.Key[i]
		key = append(key, chunk.Value{Text: value})
	}
	return columns, key
}

func TestKeysAreThoseOfDebezium(t *testing.T) {
	for _, k := range recordedKeys(t) {
		columns, key := k.parse(t)
		got, err := encodeKey(columns, key)
		if err != nil || got != k.Serialized {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", k.Of, got, err, k.Serialized)
		}
	}
}

// What comes back is the same to SQL: trailing zeros of a fraction may be gone.
func TestKeysComeBack(t *testing.T) {
	for _, k := range recordedKeys(t) {
		columns, key := k.parse(t)
		back, err := decodeKey(columns, k.Serialized)
		if err != nil {
			t.Errorf("%s: %v", k.Of, err)
			continue
		}
		if len(back) != len(key) {
			t.Errorf("%s: %d values came back of %d", k.Of, len(back), len(key))
			continue
		}
		again, err := encodeKey(columns, back)
		if err != nil || again != k.Serialized {
			t.Errorf("%s: the key that came back is another one: %v, %v", k.Of, back, err)
		}
	}
}

func TestNullsAndStringsInKeys(t *testing.T) {
	text := &table.Column{Name: "c", TypeName: "VARCHAR"}
	text.Derive()
	want := chunk.Key{{Text: "a\x00é日𝄞"}, {Null: true}, {Text: "a\x00é日𝄞"}, {Text: ""}}
	serialized, err := encodeKey([]*table.Column{text, text, text, text}, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeKey([]*table.Column{text, text, text, text}, serialized)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d is %q, want %q", i, got[i].Text, want[i].Text)
		}
	}
}

func FuzzDecodeKey(f *testing.F) {
	for _, k := range recordedKeys(f) {
		f.Add(k.Serialized)
	}
	f.Add("aced000571007e0000")
	f.Add("aced00057573720003")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = decodeValues(text) // must not panic or hang
	})
}
