//go:build servers || real

package security

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// prefixed are properties with each of the prefixes, as workers and connectors hand them to their clients.
func prefixed(properties map[string]string, prefixes ...string) map[string]string {
	all := map[string]string{}
	for _, prefix := range prefixes {
		for name, value := range properties {
			all[prefix+name] = value
		}
	}
	return all
}

// joined are both; of two properties with one name that of more counts.
func joined(config, more map[string]string) map[string]string {
	out := maps.Clone(config)
	maps.Copy(out, more)
	return out
}

func write(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
