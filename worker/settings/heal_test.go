package settings

import (
	"strings"
	"testing"
)

func TestRestartPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"": "it is empty", "none": "", "all": "", "retriable, data": "", "all,data": "stands alone", "none,data": "stands alone", "sometimes": "is none of",
	} {
		d, err := ReadDistributed(minimal("task.restart.policy", text))
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "task.restart.policy")):
			t.Errorf("%q: %v, want %q", text, err, want)
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want == "":
			if n := map[string]int{"none": 0, "all": 4, "retriable, data": 2}[text]; len(d.Heal.Classes) != n || d.Heal.On() != (n > 0) {
				t.Errorf("%q became %v", text, d.Heal)
			}
		}
	}
	d, err := ReadDistributed(minimal())
	if err != nil || d.Heal.On() {
		t.Errorf("by default tasks are restarted: %v, %v", d.Heal, err)
	}
}
