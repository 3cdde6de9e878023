package offset

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

func TestFieldsInTheOrderOfAHashMap(t *testing.T) {
	b, err := os.ReadFile("testdata/hashorder.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")[1:]
	for _, line := range lines {
		want := strings.Split(line, "\t")
		m := map[string]any{}
		for _, k := range want {
			m[k] = nil
		}
		if got := data.HashMapOrder(m); !slices.Equal(got, want) {
			t.Errorf("order\n got %v\nwant %v", got, want)
		}
	}
}

func TestKeysAndValuesAreJavas(t *testing.T) {
	for _, c := range []struct {
		partition, offset map[string]any
		key, value        string
	}{
		{map[string]any{"filename": "/data/in.txt"}, map[string]any{"position": int64(6)}, `["fs-1",{"filename":"/data/in.txt"}]`, `{"position":6}`},
		{map[string]any{"server": "s", "database": "d"}, map[string]any{"file": "f", "pos": 4, "ts_sec": nil, "snapshot": true},
			`["fs-1",{"server":"s","database":"d"}]`, `{"ts_sec":null,"file":"f","pos":4,"snapshot":true}`},
		{map[string]any{"f": 1.0, "e": 1e10}, nil, `["fs-1",{"e":1.0E10,"f":1.0}]`, ""},
		{nil, map[string]any{}, `["fs-1",null]`, `{}`},
		{map[string]any{"é😀": "\x02\n"}, map[string]any{"b": []byte{1, 2}}, `["fs-1",{"é\uD83D\uDE00":"\u0002\n"}]`, `{"b":"AQI="}`},
	} {
		key, err := Key("fs-1", c.partition)
		if err != nil || string(key) != c.key {
			t.Errorf("key of %v: %s %v, want %s", c.partition, key, err, c.key)
		}
		value, err := Value(c.offset)
		if err != nil || string(value) != c.value || (value == nil) != (c.offset == nil) {
			t.Errorf("value of %v: %s %v, want %s", c.offset, value, err, c.value)
		}
	}
}

func TestForeignKeysArePassedOver(t *testing.T) {
	x := newIndex()
	for _, key := range []string{"", "null", "{}", `["c"]`, `["c",null]`, `["c",[]]`, `[1,{}]`, `["c",{},1]`, "no json", `["c",{"a":{}}]`} {
		x.put([]byte(key), []byte("{}"))
	}
	if n := len(x.entries()); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A partition keeps the key under which another worker wrote it, whatever the
// order of its fields.
func TestKeyBytesAreKept(t *testing.T) {
	x := newIndex()
	theirs := `["c",{"database":"d","server":"s"}]`
	x.put([]byte(theirs), []byte(`{"pos":1}`))
	p := map[string]any{"server": "s", "database": "d"}
	got, err := x.get("c", []map[string]any{p})
	if err != nil || got[0]["pos"] != int64(1) {
		t.Fatalf("offset %v %v", got, err)
	}
	e, err := x.encodeAll("c", offsetsOf(p, map[string]any{"pos": 2}))
	if err != nil || string(e[0].key) != theirs {
		t.Errorf("key %s %v, want %s", e[0].key, err, theirs)
	}
}

func TestDamagedOffsetIsReported(t *testing.T) {
	x := newIndex()
	x.put([]byte(`["c",{"a":1}]`), []byte(`[1]`))
	for _, err := range []error{second(x.get("c", []map[string]any{{"a": 1}})), second(x.all("c"))} {
		if err == nil || !strings.Contains(err.Error(), "connector c") || !strings.Contains(err.Error(), `{"a":1}`) {
			t.Errorf("error %v names neither connector nor partition", err)
		}
	}
}

func second[A any](_ A, err error) error { return err }
