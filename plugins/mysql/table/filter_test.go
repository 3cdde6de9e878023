package table

import (
	"strings"
	"testing"
)

// TestPatterns: what Java's Pattern.matches says with CASE_INSENSITIVE.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		list, text string
		want       bool
	}{
		{"shop", "SHOP", true}, {"shop", "shops", false}, {"shop", "myshop", false}, {" a , b ,, c", "c", true},
		{"a.*", "a\nb", false}, {`db\.(orders|items)`, "db.items", true}, {`db\.t\d{1\,3}`, "db.t12", true}, {`db\.t\d{1\,3}`, "db.t1234", false},
		{`a\,b`, "a,b", true}, {`(?!tmp_).*`, "tmp_x", false}, {`(?!tmp_).*`, "orders", true}, {`(\w)\1`, "aa", true}, {`(\w)\1`, "ab", false},
		{`(?!TMP_).*`, "tmp_x", false}, {`[^.]+\.x`, "a.x", true}, {`a|b`, "b", true}, {`a|b`, "ab", false},
	} {
		p, err := ParsePatterns(c.list)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(c.text); got != c.want {
			t.Errorf("%q matches %q: %t", c.list, c.text, got)
		}
	}
	if p, err := ParseTextPatterns("a.*b"); err != nil || !p.Match("a\nb") {
		t.Error("dots do not match line ends")
	}
	for _, list := range []string{"(", `a\`, "[z-a]", "a)|(b", "[a-z&&[^x]]"} {
		if _, err := ParsePatterns(list); err == nil || !strings.Contains(err.Error(), list) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		cfg      FilterConfig
		captured string
	}{
		{FilterConfig{}, "a.t a.u b.t mysql.user"},
		{FilterConfig{IgnoreBuiltin: true}, "a.t a.u b.t"},
		{FilterConfig{IncludeDatabases: "a"}, "a.t a.u"},
		{FilterConfig{ExcludeDatabases: "a, mysql"}, "b.t"},
		{FilterConfig{IncludeDatabases: "a", ExcludeDatabases: "a"}, "a.t a.u"},
		{FilterConfig{IncludeTables: `.*\.t`}, "a.t b.t"},
		{FilterConfig{IncludeDatabases: "a", IncludeTables: `b\.t,a\.u`}, "a.u"},
		{FilterConfig{ExcludeTables: `a\.t`, IgnoreBuiltin: true}, "a.u b.t"},
		{FilterConfig{IncludeTables: `a\.t`, SignalTables: []string{" b.t "}}, "a.t b.t"},
	} {
		f, err := NewFilter(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is remembered
			var got []string
			for _, id := range []ID{{"a", "t"}, {"a", "u"}, {"b", "t"}, {"mysql", "user"}} {
				if f.Captured(id) {
					got = append(got, id.String())
				}
			}
			if strings.Join(got, " ") != c.captured {
				t.Errorf("%+v captures %v, want %s", c.cfg, got, c.captured)
			}
		}
	}
}

func TestColumnFilter(t *testing.T) {
	for _, c := range []struct {
		cfg  FilterConfig
		want bool
	}{
		{FilterConfig{}, true}, {FilterConfig{IncludeColumns: `a\.t\.id`}, false}, {FilterConfig{IncludeColumns: `a\.t\.(id|name)`}, true},
		{FilterConfig{ExcludeColumns: `.*\.NAME`}, false}, {FilterConfig{ExcludeColumns: "name"}, true},
	} {
		f, err := NewFilter(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Column(ID{"a", "t"}, "name"); got != c.want {
			t.Errorf("%+v: %t", c.cfg, got)
		}
	}
	_, err := NewFilter(FilterConfig{ExcludeColumns: "("})
	if err == nil || !strings.HasPrefix(err.Error(), "column.exclude.list:") {
		t.Error(err)
	}
}
