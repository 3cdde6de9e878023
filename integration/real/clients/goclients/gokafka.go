package main

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/go-kafka/connect"
)

func (p printer) goKafka() {
	c := connect.NewClient(p.url + "/")
	// answer adds the status, which this client hands out.
	answer := func(what string, value any, r *http.Response, err error) {
		if r != nil {
			what = fmt.Sprintf("%s %d", what, r.StatusCode)
		}
		p.say(what, value, err)
	}
	settle := func(name, state string, tasks int) {
		p.until(name+" is "+state, func() bool {
			s, _, err := c.GetConnectorStatus(name)
			return err == nil && s.Connector.State == state && len(s.Tasks) == tasks &&
				!slices.ContainsFunc(s.Tasks, func(t connect.TaskState) bool { return t.State != state })
		})
	}
	create := func(name string, config connect.ConnectorConfig) {
		conn := &connect.Connector{Name: name, Config: config}
		r, err := c.CreateConnector(conn)
		conn.Tasks = nil // whether they are there yet is a race
		answer("create "+name, conn, r, err)
	}
	names, r, err := c.ListConnectors()
	answer("list", names, r, err)
	create("gk-one", p.source("gk-one"))
	settle("gk-one", "RUNNING", 1)
	create("gk-one", p.source("gk-one"))
	create("gk-bad", p.source("gk-bad", "tasks.max", "-1"))
	for _, size := range []string{"5", "6"} {
		conn, r, err := c.UpdateConnectorConfig("gk-two", p.source("gk-two", "batch.size", size))
		conn.Tasks = nil
		answer("update gk-two", conn, r, err)
		p.until("gk-two has its tasks", func() bool {
			tasks, _, err := c.GetConnectorTasks("gk-two")
			return err == nil && len(tasks) == 1 && tasks[0].Config["batch.size"] == size
		})
		settle("gk-two", "RUNNING", 1)
	}
	for _, name := range []string{"gk-one", "gk-two", "gk-none"} {
		conn, r, err := c.GetConnector(name)
		answer("get "+name, conn, r, err)
		config, r, err := c.GetConnectorConfig(name)
		answer("config "+name, config, r, err)
		tasks, r, err := c.GetConnectorTasks(name)
		answer("tasks "+name, tasks, r, err)
		status, r, err := c.GetConnectorStatus(name)
		answer("status "+name, status, r, err)
		r, err = c.PauseConnector(name)
		answer("pause "+name, nil, r, err)
		if name != "gk-none" {
			settle(name, "PAUSED", 1)
		}
		r, err = c.ResumeConnector(name)
		answer("resume "+name, nil, r, err)
		if name != "gk-none" {
			settle(name, "RUNNING", 1)
		}
		r, err = c.RestartConnector(name)
		answer("restart "+name, nil, r, err)
		if name != "gk-none" {
			settle(name, "RUNNING", 1)
		}
		r, err = c.DeleteConnector(name)
		answer("delete "+name, nil, r, err)
	}
	p.until("nothing is left", func() bool {
		names, _, err := c.ListConnectors()
		return err == nil && len(names) == 0
	})
}
