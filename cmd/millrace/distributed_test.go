package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/install"
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

func TestPluginsThatAreLeftOut(t *testing.T) {
	bootstrap := rig.FakeKafka(t)
	plugins, err := install.Registry()
	if err != nil {
		t.Fatal(err)
	}
	props := devProperties(bootstrap, 0)
	props["plugin.exclude"] = "org.apache.kafka.connect.files.*"
	err = runWith(t.Context(), plugins, &cluster{}, props, func(string) { t.Error("it runs") })
	if err == nil || !strings.Contains(err.Error(), `plugin.exclude: the pattern "org.apache.kafka.connect.files.*" fits no plugin`) {
		t.Errorf("a pattern for nothing: %v", err)
	}
	props["plugin.exclude"] = "org.apache.kafka.connect.file.*, io.debezium.transforms.Filter"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err = runWith(ctx, plugins, &cluster{}, props, func(url string) {
		defer stop()
		answer, err := http.Get(url + "connector-plugins?connectorsOnly=false")
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || strings.Contains(string(text), "FileStream") || strings.Contains(string(text), "io.debezium.transforms.Filter\"") || !strings.Contains(string(text), "MySqlConnector") {
			t.Errorf("%v: %s", err, text)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHealthOfTheOwnContainer(t *testing.T) {
	for listeners, want := range map[string]string{
		"": defaultHealth, "http://:28083": "http://127.0.0.1:28083", "HTTP://0.0.0.0:1": "http://127.0.0.1:1", "http://[::]:1": "http://127.0.0.1:1",
		"https://:8443, http://connect:8084": "http://connect:8084", "https://:8443": "https://127.0.0.1:8443", "nonsense": defaultHealth,
	} {
		if got := ownListener(listeners); got != want {
			t.Errorf("%q: %s, want %s", listeners, got, want)
		}
	}
}
