package install

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/millrace/millrace/plugins/configdef"
)

func TestRegistryHoldsTheList(t *testing.T) {
	r, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(r.List()), len(Builtin()); got != want {
		t.Errorf("%d of %d plugins are registered", got, want)
	}
	for alias, class := range map[string]string{
		"JsonConverter": "org.apache.kafka.connect.json.JsonConverter",
		"String":        "org.apache.kafka.connect.storage.StringConverter",
		"Simple":        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
	} {
		if p, err := r.Find(alias); err != nil || p.Class != class {
			t.Errorf("%s: %v, %v", alias, p, err)
		}
	}
}

// testdata/configs.json holds what a Java worker answers about the properties
// of plugins (GET /connector-plugins/CLASS/config), without those that the
// runtime adds to every connector's.
func TestPropertiesAreJavas(t *testing.T) {
	b, err := os.ReadFile("testdata/configs.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]configdef.KeyInfo
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	r, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	for class, infos := range want {
		p, err := r.Find(class)
		if err != nil {
			t.Error(err)
			continue
		}
		got := p.Def.Infos()
		for i := range max(len(got), len(infos)) {
			switch {
			case i >= len(got) || i >= len(infos):
				t.Errorf("%s has %d properties, want %d", class, len(got), len(infos))
			case !reflect.DeepEqual(got[i], infos[i]):
				t.Errorf("%s\n got %s\nwant %s", class, asJSON(t, got[i]), asJSON(t, infos[i]))
			default:
				continue
			}
			break
		}
	}
	if len(want) < 10 {
		t.Errorf("only %d classes are checked", len(want))
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
