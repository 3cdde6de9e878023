package parity

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/install"
)

// Every case gets Java's answer, or the one that a case gives with a reason.
func TestConvertersAreJavas(t *testing.T) {
	paths, err := filepath.Glob("golden/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, path := range paths {
		cases, err := Read(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for i, c := range cases {
			seen[c.Class]++
			got, err := Play(c)
			if err != nil {
				t.Fatalf("%s:%d: %v", path, i+1, err)
			}
			want := c.Answer
			if c.Differs != "" {
				want = *c.Own
			}
			if why := differs(c, got, want); why != "" {
				t.Errorf("%s:%d: %s %v: %s\n in %s%s", path, i+1, c.Class, c.Config, why, deref(c.In), c.Schema)
			}
		}
	}
	for _, p := range install.Builtin() {
		if (p.Kind == connect.KindConverter || p.Kind == connect.KindHeaderConverter) && seen[p.Class] == 0 {
			t.Errorf("no case for %s", p.Class)
		}
	}
	total := 0
	for class, n := range seen {
		total += n
		t.Logf("%-70s %4d cases", class, n)
	}
	recorded := total + transformCases(t)
	t.Logf("%d cases of converters, %d with transforms and jsonconv's own", total, recorded)
	if recorded < 400 {
		t.Errorf("only %d cases", recorded)
	}
}

// transformCases counts the recordings that stand beside the code.
func transformCases(t *testing.T) int {
	n := 0
	for _, path := range []string{
		"../../plugins/transform/testdata/java.jsonl", "../../plugins/transform/debezium/testdata/others.jsonl",
		"../../plugins/transform/debezium/testdata/routing.jsonl", "../../plugins/converter/jsonconv/testdata/java.txt",
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			n++
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func differs(c Case, got, want Answer) string {
	switch {
	case !sameError(got.Error, want.Error):
		return "\n error " + got.Error + "\n  want " + want.Error
	case deref(got.Out) != deref(want.Out) || (got.Out == nil) != (want.Out == nil):
		return "\n  out " + deref(got.Out) + "\n want " + deref(want.Out) + registeredTexts(got, want)
	case c.Schema == "" && registeredTexts(got, want) != "":
		return registeredTexts(got, want)
	case !sameError(got.BackError, want.BackError):
		return "\n backError " + got.BackError + "\n      want " + want.BackError
	case canonical(deref(got.Back)) != canonical(deref(want.Back)):
		return "\n back " + canonical(deref(got.Back)) + "\n want " + canonical(deref(want.Back))
	}
	return ""
}

func registeredTexts(got, want Answer) string {
	if len(got.Registered) != len(want.Registered) {
		return "\n other subjects: " + asText(got.Registered) + "\n           want: " + asText(want.Registered)
	}
	for i, g := range got.Registered {
		w := want.Registered[i]
		if g.SchemaType == "JSON" { // Java's order of members is that of no map that we know
			g.Schema, w.Schema = sorted(g.Schema), sorted(w.Schema)
		}
		if g.Subject != w.Subject || g.SchemaType != w.SchemaType || g.Schema != w.Schema {
			return "\n schema " + g.Subject + " " + g.Schema + "\n   want " + w.Subject + " " + w.Schema
		}
	}
	return ""
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// sameError lets our errors say more than Java's: they hold the message of one of Java's exceptions.
func sameError(got, want string) bool {
	if want == "" || got == "" {
		return want == got
	}
	for _, part := range strings.Split(want, " | ") {
		_, message, _ := strings.Cut(part, ": ")
		if message != "null" && strings.Contains(got, strings.TrimSpace(message)) {
			return true
		}
	}
	return strings.Contains(got, want)
}

// canonical sorts what Java keeps in maps without order: parameters, and data without schema.
func canonical(text string) string {
	n, err := jsontree.Parse([]byte(text))
	if err != nil {
		return text
	}
	if s, ok := n.Get("schema"); ok && s.Kind == jsontree.Null {
		sortTree(&n, func(string) bool { return true })
	} else {
		sortTree(&n, func(name string) bool { return name == "parameters" })
	}
	return n.String()
}

func sorted(text string) string {
	n, err := jsontree.Parse([]byte(text))
	if err != nil {
		return text
	}
	sortTree(&n, func(string) bool { return true })
	return n.String()
}

func sortTree(n *jsontree.Node, which func(member string) bool) {
	for i := range n.Elems {
		sortTree(&n.Elems[i], which)
	}
	for i := range n.Members {
		m := &n.Members[i]
		sortTree(&m.Value, which)
		if which(m.Name) {
			slices.SortFunc(m.Value.Members, func(a, b jsontree.Member) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	if which("") {
		slices.SortFunc(n.Members, func(a, b jsontree.Member) int { return strings.Compare(a.Name, b.Name) })
	}
}
