// Package rig starts real peers for a test and ends them with it.
//
// Each function starts one peer in a directory of its own, waits until it answers and registers its end with
// t.Cleanup. When the test has failed by then, the end of the peer's log is part of the test's output. A peer that is not
// installed fails the test with the command that installs it; no test is skipped.
//
// Tests that use MySQL, MariaDB or a millrace worker carry the build tag servers and may lie in any package; tests that
// use Apache Kafka, Java workers or other people's clients carry the tag real and lie in integration/real. FakeKafka, the
// embedded broker, needs no tag.
package rig

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
)

// Kafka starts Apache Kafka. Of several property maps the later ones win.
func Kafka(t testing.TB, properties ...map[string]string) *peer.Kafka {
	t.Helper()
	k, err := peer.StartKafka(t.Context(), peer.KafkaConfig{Home: Home(t), Dir: dir(t, "kafka"), Properties: merged(properties)})
	check(t, err)
	atEnd(t, k.Process)
	return k
}

// MySQL starts a MySQL server with further options.
func MySQL(t testing.TB, options ...string) *peer.Database {
	t.Helper()
	d, err := peer.StartMySQL(t.Context(), peer.DatabaseConfig{Home: Home(t), Dir: dir(t, "mysql"), Options: options})
	check(t, err)
	atEnd(t, d.Process)
	return d
}

// MariaDB starts a MariaDB server with further options.
func MariaDB(t testing.TB, options ...string) *peer.Database {
	t.Helper()
	d, err := peer.StartMariaDB(t.Context(), peer.DatabaseConfig{Home: Home(t), Dir: dir(t, "mariadb"), Options: options})
	check(t, err)
	atEnd(t, d.Process)
	return d
}

// JavaConnect starts a Java Connect worker; Home and Dir of the configuration are filled in.
func JavaConnect(t testing.TB, c peer.WorkerConfig) *peer.Worker {
	t.Helper()
	c.Home, c.Dir = Home(t), dir(t, "java")
	w, err := peer.StartJava(t.Context(), c)
	check(t, err)
	atEnd(t, w.Process)
	return w
}

// Worker starts a millrace worker: the program that Build makes, unless the configuration names another. A worker that
// still runs at the end of the test is stopped as an operator would, and an exit status other than 0 fails the test: it
// tells of a panic, or of a race that a -race build found.
func Worker(t testing.TB, c peer.WorkerConfig) *peer.Worker {
	t.Helper()
	c.Home, c.Dir = Home(t), dir(t, "millrace")
	if c.Binary == "" {
		c.Binary = Build(t)
	}
	w, err := peer.StartWorker(t.Context(), c)
	check(t, err)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
		report(t, w.Process)
	})
	return w
}

// FakeKafka starts the embedded broker inside the test's own process and returns its address. Its CreateTopics stops at
// version 4, because it answers later versions without the source of a topic's settings, which Java workers refuse.
func FakeKafka(t testing.TB) string {
	t.Helper()
	versions := kversion.V4_3_0()
	versions.SetMaxKeyVersion(19, 4)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(1), kfake.AllowAutoTopicCreation(),
		kfake.MaxVersions(versions), kfake.DataDir(dir(t, "fake")))
	check(t, err)
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// Build compiles the millrace program and returns its path. The compiler does nothing when the program is up to date.
func Build(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(Root(t), "bin", "millrace")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/millrace")
	cmd.Dir = Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building millrace: %v\n%s", err, out)
	}
	return binary
}

// Root is the directory of go.mod.
func Root(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	check(t, err)
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// Home is where peers are installed.
func Home(t testing.TB) install.Home {
	t.Helper()
	home, err := install.DefaultHome()
	check(t, err)
	return home
}

// dir makes a directory that goes with the test. t.TempDir would put the test's name into its path, which may grow
// longer than a socket's address can be.
func dir(t testing.TB, name string) string {
	t.Helper()
	d, err := os.MkdirTemp("", "millrace-"+name+"-")
	check(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

// atEnd kills a peer whose data is thrown away anyway.
func atEnd(t testing.TB, p *peer.Process) {
	t.Cleanup(func() {
		p.Kill()
		report(t, p)
	})
}

func report(t testing.TB, p *peer.Process) {
	if t.Failed() {
		t.Logf("the end of the log of %s:\n%s", p.Name(), p.LogTail(40))
	}
}

func merged(parts []map[string]string) map[string]string {
	all := make(map[string]string)
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
