//go:build servers

package badinput

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	mysqlClass = "io.debezium.connector.mysql.MySqlConnector"
	// secret is part of every password: no answer and no log may hold it.
	secret = "marked-pass-word"
)

// bed is a worker with an embedded broker, and all that it has answered.
type bed struct {
	kafka   string
	worker  *peer.Worker
	answers strings.Builder
	ids     int // database.server.id of the last connector
}

// newBed starts a worker. At the end of the test its log and its answers are searched for secrets.
func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{kafka: rig.FakeKafka(t), ids: 6000}
	b.worker = rig.Worker(t, peer.WorkerConfig{Bootstrap: b.kafka, Properties: map[string]string{"offset.flush.interval.ms": "100"}})
	t.Cleanup(func() {
		log, err := os.ReadFile(b.worker.LogFile())
		if err != nil {
			t.Error(err)
		}
		noSecret(t, "the worker's log", string(log))
		noSecret(t, "an answer", b.answers.String())
	})
	return b
}

func noSecret(t *testing.T, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, secret) {
			t.Errorf("%s holds a password: %s", where, line)
		}
	}
}

// ask sends a request and returns status and body. Answers that repeat a configuration as it was given are the caller's
// own and not searched for secrets.
func (b *bed) ask(t *testing.T, method, path string, body any) (int, string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer, err := rig.Ask(t.Context(), method, b.worker.URL()+path, string(text))
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusCreated && !strings.HasSuffix(path, "/config") {
		fmt.Fprintf(&b.answers, "%s %s: %s\n", method, path, answer)
	}
	return status, string(answer)
}

// connector is the configuration of a connector with its own server id, topics and history topic, with changes: a
// property that is changed to "-" is left out.
func (b *bed) connector(name string, db *peer.Database, user string, changes map[string]string) map[string]string {
	b.ids++
	c := db.Connector(b.kafka, name, map[string]string{
		"connector.class": mysqlClass, "name": name, "database.user": user, "database.password": secret,
		"database.server.id": strconv.Itoa(b.ids), "database.include.list": "shop",
		"retriable.restart.connector.wait.ms": "100", "connect.keep.alive.interval.ms": "200",
	})
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_, v string) bool { return v == "-" })
	return c
}

// create creates a connector, which must be taken.
func (b *bed) create(t *testing.T, name string, config map[string]string) {
	t.Helper()
	eventually(t, func() error {
		status, text := b.ask(t, http.MethodPost, "/connectors", map[string]any{"name": name, "config": config})
		if status != http.StatusConflict && status != http.StatusCreated {
			t.Fatalf("creating %s: status %d: %s", name, status, text)
		}
		if status == http.StatusConflict {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
}

// remove deletes a connector.
func (b *bed) remove(t *testing.T, name string) {
	t.Helper()
	rig.Call(t, http.MethodDelete, b.worker.URL()+"/connectors/"+name, "", http.StatusNoContent)
}

// task is the state of a connector's only task.
func (b *bed) task(t *testing.T, name string) (peer.State, error) {
	t.Helper()
	_, text := b.ask(t, http.MethodGet, "/connectors/"+name+"/status", nil)
	var status peer.Status
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return peer.State{}, err
	}
	if len(status.Tasks) != 1 {
		return peer.State{}, fmt.Errorf("%d tasks: %s", len(status.Tasks), text)
	}
	return status.Tasks[0], nil
}

// failed waits until the connector's task has failed and returns its trace.
func (b *bed) failed(t *testing.T, name string) string {
	t.Helper()
	var trace string
	eventually(t, func() error {
		task, err := b.task(t, name)
		if err == nil && task.State != "FAILED" {
			err = fmt.Errorf("the task of %s is %s", name, task.State)
		}
		trace = task.Trace
		return err
	})
	return trace
}

// logged waits until the worker's log holds a line with all the texts.
func (b *bed) logged(t *testing.T, texts ...string) {
	t.Helper()
	eventually(t, func() error {
		log, err := os.ReadFile(b.worker.LogFile())
		if err != nil {
			return err
		}
		var warnings strings.Builder
		for line := range strings.Lines(string(log)) {
			if containsAll(line, texts) {
				return nil
			}
			if strings.Contains(line, "level=WARN") {
				warnings.WriteString(line)
			}
		}
		return fmt.Errorf("no line of the log says %q; its warnings:\n%s", texts, &warnings)
	})
}

// eventually asks again and again until there is no error, for less long than rig.Eventually: all that is waited for
// here comes within a second or two.
func eventually(t *testing.T, ask func() error) {
	t.Helper()
	const patience, pause = 30 * time.Second, 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", patience, err)
		case <-time.After(pause):
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// wantTexts checks that a message says all that it should.
func wantTexts(t *testing.T, message string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(message, want) {
			t.Errorf("it does not say %q: %s", want, message)
		}
	}
}

func run(t *testing.T, db *peer.Database, statements ...string) {
	t.Helper()
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// shop makes a database with a table of two rows, and a user who may do everything that a connector needs.
func shop(t *testing.T, db *peer.Database) {
	t.Helper()
	run(t, db, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO shop.a VALUES (1,'x'),(2,'y')")
	user(t, db, "all", "SELECT, RELOAD, LOCK TABLES, REPLICATION CLIENT, REPLICATION SLAVE")
}

func user(t *testing.T, db *peer.Database, name, privileges string) {
	t.Helper()
	run(t, db, fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", name, secret))
	if privileges != "" {
		run(t, db, fmt.Sprintf("GRANT %s ON *.* TO '%s'@'%%'", privileges, name))
	}
}
