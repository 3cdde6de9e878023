package configdef

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What java.util.regex.Pattern says.
func TestRegexErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"[":     "Unclosed character class near index 0\n[\n^",
		"abc[":  "Unclosed character class near index 3\nabc[\n   ^",
		"(ab":   "Unclosed group near index 3\n(ab",
		"a)":    "Unmatched closing ')' near index 0\na)\n^",
		"*":     "Dangling meta character '*' near index 0\n*\n^",
		"a|*":   "Dangling meta character '*' near index 2\na|*\n  ^",
		"(a)|b": "", "(?<n>a)": "", "(?=a)b": "", "(?<!a)b": "", `(a)\1`: "",
	} {
		_, err := CompileRegex(pattern)
		if got := errText(err); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	for _, refused := range []string{"a++", "[a&&[b]]"} {
		if _, err := CompileRegex(refused); err == nil {
			t.Errorf("%s was accepted", refused)
		}
	}
}

func TestRegexMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"a|ab", "ab", true}, {"a", "ab", false}, {"(?!x).*", "y", true}, {"(?!x).*", "xy", false},
		{`(.)\1`, "éé", true}, {`db\.(t|u)`, "db.u", true}, {"", "", true},
	} {
		r, err := CompileRegex(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if r.Match(tt.text) != tt.want {
			t.Errorf("%s on %s: %v", tt.pattern, tt.text, !tt.want)
		}
	}
}

// What Matcher.replaceFirst and replaceAll give.
func TestRegexReplace(t *testing.T) {
	tests := []struct{ pattern, text, replacement, first, all, err string }{
		{"(a)(b)", "xaby", "$2$1", "xbay", "xbay", ""},
		{"(a)(b)", "xaby", "$10", "xa0y", "xa0y", ""},
		{"(?<n>a)", "xay", "<${n}>", "x<a>y", "x<a>y", ""},
		{"a", "xaya", `\$\\`, `x$\ya`, `x$\y$\`, ""},
		{"(.*)", "abc", "p-$1", "p-abc", "p-abcp-", ""},
		{"(.*)", "", "p-$1", "p-", "p-", ""},
		{"(a)|(b)", "b", "[$1]", "[]", "[]", ""},
		{"(?=é)(.)", "xéy", "<$1>", "x<é>y", "x<é>y", ""},
		{"(?<=x)a", "xaxa", "b", "xbxa", "xbxb", ""},
		{"b*", "abc", "-", "-abc", "-a--c-", ""},
		{"a", "xaya", "$1", "", "", "No group 1"},
		{"a", "xaya", "$", "", "", "Illegal group reference: group index is missing"},
		{"a", "xaya", `\`, "", "", "character to be escaped is missing"},
		{"a", "xaya", "${q}", "", "", "No group with name {q}"},
		{"a", "xaya", "$x", "", "", "Illegal group reference"},
		{"q", "xaya", "$x", "xaya", "xaya", ""},
	}
	for _, tt := range tests {
		r, err := CompileRegex(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.ReplaceFirst(tt.text, tt.replacement)
		all, err2 := r.ReplaceAll(tt.text, tt.replacement)
		if errText(err) != tt.err || errText(err2) != tt.err {
			t.Errorf("%s: %v, %v, want %q", tt.pattern, err, err2, tt.err)
		} else if err == nil && (first != tt.first || all != tt.all) {
			t.Errorf("%s on %s with %s: %q and %q, want %q and %q", tt.pattern, tt.text, tt.replacement, first, all, tt.first, tt.all)
		}
	}
}

func TestValidRegex(t *testing.T) {
	v := ValidRegex()
	for _, tt := range []struct {
		value any
		want  string
	}{
		{"a.*", ""},
		{"[", "Invalid value [ for configuration k: Invalid regex: Unclosed character class near index 0\n[\n^"},
		{nil, `Invalid value null for configuration k: Invalid regex: Cannot invoke "String.isEmpty()" because "this.pattern" is null`},
	} {
		if got := errText(v.Check("k", tt.value, nil)); got != tt.want {
			t.Errorf("%v: %q", tt.value, got)
		}
	}
}

func TestRegexWithoutEnd(t *testing.T) {
	r, err := CompileRegex(`(?!b)(a+)+\1c`) // a back reference, which Go's engine has not
	if err != nil {
		t.Fatal(err)
	}
	r.whole.(javaEngine).re.MatchTimeout = 20 * time.Millisecond
	secret := strings.Repeat("a", 40)
	_, err = r.Matches(secret)
	if _, ok := errors.AsType[*EndlessError](err); !ok || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), r.String()) {
		t.Errorf("%v", err)
	}
	defer func() {
		if p := recover(); p == nil {
			t.Error("a plugin was told of no match")
		}
	}()
	r.Match(secret)
}
