package rig

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/millrace/millrace/integration/peer"
)

// CreateConnector creates a connector, or changes the one of that name, and waits until it and all its tasks run.
func CreateConnector(t testing.TB, url, name string, config map[string]string) {
	t.Helper()
	body, err := json.Marshal(config)
	check(t, err)
	var status int
	Eventually(t, "creating "+name, func() error {
		var text []byte
		status, text, err = Ask(t.Context(), http.MethodPut, url+"/connectors/"+name+"/config", string(body))
		if err == nil && status >= 300 {
			if status != http.StatusConflict {
				t.Fatalf("creating %s: status %d: %s", name, status, text)
			}
			err = fmt.Errorf("status %d: %s", status, text)
		}
		return err
	})
	WaitRunning(t, url, name)
}

// WaitRunning waits until a connector and at least one task run; a task that has failed fails the test with its trace.
func WaitRunning(t testing.TB, url, name string) {
	t.Helper()
	Eventually(t, name+" runs", func() error {
		status, err := peer.StatusOf(t.Context(), url, name)
		if err != nil {
			return err
		}
		if trace := status.Failed(); trace != "" {
			t.Fatalf("a task of %s failed: %s", name, trace)
		}
		for _, task := range status.Tasks {
			if task.State != "RUNNING" {
				return fmt.Errorf("a task is %s", task.State)
			}
		}
		if status.Connector.State != "RUNNING" || len(status.Tasks) == 0 {
			return fmt.Errorf("connector %s with %d tasks", status.Connector.State, len(status.Tasks))
		}
		return nil
	})
}

// WaitFailed waits until a task of a connector has failed, and returns its trace.
func WaitFailed(t testing.TB, url, name string) (trace string) {
	t.Helper()
	Eventually(t, "a task of "+name+" fails", func() error {
		status, err := peer.StatusOf(t.Context(), url, name)
		if trace = status.Failed(); err == nil && trace == "" {
			err = fmt.Errorf("%+v", status)
		}
		return err
	})
	return trace
}

// WaitLog waits until at least n lines of a process's log hold all the texts.
func WaitLog(t testing.TB, p *peer.Process, n int, texts ...string) {
	t.Helper()
	Eventually(t, fmt.Sprintf("the log of %s says %q", p.Name(), texts), func() error {
		found, err := p.LogLines(texts...)
		if err == nil && len(found) < n {
			err = fmt.Errorf("%d lines do, not %d", len(found), n)
		}
		return err
	})
}

// KillConnections ends all connections of a user of a database.
func KillConnections(t testing.TB, db *peer.Database, user string) {
	t.Helper()
	check(t, db.KillConnections(user))
}
