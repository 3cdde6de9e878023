package oracle

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestScenarios(t *testing.T) {
	s := Suite{Dir: "."}
	all, err := s.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	old := []string{"20-release-1.6", "30-release-1.6-dashed"}
	if len(all) != len(files)-len(old) || len(all) < 40 || slices.ContainsFunc(all, func(name string) bool { return slices.Contains(old, name) }) {
		t.Errorf("%d scenarios of the current release: %v; want all of %d but those of another release", len(all), all, len(files))
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
