package snapshot

import (
	"strings"
	"testing"
)

// What each mode does: at the first start, after a snapshot that was completed, after
// one that was not, when the history is lost, and when the binlog is.
func TestModes(t *testing.T) {
	const data, schema = 1, 2
	for name, want := range map[string]struct {
		first, completed, interrupted int
		stream, onSchema, onData      bool
	}{
		"always":               {data | schema, data | schema, data | schema, true, false, false},
		"initial":              {data | schema, 0, data | schema, true, false, false},
		"initial_only":         {data | schema, 0, data | schema, false, false, false},
		"no_data":              {schema, 0, schema, true, false, false},
		"schema_only":          {schema, 0, schema, true, false, false},
		"recovery":             {schema, schema, schema, true, true, false},
		"schema_only_recovery": {schema, schema, schema, true, true, false},
		"when_needed":          {data | schema, 0, data | schema, true, false, true},
		"never":                {0, 0, 0, true, false, false},
	} {
		m, err := ParseMode(name, Answers{})
		if err != nil {
			t.Fatal(err)
		}
		does := func(exists, running bool) (what int) {
			if m.Data(exists, running) {
				what |= data
			}
			if m.Schema(exists, running) {
				what |= schema
			}
			return what
		}
		if does(false, false) != want.first || does(true, false) != want.completed || does(true, true) != want.interrupted {
			t.Errorf("%s: %d, %d, %d", name, does(false, false), does(true, false), does(true, true))
		}
		if m.Stream != want.stream || m.OnSchemaError != want.onSchema || m.OnDataError != want.onData {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, name := range []string{"custom", "sometimes"} {
		if _, err := ParseMode(name, Answers{}); err == nil || !strings.Contains(err.Error(), "snapshot.mode") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := ParseMode("configuration_based", Answers{Data: true, Stream: true})
	if err != nil || !m.Data(true, false) || m.Schema(false, false) || !m.Stream || m.OnDataError {
		t.Errorf("configuration_based: %+v, %v", m, err)
	}
}

func TestLockingModes(t *testing.T) {
	for name, want := range map[string]locking{
		"":                               {"FLUSH TABLES WITH READ LOCK", true, true, true},
		"minimal":                        {"FLUSH TABLES WITH READ LOCK", true, true, true},
		"minimal_percona":                {"LOCK TABLES FOR BACKUP", true, true, true},
		"minimal_percona_no_table_locks": {"LOCK TABLES FOR BACKUP", true, false, true},
		"extended":                       {"FLUSH TABLES WITH READ LOCK", false, true, true},
		"minimal_at_least_once":          {"FLUSH TABLES WITH READ LOCK", true, true, false},
		"none":                           {},
	} {
		if got, err := parseLocking(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"custom", "some"} {
		if _, err := parseLocking(name); err == nil || !strings.Contains(err.Error(), "snapshot.locking.mode") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
