package config

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// topic applies records and keeps what came of them.
type topic struct {
	applier *applier
	state   *State
	log     strings.Builder
	changes []Change
	next    int64
}

func newTopic() *topic {
	t := &topic{state: empty()}
	t.applier = newApplier(slog.New(slog.NewTextHandler(&t.log, nil)), "configs")
	return t
}

// add applies "key value" lines; the value null is a tombstone.
func (t *topic) add(lines ...string) {
	for _, line := range lines {
		key, value, _ := strings.Cut(line, " ")
		r := kafka.Record{Offset: t.next, Key: []byte(key), Value: []byte(value)}
		if value == "null" {
			r.Value = nil
		}
		t.next++
		t.apply(r)
	}
}

func (t *topic) apply(r kafka.Record) {
	next, changes := t.applier.apply(t.state, []kafka.Record{r})
	t.state = next
	t.changes = append(t.changes, changes...)
}

func golden(t *testing.T) []kafka.Record {
	t.Helper()
	b, err := os.ReadFile("testdata/java-4.3.1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []kafka.Record
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		f := strings.SplitN(line, "\t", 3)
		r := kafka.Record{Key: []byte(f[1])}
		if _, err := fmt.Sscan(f[0], &r.Offset); err != nil {
			t.Fatal(err)
		}
		if f[2] != "null" {
			r.Value = []byte(f[2])
		}
		out = append(out, r)
	}
	return out
}

func TestReadsWhatJavaWrote(t *testing.T) {
	top := newTopic()
	records := golden(t)
	for _, r := range records[:9] {
		top.apply(r)
	}
	s := top.state
	if got := s.Config("fs-1")["odd"]; got != "quote \" back \\ tab \t uml ü 😀 ctl \x01 ls \u2028" {
		t.Errorf("configuration %q", got)
	}
	if s.Offset() != 15 || s.TaskCount("fs-1") != 1 || s.PendingFencing("fs-1") || s.Target("fs-1") != state.TargetStarted {
		t.Errorf("offset %d, tasks %d, pending %t, target %s", s.Offset(), s.TaskCount("fs-1"), s.PendingFencing("fs-1"), s.Target("fs-1"))
	}
	if got := s.TaskConfig(state.TaskID{Connector: "fs-1"})["task.class"]; got != "org.apache.kafka.connect.file.FileStreamSourceTask" {
		t.Errorf("task configuration %q", got)
	}
	for _, r := range records[9:] {
		top.apply(r)
	}
	if top.state.Len() != 0 || top.state.Target("fs-1") != "" || top.log.Len() > 0 {
		t.Errorf("after the deletion: %v %q, log %s", top.state.Connectors(), top.state.Target("fs-1"), &top.log)
	}
}

// TestWritesWhatJavaWrites encodes what each golden record says and compares the
// bytes; of properties, whose order is a hash map's, what they say.
func TestWritesWhatJavaWrites(t *testing.T) {
	top := newTopic()
	for _, r := range golden(t) {
		top.changes = nil
		top.apply(r)
		if r.Value == nil {
			continue
		}
		var ours []byte
		switch key := string(r.Key); {
		case key == sessionKeyKey:
			ours = sessionKeyValue(*top.state.SessionKey())
		case strings.HasPrefix(key, targetPrefix):
			ours = targetValue(top.state.Target("fs-1"))
		case strings.HasPrefix(key, commitPrefix):
			ours = commitValue(top.state.TaskCount("fs-1"))
		case strings.HasPrefix(key, fencingPrefix):
			n, _ := top.state.TaskCountRecord("fs-1")
			ours = taskCountValue(n)
		case strings.HasPrefix(key, restartPrefix):
			ours = restartValue(top.changes[0].Restart)
		case strings.HasPrefix(key, loggerPrefix):
			ours = loggerValue(top.changes[0].Level)
		default:
			sameProperties(t, r.Value)
			continue
		}
		if string(ours) != string(r.Value) {
			t.Errorf("%s: Java wrote %s, we write %s", r.Key, r.Value, ours)
		}
	}
}

func sameProperties(t *testing.T, java []byte) {
	t.Helper()
	read := func(b []byte) map[string]string {
		top := newTopic()
		top.apply(kafka.Record{Key: []byte("connector-x"), Value: b})
		return top.state.Config("x")
	}
	ours := propertiesValue(read(java))
	if len(ours) != len(java) || !maps.Equal(read(ours), read(java)) {
		t.Errorf("Java wrote %s, we write %s", java, ours)
	}
}

const cfgRecord, taskValue = `connector-c {"properties":{"v":"1"}}`, `{"properties":{"t":"1"}}`

func TestIncompleteTasks(t *testing.T) {
	top := newTopic()
	top.add(cfgRecord, "task-c-1 "+taskValue, `commit-c {"tasks":2}`) // task 0 was compacted away
	if !top.state.Inconsistent("c") || top.state.TaskCount("c") != 0 || top.state.TaskGeneration("c") != -1 || !top.state.PendingFencing("c") {
		t.Errorf("after an incomplete commit: %+v", top.state.get("c"))
	}
	// The incomplete set is not kept for the next commit.
	top.add("task-c-0 "+taskValue, `commit-c {"tasks":2}`)
	if !top.state.Inconsistent("c") {
		t.Error("a task configuration from before an incomplete commit was used")
	}
	top.add("task-c-0 "+taskValue, "task-c-1 "+taskValue, `commit-c {"tasks":2}`)
	if top.state.Inconsistent("c") || top.state.TaskCount("c") != 2 || top.state.TaskGeneration("c") != 0 {
		t.Errorf("after a complete commit: %+v", top.state.get("c"))
	}
	// More than are counted: compaction left one from a larger set.
	top.add("task-c-1 "+taskValue, "task-c-0 "+taskValue, `commit-c {"tasks":1}`)
	if top.state.Inconsistent("c") || top.state.TaskCount("c") != 1 || top.state.TaskGeneration("c") != 1 {
		t.Errorf("after a commit of fewer: %+v", top.state.get("c"))
	}
	// A commit of no tasks needs none.
	top.add(`commit-c {"tasks":0}`)
	if top.state.Inconsistent("c") || top.state.TaskGeneration("c") != 2 {
		t.Errorf("after an empty commit: %+v", top.state.get("c"))
	}
}

