package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/millrace/millrace/storage/state"
)

// StatusStore is what status.Kafka and status.Memory have in common.
type StatusStore interface {
	Connector(name string) (state.Status, bool)
	Task(id state.TaskID) (state.Status, bool)
	Tasks(name string) map[int]state.Status
	Connectors() []string
	PutConnector(name string, s state.Status, safe bool)
	PutTask(id state.TaskID, s state.Status, safe bool)
	Topics(connector string) []string
	PutTopic(id state.TaskID, topic string)
	DeleteTopics(connector string)
	Flush(ctx context.Context) error
	Refresh(ctx context.Context) error
	Close()
}

// StatusStores makes stores for the status suite; see ConfigStores.
type StatusStores struct {
	New    func(t *testing.T) func() StatusStore
	Shared bool
}

// Status runs the suite.
func Status(t *testing.T, stores StatusStores) {
	cases := map[string]func(*testing.T, *statusRun){
		"Connectors":   testConnectorStatus,
		"Tasks":        testTaskStatus,
		"SafeWrites":   testSafeWrites,
		"LateReleases": testLateReleases,
		"Topics":       testTopics,
	}
	if stores.Shared {
		cases["TwoStores"] = testStatusOfTwo
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			r := &statusRun{t: t, open: stores.New(t)}
			r.s = r.another()
			run(t, r)
		})
	}
}

type statusRun struct {
	t    *testing.T
	open func() StatusStore
	s    StatusStore
}

func (r *statusRun) another() StatusStore {
	s := r.open()
	r.t.Cleanup(s.Close)
	return s
}

// settle waits until what was put can be read.
func (r *statusRun) settle() {
	r.t.Helper()
	for _, f := range []func(context.Context) error{r.s.Flush, r.s.Refresh} {
		if err := f(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *statusRun) connector(name string, s state.Status, safe bool) state.Status {
	r.t.Helper()
	r.s.PutConnector(name, s, safe)
	r.settle()
	got, _ := r.s.Connector(name)
	return got
}

func (r *statusRun) task(id state.TaskID, s state.Status, safe bool) state.Status {
	r.t.Helper()
	r.s.PutTask(id, s, safe)
	r.settle()
	got, _ := r.s.Task(id)
	return got
}

func status(st state.State, worker string, generation int) state.Status {
	return state.Status{State: st, WorkerID: worker, Generation: generation}
}

func testConnectorStatus(t *testing.T, r *statusRun) {
	if _, ok := r.s.Connector("c"); ok {
		t.Error("a status from nowhere")
	}
	failed := state.Status{State: state.Failed, Trace: "java.lang.\"X\"\n\tat y", WorkerID: "w:1", Generation: 3, Version: "1.0"}
	equal(t, "status", r.connector("c", failed, false), failed)
	equal(t, "connectors", strings.Join(r.s.Connectors(), " "), "c")
	r.task(state.TaskID{Connector: "c", Task: 1}, status(state.Running, "w:1", 3), false)
	r.connector("c", status(state.Destroyed, "w:1", 4), false)
	if _, ok := r.s.Connector("c"); ok || len(r.s.Tasks("c")) != 0 || len(r.s.Connectors()) != 0 {
		t.Errorf("left after the end: %v %v", r.s.Connectors(), r.s.Tasks("c"))
	}
}

func testTaskStatus(t *testing.T, r *statusRun) {
	for i := range 3 {
		r.s.PutTask(state.TaskID{Connector: "a-b", Task: i}, status(state.Running, "w", i), false)
	}
	r.settle()
	r.task(state.TaskID{Connector: "a-b", Task: 1}, status(state.Destroyed, "w", 9), false)
	tasks := r.s.Tasks("a-b")
	if len(tasks) != 2 || tasks[2].Generation != 2 {
		t.Errorf("tasks %v", tasks)
	}
	equal(t, "connectors", strings.Join(r.s.Connectors(), " "), "a-b")
}

func testSafeWrites(t *testing.T, r *statusRun) {
	r.connector("c", status(state.Running, "new", 5), false)
	got := r.connector("c", status(state.Unassigned, "old", 4), true)
	equal(t, "after a late write of another worker", got, status(state.Running, "new", 5))
	got = r.connector("c", status(state.Unassigned, "new", 4), true)
	equal(t, "after the same worker's write", got, status(state.Unassigned, "new", 4))
	got = r.connector("c", status(state.Failed, "old", 4), true)
	equal(t, "after a write in the same generation", got, status(state.Failed, "old", 4))
	got = r.connector("c", status(state.Running, "third", 1), false)
	equal(t, "after a write that asks nobody", got, status(state.Running, "third", 1))
}

// testLateReleases is about readers: they pass over an UNASSIGNED that overtakes
// the RUNNING of the next owner.
func testLateReleases(t *testing.T, r *statusRun) {
	id := state.TaskID{Connector: "c"}
	running := status(state.Running, "new", 5)
	r.task(id, running, false)
	equal(t, "late", r.task(id, status(state.Unassigned, "old", 5), false), running)
	equal(t, "later", r.task(id, status(state.Unassigned, "new", 6), false), status(state.Unassigned, "new", 6))
	equal(t, "failed", r.task(id, status(state.Failed, "old", 1), false), status(state.Failed, "old", 1))
}

func testTopics(t *testing.T, r *statusRun) {
	r.s.PutTopic(state.TaskID{Connector: "c"}, "t.b")
	r.s.PutTopic(state.TaskID{Connector: "c", Task: 1}, "t.a")
	r.s.PutTopic(state.TaskID{Connector: "d"}, "t.a")
	r.settle()
	equal(t, "topics", strings.Join(r.s.Topics("c"), " "), "t.a t.b")
	r.s.DeleteTopics("c")
	r.settle()
	equal(t, "topics after the reset", len(r.s.Topics("c")), 0)
	equal(t, "topics of the other", strings.Join(r.s.Topics("d"), " "), "t.a")
}

func testStatusOfTwo(t *testing.T, r *statusRun) {
	r.connector("c", status(state.Running, "one", 1), false)
	r.s.PutTopic(state.TaskID{Connector: "c"}, "t")
	r.settle()
	other := r.another()
	got, ok := other.Connector("c")
	if !ok || got.WorkerID != "one" {
		t.Errorf("the other worker sees %v %t", got, ok)
	}
	equal(t, "topics", strings.Join(other.Topics("c"), " "), "t")
	other.PutConnector("c", status(state.Running, "two", 2), false)
	if err := other.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settle()
	got = r.connector("c", status(state.Unassigned, "one", 1), true)
	equal(t, "after the old owner's release", got, status(state.Running, "two", 2))
}
