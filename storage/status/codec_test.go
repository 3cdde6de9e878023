package status

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// golden reads records that a Java worker wrote.
func golden(t *testing.T) []kafka.Record {
	t.Helper()
	b, err := os.ReadFile("testdata/java-4.3.1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []kafka.Record
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		f := strings.SplitN(line, "\t", 3)
		r := kafka.Record{Offset: int64(len(out)), Key: []byte(f[1])}
		if f[2] != "null" {
			r.Value = []byte(f[2])
		}
		out = append(out, r)
	}
	return out
}

func TestRecordsAreJavas(t *testing.T) {
	for _, r := range golden(t) {
		key := string(r.Key)
		if r.Value == nil {
			continue
		}
		var ourKey string
		var ourValue []byte
		switch {
		case strings.HasPrefix(key, topicPrefix):
			u, err := parseTopic(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			ourKey, ourValue = topicKey(u.Name, u.Task.Connector), topicValue(u)
		default:
			s, err := parseStatus(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			ourKey, ourValue = key, statusValue(s)
			if id, ok := parseTaskKey(strings.TrimPrefix(key, taskPrefix)); ok && strings.HasPrefix(key, taskPrefix) {
				ourKey = taskKey(id)
			}
		}
		if ourKey != key || string(ourValue) != string(r.Value) {
			t.Errorf("Java wrote\n%s %s, we write\n%s %s", key, r.Value, ourKey, ourValue)
		}
	}
}

func TestTableFollowsJavasRecords(t *testing.T) {
	table := newTable(slog.New(slog.DiscardHandler))
	records := golden(t)
	table.apply(records[:11])
	if s, ok := table.Task(state.TaskID{Connector: "fs-1"}); !ok || s.State != state.Running || s.WorkerID != "127.0.0.1:26083" || s.Generation != 3 {
		t.Errorf("task status %+v %t", s, ok)
	}
	if got := table.Topics("fs-1"); len(got) != 1 || got[0] != "out" {
		t.Errorf("topics %v", got)
	}
	table.apply(records[11:])
	if len(table.Connectors()) != 0 || len(table.Topics("fs-1")) != 0 || len(table.Tasks("fs-1")) != 0 {
		t.Errorf("left after the deletion: %v %v", table.Connectors(), table.Topics("fs-1"))
	}
}

func TestOldAndDamagedRecords(t *testing.T) {
	var log strings.Builder
	table := newTable(slog.New(slog.NewTextHandler(&log, nil)))
	table.apply([]kafka.Record{
		{Key: []byte("status-connector-old"), Value: []byte(`{"state":"RUNNING","trace":null,"worker_id":"w","generation":1}`)}, // before 4.2: no version
	})
	if s, ok := table.Connector("old"); !ok || s.State != state.Running || log.Len() > 0 {
		t.Errorf("status %+v %t, log %s", s, ok, &log)
	}
	for _, r := range [][2]string{
		{"status-connector-", `{"state":"RUNNING","worker_id":"w","generation":1}`},
		{"status-connector-c", `{"state":"FLYING","worker_id":"w","generation":1}`},
		{"status-connector-c", `{"state":"RUNNING","worker_id":"w"}`},
		{"status-connector-c", `[]`},
		{"status-task-c", `{"state":"RUNNING","worker_id":"w","generation":1}`},
		{"status-task-c-x", `{"state":"RUNNING","worker_id":"w","generation":1}`},
		{"status-topic-t", `{}`},
		{"status-topic-t:connector-c", `{"topic":{}}`},
		{"other", `{}`},
	} {
		log.Reset()
		table.apply([]kafka.Record{{Offset: 77, Key: []byte(r[0]), Value: []byte(r[1])}})
		if !strings.Contains(log.String(), "offset=77") || !strings.Contains(log.String(), r[0]) {
			t.Errorf("%s %s: log %q", r[0], r[1], &log)
		}
	}
	if got := table.Connectors(); len(got) != 1 {
		t.Errorf("connectors %v", got)
	}
}

func TestRepeatsOnlyTheNewestWrite(t *testing.T) {
	running := state.Status{State: state.Running, WorkerID: "me", Generation: 4}
	at := func(generation int) state.Status { s := running; s.Generation = generation; return s }
	for name, c := range map[string]struct {
		then func(*table)
		want bool
	}{
		"nothing happened":       {func(*table) {}, true},
		"a newer write":          {func(b *table) { b.begin(func() *cell { return b.connector("c") }, running, false) }, false},
		"a new generation":       {func(b *table) { b.begin(func() *cell { return b.connector("d") }, at(5), false) }, true},
		"deleted":                {func(b *table) { b.apply([]kafka.Record{record(connectorKey("c"), nil)}) }, false},
		"another worker":         {func(b *table) { b.apply(foreign(5)) }, false},
		"another worker earlier": {func(b *table) { b.apply(foreign(3)) }, true},
	} {
		b := newTable(slog.New(slog.DiscardHandler))
		k, ok := b.begin(func() *cell { return b.connector("c") }, running, false)
		if !ok {
			t.Fatal("the first write was refused")
		}
		c.then(b)
		if got := b.repeat(k); got != c.want {
			t.Errorf("%s: repeated %t, want %t", name, got, c.want)
		}
	}
}

// The end of what another worker has begun anew since is no end; that of what the same worker runs is.
func TestLateEnds(t *testing.T) {
	for _, c := range []struct {
		worker     string
		generation int
		want       state.State
	}{{"me", 4, state.Running}, {"me", -1, state.Running}, {"me", 6, state.Unassigned}, {"other", -1, state.Unassigned}} {
		b := newTable(slog.New(slog.DiscardHandler))
		b.apply(foreign(5))
		end := state.Status{State: state.Unassigned, WorkerID: c.worker, Generation: c.generation}
		b.apply([]kafka.Record{record(connectorKey("c"), statusValue(end))})
		if got, _ := b.Connector("c"); got.State != c.want {
			t.Errorf("after the end on %s in generation %d the connector is %s, want %s", c.worker, c.generation, got.State, c.want)
		}
	}
}

func foreign(generation int) []kafka.Record {
	s := state.Status{State: state.Running, WorkerID: "other", Generation: generation}
	return []kafka.Record{record(connectorKey("c"), statusValue(s))}
}
