package jsontree

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestKeepsOrderAndDigits(t *testing.T) {
	const text = `{"b":[1.50,1e400,9223372036854775807],"a":{"é":"\u0001\"😀","n":null},"c":true}`
	n, err := Parse([]byte(text))
	if err != nil || n.String() != text {
		t.Errorf("%s, %v", n, err)
	}
	n.Set("a", Int(5))
	if v, ok := n.Get("a"); !ok || v.Text != "5" || n.Members[1].Name != "a" {
		t.Errorf("%s", n)
	}
	if n, err := Parse([]byte(`{"a":1,"a":2}`)); err != nil || n.String() != `{"a":2}` {
		t.Errorf("%s, %v", n, err)
	}
	for _, bad := range []string{``, `{`, `[1,]`, `1 2`, `{"a"}`, strings.Repeat("[", 1100) + strings.Repeat("]", 1100)} {
		if n, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%.20q became %s", bad, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\ud800",{}],"a":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(n.Append(nil))
		if err != nil || again.String() != n.String() || !json.Valid(n.Append(nil)) {
			t.Errorf("%q became %s: %v", b, n, err)
		}
	})
}
