package debezium

import (
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

// What Debezium cannot expand, or expands in an order that differs from run to run.
func TestExpand(t *testing.T) {
	tests := []struct {
		adjustment, text, want string
	}{
		{"", `[1,2]`, `[1, 2]`},
		{"", `{"l":[{"a":1},{"b":"x"},{"a":null,"c":2.5}]}`, `Struct{l=[Struct{a=1}, Struct{b=x}, Struct{c=2.5}]}`},
		{"", `{"k":123456789012345678901}`, `Struct{k=1.2345678901234568E20}`},
		{"", `{"a":1,"b":2,"a":3}`, `Struct{a=3,b=2}`},
		{"avro", `{"a-b":1,"1c":2,"a_b":3}`, `Struct{a_b=3,_1c=2}`},
		{"avro_unicode", `{"a-b_c":1}`, `Struct{a_u002db_u005fc=1}`},
		{"", `{"l":[[1],[]]}`, `Struct{l=[[1], []]}`},
	}
	for _, tt := range tests {
		e := newExpander(false, tt.adjustment)
		s, v, err := e.expand(&data.Arena{}, "payload", tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := string(data.AppendText(nil, s, v)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if again, _, _ := e.expand(&data.Arena{}, "payload", tt.text); again != s {
			t.Errorf("%s: another schema the second time", tt.text)
		}
	}
	for _, bad := range []string{"", "x", "[]", "{", `{"a":[1,"x"]}`, `{"a":[null]}`, `{"a":[[1],["x"]]}`} {
		if _, _, err := newExpander(false, "").expand(&data.Arena{}, "payload", bad); err == nil {
			t.Errorf("%s was expanded", bad)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add(`{"id":1,"lines":[{"sku":"a","qty":2},{"sku":null}]}`, true)
	f.Add(`[[1.5],[null]]`, false)
	f.Fuzz(func(t *testing.T, text string, nullsAsBytes bool) {
		s, v, err := newExpander(nullsAsBytes, "avro").expand(&data.Arena{}, "payload", text)
		if err != nil {
			return
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}
