package distributed

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

func healing(first time.Duration) option {
	return func(cfg *Config) {
		cfg.Heal = herder.HealPolicy{
			Classes: map[connect.Class]bool{connect.ClassRetriable: true}, First: first, Longest: time.Hour, Attempts: 3, Reset: time.Hour,
		}
	}
}

// fails makes a task fail as its worker would report it: there is nothing left to
// stop.
func (n *node) fails(id state.TaskID, class connect.Class) {
	n.runtime.mu.Lock()
	delete(n.runtime.tasks, id)
	n.runtime.mu.Unlock()
	n.Reporter.TaskStatus(id, state.Status{State: state.Failed, Trace: "it broke", Class: string(class)})
}

func (c *testCluster) task(id state.TaskID) state.Status {
	return c.statuses.Tasks(id.Connector)[id.Task]
}

func TestFailedTasksAreRestarted(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a", healing(time.Millisecond))
	c.put(a, "c", props(1))
	c.runs("c", "c-0")
	id := state.TaskID{Connector: "c"}
	for range 3 {
		a.fails(id, connect.ClassRetriable)
		eventually(t, "the task runs again", func() bool { return c.task(id).State == state.Running })
	}
	a.fails(id, connect.ClassRetriable)
	if got := c.task(id); got.State != state.Failed || !strings.Contains(got.Trace, "it broke\nNo restart: ") || got.Class != "" {
		t.Errorf("beyond the budget the status is %+v", got)
	}
	if err := a.RestartTask(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task runs again, restarted by hand", func() bool { return c.task(id).State == state.Running })
	a.fails(id, connect.ClassRetriable)
	eventually(t, "it has its budget back", func() bool { return c.task(id).State == state.Running })
	a.fails(id, connect.ClassData)
	if got := c.task(id); !strings.Contains(got.Trace, "does not name errors of class data") {
		t.Errorf("the status is %+v", got)
	}
}

// A restart that waits does not outlive the task's stay on a worker: the next
// owner starts the task as any other.
func TestRestartsEndWithOwnership(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a", healing(time.Hour))
	c.put(a, "c", props(1))
	c.runs("c", "c-0")
	id := state.TaskID{Connector: "c"}
	a.fails(id, connect.ClassRetriable)
	if got := c.task(id); !strings.Contains(got.Trace, "it broke\nRestart: the error is of class retriable; attempt 1 of 3 at ") {
		t.Errorf("the status is %+v", got)
	}
	b := c.start("b", healing(time.Millisecond))
	a.stop()
	c.runs("c", "c-0")
	eventually(t, "the task runs on b", func() bool {
		s := c.task(id)
		return s.State == state.Running && s.WorkerID == "b:8083" && s.Trace == ""
	})
	b.fails(id, connect.ClassRetriable)
	eventually(t, "b restarts it", func() bool { return c.task(id).State == state.Running })
}

// The tasks of a paused connector stay as they are until it is resumed.
func TestRestartsWaitForPausedConnectors(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a", healing(time.Millisecond))
	c.put(a, "c", props(1))
	c.runs("c", "c-0")
	id := state.TaskID{Connector: "c"}
	if err := a.PauseConnector(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is paused", func() bool { return c.task(id).State == state.Paused })
	a.fails(id, connect.ClassRetriable)
	time.Sleep(50 * time.Millisecond)
	if got := c.task(id); got.State != state.Failed {
		t.Errorf("the status is %+v", got)
	}
	if err := a.ResumeConnector(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", func() bool { return c.task(id).State == state.Running })
}

func TestWithoutAPolicyStatusesAreJavas(t *testing.T) {
	c := newTestCluster(t)
	a := c.start("a")
	c.put(a, "c", props(1))
	c.runs("c", "c-0")
	id := state.TaskID{Connector: "c"}
	a.fails(id, connect.ClassRetriable)
	if got := c.task(id); got.Trace != "it broke" {
		t.Errorf("the trace is %q", got.Trace)
	}
}
