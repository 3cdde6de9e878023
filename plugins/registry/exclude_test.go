package registry

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func TestExcludedPlugins(t *testing.T) {
	plugin := func(class string) connect.Plugin {
		return connect.Plugin{Class: class, Version: "1", Kind: connect.KindTransformation, Def: configdef.New(),
			NewTransform: func(map[string]string, connect.PluginContext) (connect.Transform, error) { return nil, nil }}
	}
	all, err := New(plugin("a.file.In"), plugin("a.file.Out"), plugin("a.Filter$Key"))
	if err != nil {
		t.Fatal(err)
	}
	for patterns, want := range map[string]string{"a.file.*": "a.Filter$Key", "a.file.In a.Filter$Key": "a.file.Out", "": "a.Filter$Key a.file.In a.file.Out"} {
		left, err := all.Without(strings.Fields(patterns)...)
		if err != nil {
			t.Fatal(err)
		}
		var classes []string
		for _, p := range left.plugins {
			classes = append(classes, p.Class)
		}
		if got := strings.Join(classes, " "); got != want {
			t.Errorf("%q leaves %s, want %s", patterns, got, want)
		}
		if _, err := left.Find("In", connect.KindTransformation); (err == nil) != strings.Contains(want, "In") {
			t.Errorf("%q: by its alias: %v", patterns, err)
		}
	}
	for _, pattern := range []string{"a.files.*", "[", "file"} {
		if _, err := all.Without("a.file.In", pattern); err == nil || !strings.Contains(err.Error(), pattern) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
