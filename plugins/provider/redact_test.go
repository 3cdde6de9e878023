package provider

import (
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
