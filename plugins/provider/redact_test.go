package provider

import (
	"fmt"
	"testing"
)

func TestRedact(t *testing.T) {
	var r Redactor
	if got := r.Redact("nothing is known"); got != "nothing is known" {
		t.Error(got)
	}
	r.Note(map[string]string{"a": "hunter22", "b": "8", "c": " line of a key\n", "d": "false"})
	r.Note(map[string]string{"a": "hunter22", "e": "another one"})
	for text, want := range map[string]string{
		"login with hunter22 failed: 8 tries, false": "login with [hidden] failed: 8 tries, false",
		"a line of a key, another one":               "a [hidden], [hidden]",
	} {
		if got := r.Redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A value that begins with another, or that an error shows in quotes, is hidden as a whole.
func TestRedactAsAWhole(t *testing.T) {
	for range 20 { // the order of a map must not matter
		var r Redactor
		r.Note(map[string]string{"a": "hunter", "b": "hunter22", "c": "hunter22 and more", "d": "first\nsecond \"line\""})
		for text, want := range map[string]string{
			"hunter hunter22 hunter22 and more":                  "[hidden] [hidden] [hidden]",
			fmt.Sprintf("got %q", "first\nsecond \"line\""):      `got "[hidden]"`,
			fmt.Sprintf("got %s", "first\nsecond \"line\", say"): "got [hidden], say",
		} {
			if got := r.Redact(text); got != want {
				t.Fatalf("%q became %q, want %q", text, got, want)
			}
		}
	}
}
