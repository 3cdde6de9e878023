//go:build servers

package badinput

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/rig"
)

// A worker that cannot start ends with an exit status, and the last line that it prints says which property is at fault.
func TestWorkersThatCannotStart(t *testing.T) {
	program, kafka := rig.Build(t), rig.FakeKafka(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // after the subtests, which run in parallel
	good := map[string]string{
		"bootstrap.servers": kafka, "group.id": "bad",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"offset.storage.topic": "bad-offsets", "config.storage.topic": "bad-configs", "status.storage.topic": "bad-status",
		"offset.storage.replication.factor": "1", "config.storage.replication.factor": "1", "status.storage.replication.factor": "1",
		"listeners": "http://127.0.0.1:0",
		// Not asked for by the broker, and to be found nowhere.
		"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="` + secret + `";`,
	}
	for name, c := range map[string]struct {
		changes map[string]string
		extra   string
		want    []string
	}{
		"malformed":             {extra: "a=1\nb=\\u12x4\n", want: []string{"worker.properties", "line 14", `\u`}},
		"no bootstrap.servers":  {changes: map[string]string{"bootstrap.servers": "-"}, want: []string{"bootstrap.servers", "host:port"}},
		"no group.id":           {changes: map[string]string{"group.id": "-"}, want: []string{"worker properties", "group.id"}},
		"no key.converter":      {changes: map[string]string{"key.converter": "-"}, want: []string{"worker properties", "key.converter"}},
		"no value.converter":    {changes: map[string]string{"value.converter": "-"}, want: []string{"worker properties", "value.converter"}},
		"no offset topic":       {changes: map[string]string{"offset.storage.topic": "-"}, want: []string{"worker properties", "offset.storage.topic"}},
		"no config topic":       {changes: map[string]string{"config.storage.topic": "-"}, want: []string{"worker properties", "config.storage.topic"}},
		"no status topic":       {changes: map[string]string{"status.storage.topic": "-"}, want: []string{"worker properties", "status.storage.topic"}},
		"wrong type":            {changes: map[string]string{"offset.flush.interval.ms": "soon"}, want: []string{"offset.flush.interval.ms", "soon"}},
		"unknown converter":     {changes: map[string]string{"key.converter": "a.Nope"}, want: []string{"key.converter", "a.Nope", "available"}},
		"unknown provider":      {changes: map[string]string{"config.providers": "p", "config.providers.p.class": "a.Nope"}, want: []string{"config.providers.p.class", "a.Nope", "available"}},
		"unknown policy":        {changes: map[string]string{"connector.client.config.override.policy": "Some"}, want: []string{"connector.client.config.override.policy", "Some", "available"}},
		"listener without port": {changes: map[string]string{"listeners": "http://127.0.0.1"}, want: []string{"listeners", "http://127.0.0.1"}},
		"port in use":           {changes: map[string]string{"listeners": "http://" + taken.Addr().String()}, want: []string{"listeners", taken.Addr().String(), "in use"}},
		"unreachable kafka":     {changes: map[string]string{"bootstrap.servers": "127.0.0.1:1", "default.api.timeout.ms": "2000"}, want: []string{"bootstrap.servers", "127.0.0.1:1"}},
		"unknown kafka host":    {changes: map[string]string{"bootstrap.servers": "no-such-host.invalid:9092", "default.api.timeout.ms": "2000"}, want: []string{"bootstrap.servers", "no-such-host.invalid"}},
		"kafka without a port":  {changes: map[string]string{"bootstrap.servers": "127.0.0.1"}, want: []string{"bootstrap.servers", "127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			properties := maps.Clone(good)
			maps.Copy(properties, c.changes)
			maps.DeleteFunc(properties, func(_, v string) bool { return v == "-" })
			out := startInVain(t, program, properties, c.extra)
			last := lastLine(out)
			t.Log(last)
			wantTexts(t, last, c.want...)
			noSecret(t, "the output", out)
			if strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
				t.Errorf("the worker panicked:\n%s", out)
			}
		})
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// startInVain starts a worker that must end by itself with a status of 1, and returns what it printed.
func startInVain(t *testing.T, program string, properties map[string]string, extra string) string {
	t.Helper()
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", k, properties[k])
	}
	file := filepath.Join(t.TempDir(), "worker.properties")
	if err := os.WriteFile(file, []byte(text.String()+extra), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "distributed", file)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("the worker is still there after a minute:\n%s", out)
	}
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("the worker ended with %v:\n%s", err, out)
	}
	return string(out)
}
