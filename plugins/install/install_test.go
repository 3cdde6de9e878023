package install

import "testing"

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
