//go:build real

package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// node is a worker of either kind.
type node struct {
	*peer.Worker
	t    testing.TB
	name string
	java bool
	old  bool  // of release 2.7
	from int64 // where the log of its present life begins
}

// id is what statuses call the worker.
func (n *node) id() string { return strings.TrimPrefix(n.URL(), "http://") }

// kill ends the worker without a word to anybody.
func (n *node) kill() {
	n.t.Helper()
	n.t.Logf("kill -9 %s", n.name)
	n.Kill()
}

// leave ends the worker as an operator does.
func (n *node) leave() {
	n.t.Helper()
	n.t.Logf("%s leaves", n.name)
	if err := n.Stop(); err != nil {
		n.t.Error(err)
	}
}

// comeBack starts the worker again.
func (n *node) comeBack() {
	n.t.Helper()
	n.t.Logf("%s comes back", n.name)
	n.from = n.logSize()
	if err := n.Restart(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) logSize() int64 {
	info, err := os.Stat(n.LogFile())
	if err != nil {
		return 0
	}
	return info.Size()
}

// lines hands the log of the present life to see, line by line.
func (n *node) lines(see func(string)) {
	n.t.Helper()
	f, err := os.Open(n.LogFile())
	if err != nil {
		n.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(n.from, io.SeekStart); err != nil {
		n.t.Fatal(err)
	}
	for r := bufio.NewReaderSize(f, 64<<10); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		see(line)
	}
}

var (
	leaderURL = regexp.MustCompile(`leader(?:Url='|=)(http://[\d.]+:\d+)/`)
	javaStart = regexp.MustCompile(` (?:Creating connector|Creating task) (\S+)`)
	javaEnd   = regexp.MustCompile(` (?:Stopping connector|Stopping task) (\S+)`)
	goRuns    = regexp.MustCompile(`(?m)^kafka_connect_connector_(task_)?metrics_status\{([^}]*)\}`)
	goLabel   = regexp.MustCompile(`(connector|task)="([^"]*)"`)
)

// leader is the address of the leader as the worker knows it.
func (n *node) leader() (url string) {
	n.t.Helper()
	n.lines(func(line string) {
		if m := leaderURL.FindStringSubmatch(line); m != nil {
			url = m[1]
		}
	})
	return url
}

// joins counts the rounds of the group that the worker took part in.
func (n *node) joins() (count int) {
	n.t.Helper()
	n.lines(func(line string) {
		if leaderURL.MatchString(line) {
			count++
		}
	})
	return count
}

// instances lists what the worker itself says it runs: connectors by name, and tasks as NAME-0.
func (n *node) instances() (map[string]bool, error) {
	n.t.Helper()
	if n.java {
		return n.logged(), nil
	}
	return n.measured()
}

func (n *node) logged() map[string]bool {
	n.t.Helper()
	all := make(map[string]bool)
	n.lines(func(line string) {
		if !strings.Contains(line, "connect.runtime.Worker)") {
			return
		}
		if m := javaStart.FindStringSubmatch(line); m != nil {
			all[m[1]] = true
		} else if m := javaEnd.FindStringSubmatch(line); m != nil {
			delete(all, m[1])
		}
	})
	return all
}

func (n *node) measured() (map[string]bool, error) {
	text, err := n.get("/metrics")
	if err != nil {
		return nil, err
	}
	all := make(map[string]bool)
	for _, m := range goRuns.FindAllStringSubmatch(string(text), -1) {
		var connector, task string
		for _, l := range goLabel.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "connector" {
				connector = l[2]
			} else {
				task = "-" + l[2]
			}
		}
		all[connector+task] = true
	}
	return all, nil
}

// ask sends one request; body may be nil.
func (n *node) ask(ctx context.Context, method, path string, body any) (int, []byte, error) {
	var text string
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		text = string(b)
	}
	return peer.Ask(ctx, method, n.URL()+path, text)
}

func (n *node) get(path string) ([]byte, error) {
	status, text, err := n.ask(n.t.Context(), http.MethodGet, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s from %s: %d %s", path, n.name, status, text)
	}
	return text, err
}

// write sends a request that changes something; it must succeed. A Java worker refuses what meets a rebalance, with 409,
// and its clients must ask again.
func (n *node) write(method, path string, body any, want int) {
	n.t.Helper()
	eventually(n.t, method+" "+path+" through "+n.name, func() error {
		status, text, err := n.ask(n.t.Context(), method, path, body)
		switch {
		case err != nil:
			n.t.Fatalf("%s %s through %s: %v", method, path, n.name, err)
		case status == http.StatusConflict && !strings.Contains(string(text), "already exists"):
			return fmt.Errorf("%d %s", status, text)
		case status != want:
			n.t.Fatalf("%s %s through %s: %d %s; want %d", method, path, n.name, status, text, want)
		}
		return nil
	})
}

const (
	patience = 90 * time.Second
	pause    = 150 * time.Millisecond
)

// eventually asks until there is no error.
func eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		time.Sleep(pause)
	}
}

func newNode(t testing.TB, c peer.WorkerConfig, name string, java bool) *node {
	t.Helper()
	n := &node{t: t, name: name, java: java, old: c.Release == "2.7"}
	if java {
		n.Worker = rig.JavaConnect(t, c)
	} else {
		n.Worker = rig.Worker(t, c)
	}
	t.Cleanup(n.tell)
	return n
}

// tell shows the end of the worker's log, but for what the test itself has asked, when the test has failed.
func (n *node) tell() {
	if !n.t.Failed() {
		return
	}
	var last []string
	n.lines(func(line string) {
		if !strings.Contains(line, "RestServer") {
			last = append(last, line)
		}
	})
	n.t.Logf("the last of %s:\n%s", n.name, strings.Join(last[max(0, len(last)-60):], ""))
}
