package data

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// testdata/values.txt records what Values.parseString of Kafka 4.3.1 makes of
// texts: the text, the schema that it finds, and convertToString of the value.
func TestParseLiteralIsJavas(t *testing.T) {
	better := map[string]string{ // where Java loses something
		"1,2":                "string\t1,2",
		"01:02:03Z":          "string\t01:02:03Z",
		`["2022-01-08","x"]`: `string	["2022-01-08","x"]`,
		"[1,null]":           "array<int8>\t[1,null]",
		"١":                  "string\t١", // digits of other scripts
	}
	f, err := os.Open("testdata/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		text, want, _ := strings.Cut(lines.Text(), "\t")
		if b, ok := better[text]; ok {
			want = b
		}
		s, v := ParseLiteral(text)
		got := describe(s) + "\t" + string(AppendLiteral(nil, s, v))
		if strings.Contains(want, "<none>") || strings.Contains(want, ",none>") {
			_, value, _ := strings.Cut(want, "\t")
			want = "none\t" + value
		}
		if got != want && !(s == nil && strings.HasSuffix(want, string(AppendLiteral(nil, s, v)))) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if n < 70 {
		t.Errorf("only %d cases", n)
	}
}

func describe(s *Schema) string {
	switch {
	case s == nil:
		return "none"
	case s.typ == TypeArray:
		return "array<" + describe(s.elem) + ">"
	case s.typ == TypeMap:
		return "map<" + describe(s.key) + "," + describe(s.elem) + ">"
	case s.name != "":
		return s.typ.String() + "(" + s.name[strings.LastIndex(s.name, ".")+1:] + ")"
	}
	return s.typ.String()
}

func FuzzParseLiteral(f *testing.F) {
	for _, seed := range []string{`[1,{"a":2022-01-08}]`, `{"t":"01:02:03.004Z",5:[]}`, `-1.5e7`, "true"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, v := ParseLiteral(text)
		if s != nil {
			if err := s.Validate(v); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		AppendLiteral(nil, s, v)
	})
}
