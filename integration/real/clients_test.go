//go:build real

package real

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const clientTimeout = 4 * time.Minute

// Other people's clients of the REST API work unchanged: each is driven through everything that it offers, against a
// Java worker and against a millrace worker, and what it prints must be the same, line by line.
func TestClients(t *testing.T) {
	python, err := rig.Home(t).Python()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(rig.Root(t), "integration", "real", "clients")
	goclients, commandLine := buildClients(t, filepath.Join(dir, "goclients"))
	kafka := rig.Kafka(t)
	java := rig.JavaConnect(t, peer.WorkerConfig{Bootstrap: kafka.Bootstrap(), Group: "java"})
	ours := rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka.Bootstrap(), Group: "ours"})
	for _, c := range []struct {
		name    string
		command []string
		lines   int // the least that the client prints when it gets to its end
	}{
		{"kafka-connect-py", []string{python, filepath.Join(dir, "kc.py")}, 50},
		{"go-kafka", []string{goclients, "go-kafka"}, 25},
		{"go-kafka command line", []string{goclients, commandLine}, 17},
		{"cloudhut", []string{goclients, "cloudhut"}, 35},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, got := drive(t, java, c.command), drive(t, ours, c.command)
			if len(want) < c.lines {
				t.Errorf("the client has printed %d lines; want %d:\n%s", len(want), c.lines, strings.Join(want, "\n"))
			}
			for i := range max(len(want), len(got)) {
				if a, b := line(want, i), line(got, i); a != b {
					t.Errorf("line %d\nJava     %s\nmillrace %s", i+1, a, b)
				}
			}
			t.Logf("%d answers equal", len(got))
		})
	}
}

func line(lines []string, n int) string {
	if n < len(lines) {
		return lines[n]
	}
	return "(nothing)"
}

// drive runs a client to its end and returns the lines that it prints.
func drive(t *testing.T, w *peer.Worker, command []string) []string {
	t.Helper()
	file := filepath.Join(rig.Dir(t), "lines")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], w.URL(), file)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s against %s: %v\n%s\nwhat it said before:\n%s", filepath.Base(command[len(command)-1]), w.Name(), err, problems.String(), out.String())
	}
	text := strings.ReplaceAll(out.String(), file, "FILE")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// buildClients builds the program that drives the Go clients, and go-kafka's own, out of the versions that their module
// names.
func buildClients(t *testing.T, module string) (goclients, commandLine string) {
	t.Helper()
	dir := rig.Dir(t)
	for _, b := range []struct{ out, pkg string }{{"goclients", "."}, {"kafka-connect", "github.com/go-kafka/connect/cmd/kafka-connect"}} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, b.out), b.pkg)
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatal(fmt.Errorf("building %s: %w\n%s", b.out, err, out))
		}
	}
	return filepath.Join(dir, "goclients"), filepath.Join(dir, "kafka-connect")
}
