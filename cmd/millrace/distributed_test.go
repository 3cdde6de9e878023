package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPropertiesOfContainers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "worker.properties")
	environ := []string{"CONNECT_BOOTSTRAP_SERVERS=kafka:9092", "CONNECT_GROUP_ID=of the environment"}
	p, err := containerProperties(file, environ)
	if err != nil || p["bootstrap.servers"] != "kafka:9092" || len(p) != 2 {
		t.Errorf("without a file: %v, %v", p, err)
	}
	if _, err := containerProperties(file, nil); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "CONNECT_BOOTSTRAP_SERVERS") {
		t.Errorf("with neither: %v", err)
	}
	if err := os.WriteFile(file, []byte("group.id=of the file\nkey.converter=K\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err = containerProperties(file, environ)
	if err != nil || p["group.id"] != "of the environment" || p["key.converter"] != "K" {
		t.Errorf("with both: %v, %v", p, err)
	}
	if p, err = containerProperties(file, nil); err != nil || p["group.id"] != "of the file" {
		t.Errorf("with a file alone: %v, %v", p, err)
	}
	if err := os.WriteFile(file, []byte(`a=\uZZ`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := containerProperties(file, environ); err == nil {
		t.Error("a damaged file passes")
	}
}
