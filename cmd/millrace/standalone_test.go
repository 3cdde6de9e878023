package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// output is what a command has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// url is what the command says that its REST API answers at.
func (o *output) url() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, url, _ := strings.Cut(o.text.String(), "REST API at ")
	return strings.TrimSuffix(strings.TrimSpace(url), "/")
}

// write writes a file of a test's folder.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func standaloneProperties(bootstrap, dir string) string {
	return fmt.Sprintf(`bootstrap.servers=%s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=%s
offset.flush.interval.ms=200
listeners=http://127.0.0.1:0
`, bootstrap, filepath.Join(dir, "offsets"))
}

// life runs a worker until the test has seen enough, and fails the test when it does not end well.
func life(t *testing.T, see func(url string), args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, done := &output{}, make(chan error, 1)
	go func() { done <- run(ctx, append([]string{"standalone"}, args...), out, io.Discard) }()
	rig.Eventually(t, "the worker answers", func() error {
		select {
		case err := <-done:
			t.Fatalf("the worker has ended: %v", err)
		default:
		}
		if out.url() == "" {
			return fmt.Errorf("no address yet")
		}
		return nil
	})
	see(out.url())
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the worker ended with %v", err)
	}
}

// A worker without a cluster runs the connectors of its command line, keeps their offsets in the file, and goes on where
// it was after a restart.
func TestStandalone(t *testing.T) {
	bootstrap, dir := rig.FakeKafka(t), t.TempDir()
	props := write(t, dir, "worker.properties", standaloneProperties(bootstrap, dir))
	lines := write(t, dir, "lines", "one\ntwo\n")
	source := write(t, dir, "source.json", fmt.Sprintf(
		`{"name":"source","config":{"connector.class":"FileStreamSource","tasks.max":1,"file":%q,"topic":"lines"}}`, lines))
	stopped := write(t, dir, "stopped.properties", fmt.Sprintf("name=sink\nconnector.class=FileStreamSink\ntopics=lines\nfile=%s\n", filepath.Join(dir, "copy")))
	life(t, func(url string) {
		rig.WaitRunning(t, url, "source")
		rig.WaitRunning(t, url, "sink")
		rig.WaitRecords(t, bootstrap, "lines", 2)
		if body := rig.Call(t, http.MethodGet, url+"/health", "", http.StatusOK); !strings.Contains(string(body), "healthy") {
			t.Errorf("health: %s", body)
		}
		rig.Call(t, http.MethodPost, url+"/connectors/source/tasks", "[]", http.StatusBadRequest)
		rig.Call(t, http.MethodPut, url+"/connectors/source/fence", "", http.StatusBadRequest)
	}, props, source, stopped)
	f, err := os.OpenFile(lines, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("three\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	life(t, func(url string) {
		rig.WaitRecords(t, bootstrap, "lines", 3)
		rig.Eventually(t, "the offset is that of the third line", func() error {
			var got struct {
				Offsets []struct{ Offset struct{ Position int } }
			}
			body := rig.Call(t, http.MethodGet, url+"/connectors/source/offsets", "", http.StatusOK)
			if err := json.Unmarshal(body, &got); err != nil || len(got.Offsets) != 1 || got.Offsets[0].Offset.Position != 14 {
				return fmt.Errorf("%s, %v", body, err)
			}
			return nil
		})
	}, props, source)
	if end := rig.End(rig.Client(t, bootstrap), "lines"); end != 3 {
		t.Errorf("%d records; a line was sent twice", end)
	}
}

func TestStandaloneRefuses(t *testing.T) {
	bootstrap, dir := rig.FakeKafka(t), t.TempDir()
	good := write(t, dir, "worker.properties", standaloneProperties(bootstrap, dir))
	noFile := write(t, dir, "nofile.properties", "bootstrap.servers=b:1\nkey.converter=K\nvalue.converter=V\n")
	damaged := write(t, dir, "damaged.properties", standaloneProperties(bootstrap, dir)+"offset.storage.file.filename="+write(t, dir, "damaged", "no offsets\n"))
	unknown := write(t, dir, "unknown.json", `{"name":"x","connector.class":"no.such.Class"}`)
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"no such properties", []string{filepath.Join(dir, "none")}, []string{"none"}},
		{"no offset file", []string{noFile}, []string{"offset.storage.file.filename"}},
		{"damaged offset file", []string{damaged}, []string{"offset.storage.file.filename", "damaged"}},
		{"no such connector file", []string{good, filepath.Join(dir, "missing.json")}, []string{"missing.json"}},
		{"connector without a name", []string{good, write(t, dir, "noname.json", `{"connector.class":"FileStreamSource"}`)}, []string{"noname.json", "name"}},
		{"unknown class", []string{good, unknown}, []string{"unknown.json", "no.such.Class"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), append([]string{"standalone"}, c.args...), io.Discard, io.Discard)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v does not name %s", err, want)
				}
			}
		})
	}
}

// References to config providers stand in worker properties as well as in connectors'.
func TestVariablesInWorkerProperties(t *testing.T) {
	bootstrap, dir := rig.FakeKafka(t), t.TempDir()
	secrets := write(t, dir, "secrets.properties", "brokers="+bootstrap+"\n")
	text := strings.Replace(standaloneProperties(bootstrap, dir), "bootstrap.servers="+bootstrap, "bootstrap.servers=${file:"+secrets+":brokers}", 1)
	props := write(t, dir, "worker.properties", text+"config.providers=file\nconfig.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n")
	life(t, func(url string) {
		rig.Call(t, http.MethodGet, url+"/connectors", "", http.StatusOK)
	}, props)
	broken := write(t, dir, "broken.properties", strings.Replace(text, secrets, secrets+"-not-there", 1)+
		"config.providers=file\nconfig.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n")
	err := run(t.Context(), []string{"standalone", broken}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "secrets.properties-not-there") {
		t.Errorf("a secret that is not there: %v", err)
	}
}