func TestTasksOfADeletedConnector(t *testing.T) {
	top := newTopic()
	top.add("task-c-0 "+taskValue, `commit-c {"tasks":1}`) // the connector's records were compacted away
	if top.state.TaskCount("c") != 0 || top.state.PendingFencing("c") || len(top.changes) != 0 {
		t.Errorf("tasks without connector: %+v, changes %v", top.state.get("c"), top.changes)
	}
	top.add(cfgRecord, `commit-c {"tasks":1}`)
	if !top.state.Inconsistent("c") {
		t.Error("task configurations from before the connector were used")
	}
}

func TestTargets(t *testing.T) {
	top := newTopic()
	top.add(cfgRecord, `target-state-c {"state":"PAUSED"}`)
	if top.state.Target("c") != state.TargetPaused {
		t.Errorf("an old worker's target: %s", top.state.Target("c"))
	}
	top.add(`target-state-c {"state":"PAUSED","state.v2":"STOPPED"}`)
	if top.state.Target("c") != state.TargetStopped {
		t.Errorf("the newer field: %s", top.state.Target("c"))
	}
	top.add(`target-state-c {"state":"PAUSED","state.v2":7}`)
	if top.state.Target("c") != state.TargetPaused {
		t.Errorf("with a broken newer field: %s", top.state.Target("c"))
	}
	top.add("target-state-c null")
	if top.state.Target("c") != state.TargetStarted {
		t.Errorf("a tombstone while the connector stands: %s", top.state.Target("c"))
	}
}

func TestDamagedRecords(t *testing.T) {
	for _, line := range []string{
		"connector-c [1]", `connector-c {"properties":"x"}`, `connector-c {"properties":{"a":[]}}`,
		"task-c " + taskValue, "task-c-x " + taskValue, "task-c-0 null", `task-c-0 {}`,
		`commit-c {"tasks":"1"}`, `commit-c {}`, "commit-c null",
		`target-state-c {"state":"FLYING"}`, `target-state-c {}`,
		`tasks-fencing-c {}`, "tasks-fencing-c null",
		`session-key {"key":"?","algorithm":"a","creation-timestamp":1}`, `session-key {"key":"YQ=="}`, "session-key null",
		`session-key {"key":"YQ==","algorithm":"a","creation-timestamp":"1"}`,
		"restart-connector-c null", "restart-connector-c 1", "logger-cluster-x {}", "logger-cluster-x null", "unknown {}",
	} {
		top := newTopic()
		top.add(cfgRecord)
		before := top.state
		top.changes = nil
		top.next = 41
		top.add(line)
		key, _, _ := strings.Cut(line, " ")
		if !strings.Contains(top.log.String(), "offset=41") || !strings.Contains(top.log.String(), key) {
			t.Errorf("%s: log %q", line, &top.log)
		}
		if top.state.Offset() != 42 || len(top.changes) != 0 || !maps.Equal(top.state.Config("c"), before.Config("c")) {
			t.Errorf("%s: offset %d, changes %v", line, top.state.Offset(), top.changes)
		}
	}
	// What is no JSON at all does not even move the offset, in Java's workers
	// either, with whose offsets ours must agree.
	top := newTopic()
	top.add(cfgRecord, "connector-c {broken")
	if top.state.Offset() != 1 || top.log.Len() == 0 {
		t.Errorf("offset %d, log %q", top.state.Offset(), &top.log)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	top := newTopic()
	top.add(`connector-c {"properties":{"password":["hunter2"]}}`, `session-key {"key":"hunter2?","algorithm":"a","creation-timestamp":1}`, "connector-d {hunter2")
	if strings.Contains(top.log.String(), "hunter2") {
		t.Errorf("log %s", &top.log)
	}
}

// TestWorkPerRecordDoesNotGrow applies a record to small and large clusters.
func TestWorkPerRecordDoesNotGrow(t *testing.T) {
	cost := func(connectors int) float64 {
		top := newTopic()
		for i := range connectors {
			top.add(fmt.Sprintf(`connector-name%05d {"properties":{"v":"1"}}`, i))
		}
		r := kafka.Record{Key: []byte("connector-name00007"), Value: []byte(`{"properties":{"v":"2"}}`)}
		return testing.AllocsPerRun(100, func() { top.apply(r); top.changes = nil })
	}
	small, large := cost(50), cost(10000)
	if large > 2*small {
		t.Errorf("%.0f allocations with 50 connectors, %.0f with 10000", small, large)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			top := newTopic()
			for i := range n {
				top.add(fmt.Sprintf(`connector-name%05d {"properties":{"v":"1"}}`, i))
			}
			r := kafka.Record{Key: []byte("target-state-name00007"), Value: []byte(`{"state":"PAUSED","state.v2":"PAUSED"}`)}
			for b.Loop() {
				top.apply(r)
			}
		})
	}
}
