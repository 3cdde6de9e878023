package oracle

import (
	"os"
	"slices"
	"testing"
)

func TestScenarios(t *testing.T) {
	s := Suite{Dir: "."}
	all, err := s.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 20 || slices.Contains(all, "20-release-1.6") {
		t.Errorf("%d scenarios of the current release: %v; want 20, without that of another release", len(all), all)
	}
	named, err := s.Scenarios("20", "07-keys")
	if want := []string{"20-release-1.6", "07-keys"}; err != nil || !slices.Equal(named, want) {
		t.Errorf("%v, %v; want %v", named, err, want)
	}
	if _, err := s.Scenarios("99"); err == nil {
		t.Error("a scenario that is not there is no error")
	}
}

func TestEveryScenarioHasAGolden(t *testing.T) {
	s := Suite{Dir: "."}
	names, err := s.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := os.Stat(s.golden(name)); err != nil {
			t.Error(err)
		}
	}
}
