//go:build servers

package mysql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/connect"
)

// Signals that the worker was given have a table read; one that comes during the snapshot waits for the stream.
func TestSignalsThroughTheWorker(t *testing.T) {
	t.Parallel()
	db := rig.MySQL(t)
	mustExec(t, db, "CREATE DATABASE asked", "CREATE TABLE asked.t (a INT PRIMARY KEY)", "INSERT INTO asked.t VALUES (1), (2)")
	l := newLife(t, db, 7100, map[string]string{
		"database.include.list": "asked", "signal.enabled.channels": "in-process", "read.only": "true", "include.schema.changes": "false",
	})
	l.start()
	send := func(s connect.Signal) error { return l.task.(connect.SignalTaker).Signal(s) }
	again := connect.Signal{ID: "again", Type: "execute-snapshot", Data: `{"data-collections":["asked.t"]}`}
	if err := send(again); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{"1/r", "2/r", "1/r", "2/r"} {
		if got := operation(t, l.take(1)[0]); got != ending {
			t.Fatalf("got %s, want %s", got, ending)
		}
	}
	again.Data = `{"data-collections":["asked.t"],"type":"BLOCKING"}`
	if err := send(again); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{"1/r", "2/r"} {
		if got := operation(t, l.take(1)[0]); got != ending {
			t.Fatalf("blocking: got %s, want %s", got, ending)
		}
	}
	if err := send(connect.Signal{Type: "dance"}); err == nil || !strings.Contains(err.Error(), `the type "dance" is unknown`) {
		t.Errorf("a signal of an unknown type: %v", err)
	}
	l.stop()
	for config, want := range map[string]string{
		"signal.enabled.channels=source,file": "signal.enabled.channels must name in-process for this; it names source, file",
		"snapshot.mode=initial_only":          "with snapshot.mode=initial_only the connector ends with its snapshot",
	} {
		name, value, _ := strings.Cut(config, "=")
		before := l.config[name]
		l.config[name] = value
		l.start()
		if err := send(again); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
		l.stop()
		if l.config[name] = before; before == "" {
			delete(l.config, name)
		}
	}
}

// operation is the key and the operation of a change: 1/c.
func operation(t *testing.T, r record) string {
	t.Helper()
	var key struct{ A int }
	var change struct{ Op string }
	if err := errors.Join(json.Unmarshal([]byte(r.key), &key), json.Unmarshal([]byte(r.value), &change)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d/%s", key.A, change.Op)
}
