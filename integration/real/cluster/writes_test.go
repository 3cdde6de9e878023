//go:build real

package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/millrace/millrace/integration/peer"
)

// write is something that users ask of a cluster, with what every worker must say afterwards. In the end the connector
// is as it was before, apart from its configuration.
type write struct {
	name string
	new  bool // a worker of release 2.7 does not know it
	do   func(*group, *node, *connector)
}

var writes = []write{
	{"PUT config", false, reconfigure},
	{"pause and resume", false, pauseAndResume},
	{"restart", false, restart},
	{"restart a task", false, restartTask},
	{"POST and DELETE", false, createAndDelete},
	{"stop and resume", true, stopAndResume},
	{"restart with tasks", true, restartAll},
	{"PATCH config", true, patch},
}

// writeThrough asks each of the workers for n writes, all workers at the same time and each about connectors of its own.
// Which ones these are is random; over a test all writes come up.
func (g *group) writeThrough(n int, workers ...*node) {
	g.t.Helper()
	all := slices.Clone(writes)
	if g.anOldOne() {
		all = slices.DeleteFunc(all, func(w write) bool { return w.new })
	}
	names := g.names()
	g.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var done sync.WaitGroup
	for i, worker := range workers {
		g.stage++
		var mine []func()
		for j := range n {
			w, c := all[(g.stage+j*len(workers))%len(all)], g.want[names[(i+j*len(workers))%len(names)]]
			mine = append(mine, func() {
				g.t.Logf("%s of %s through %s", w.name, c.name, worker.name)
				w.do(g, worker, c)
			})
		}
		done.Go(func() {
			for _, do := range mine {
				do()
			}
		})
	}
	done.Wait()
	if g.t.Failed() {
		g.t.FailNow()
	}
}

func (c *connector) path(rest string) string { return "/connectors/" + c.name + rest }

// everywhere waits until every worker says the same of a connector.
func (g *group) everywhere(what string, c *connector, check func(*node) error) {
	eventually(g.t, what+" of "+c.name+" is known everywhere", func() error {
		for _, n := range g.live() {
			if err := check(n); err != nil {
				return fmt.Errorf("%s: %w", n.name, err)
			}
		}
		return nil
	})
}

func reconfigure(g *group, n *node, c *connector) { change(g, n, c, http.MethodPut) }

func patch(g *group, n *node, c *connector) { change(g, n, c, http.MethodPatch) }

// change gives a connector another property, which its tasks take over.
func change(g *group, n *node, c *connector, method string) {
	g.mu.Lock()
	g.stage++
	value := strconv.Itoa(1000 + g.stage)
	c.config = maps.Clone(c.config)
	c.config["batch.size"] = value
	sent := maps.Clone(c.config)
	g.mu.Unlock()
	if method == http.MethodPatch {
		sent = map[string]string{"batch.size": value}
	}
	n.write(method, c.path("/config"), sent, http.StatusOK)
	g.everywhere("the configuration", c, func(n *node) error {
		text, err := n.get(c.path("/config"))
		if err != nil {
			return err
		}
		var got map[string]string
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		if !maps.Equal(got, c.config) {
			return fmt.Errorf("it is %v, not %v", got, c.config)
		}
		return nil
	})
	g.everywhere("tasks' configurations", c, func(n *node) error {
		text, err := n.get(c.path("/tasks"))
		if err != nil {
			return err
		}
		var got []struct{ Config map[string]string }
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		for _, task := range got {
			if source := c.config["topic"] != ""; source && task.Config["batch.size"] != value {
				return fmt.Errorf("it is %s", text)
			}
		}
		if len(got) != c.tasks {
			return fmt.Errorf("there are %d tasks", len(got))
		}
		return nil
	})
}

// has waits until a connector and its tasks have a state.
func (g *group) has(c *connector, state string, tasks int) {
	g.everywhere(state, c, func(n *node) error {
		s, err := peer.StatusOf(n.t.Context(), n.URL(), c.name)
		if err != nil {
			return err
		}
		wrong := slices.ContainsFunc(s.Tasks, func(i peer.State) bool { return i.State != state })
		if s.Connector.State != state || wrong || len(s.Tasks) != tasks {
			return fmt.Errorf("its status is %+v", s)
		}
		return nil
	})
}

func pauseAndResume(g *group, n *node, c *connector) {
	n.write(http.MethodPut, c.path("/pause"), nil, http.StatusAccepted)
	g.has(c, "PAUSED", c.tasks)
	n.write(http.MethodPut, c.path("/resume"), nil, http.StatusAccepted)
	g.has(c, "RUNNING", c.tasks)
}

func stopAndResume(g *group, n *node, c *connector) {
	n.write(http.MethodPut, c.path("/stop"), nil, http.StatusNoContent)
	g.has(c, "STOPPED", 0)
	n.write(http.MethodPut, c.path("/resume"), nil, http.StatusAccepted)
	g.has(c, "RUNNING", c.tasks)
}

func restart(g *group, n *node, c *connector) {
	n.write(http.MethodPost, c.path("/restart"), nil, http.StatusNoContent)
	g.has(c, "RUNNING", c.tasks)
}

func restartAll(g *group, n *node, c *connector) {
	n.write(http.MethodPost, c.path("/restart?includeTasks=true"), nil, http.StatusAccepted)
	g.has(c, "RUNNING", c.tasks)
}

func restartTask(g *group, n *node, c *connector) {
	n.write(http.MethodPost, c.path("/tasks/0/restart"), nil, http.StatusNoContent)
	g.has(c, "RUNNING", c.tasks)
}

func createAndDelete(g *group, n *node, like *connector) {
	if like.name == "db" { // two would take the connection from each other
		like = g.want["s0"]
	}
	c := &connector{name: "of-" + n.name, config: maps.Clone(like.config), tasks: like.tasks}
	delete(c.config, "name")
	if c.config["topic"] != "" {
		c.config["file"] = g.file("nothing-" + n.name)
	}
	g.post(n, c.name, c.config)
	g.has(c, "RUNNING", c.tasks)
	n.write(http.MethodDelete, c.path(""), nil, http.StatusNoContent)
	g.everywhere("the end", c, func(n *node) error {
		status, text, err := n.ask(g.t.Context(), http.MethodGet, c.path("/status"), nil)
		if err == nil && status != http.StatusNotFound {
			err = fmt.Errorf("%d %s", status, text)
		}
		return err
	})
}
