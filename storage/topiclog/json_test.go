package topiclog

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestStringsAreJacksons(t *testing.T) {
	for in, want := range map[string]string{
		"":                    `""`,
		"a\"b\\c/d":           `"a\"b\\c/d"`,
		"\b\f\n\r\t":          `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":        "\"\\u0000\\u001F\x7f\"",
		"ü\u2028<>&'":         "\"ü\u2028<>&'\"",
		"😀\U0010ffff":         `"\uD83D\uDE00\uDBFF\uDFFF"`,
		"\xff broken \xc3end": "\"\ufffd broken \ufffdend\"",
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\x00ü😀")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want { // invalid bytes become U+FFFD
			t.Errorf("%q came back as %q", want, got)
		}
	})
}

func TestDecodeJSON(t *testing.T) {
	for in, want := range map[string]any{
		"":                        nil,
		"null":                    nil,
		"1":                       int64(1),
		"-9223372036854775808":    int64(-1 << 63),
		"9223372036854775808":     float64(1 << 63),
		"1.0":                     1.0,
		`{"a":[1,{"b":2.5}]}rest`: map[string]any{"a": []any{int64(1), map[string]any{"b": 2.5}}},
	} {
		if got, err := DecodeJSON([]byte(in)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v %v, want %#v", in, got, err, want)
		}
	}
	for _, in := range []string{"{", "nul", `{"a":}`} {
		if got, err := DecodeJSON([]byte(in)); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}
