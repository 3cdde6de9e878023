package main

import (
	"context"
	"slices"
	"strings"

	connect "github.com/cloudhut/connect-client"
)

func (p printer) cloudhut() {
	c := connect.NewClient(connect.WithHost(p.url))
	h := cloudhut{p, c, context.Background()}
	root, err := c.GetRoot(h.ctx)
	p.say("root", root, err)
	h.plugins()
	h.create()
	h.read()
	h.lifecycle()
	h.topics()
	for _, name := range []string{"ch-one", "ch-two", "ch-none"} {
		p.say("delete "+name, nil, c.DeleteConnector(h.ctx, name))
	}
	p.until("nothing is left", func() bool {
		names, err := c.ListConnectors(h.ctx)
		return err == nil && len(names) == 0
	})
}

type cloudhut struct {
	printer
	c   *connect.Client
	ctx context.Context
}

func (h cloudhut) settle(name, state string, tasks int) {
	h.until(name+" is "+state, func() bool {
		s, err := h.c.GetConnectorStatus(h.ctx, name)
		return err == nil && s.Connector.State == state && len(s.Tasks) == tasks &&
			!slices.ContainsFunc(s.Tasks, func(t connect.TaskState) bool { return t.State != state })
	})
}

// values makes a configuration of the client's type.
func values(config map[string]string) map[string]interface{} {
	out := map[string]interface{}{}
	for k, v := range config {
		out[k] = v
	}
	return out
}

func (h cloudhut) plugins() {
	plugins, err := h.c.GetConnectorPlugins(h.ctx)
	plugins = slices.DeleteFunc(plugins, func(p connect.ConnectorPluginInfo) bool { return !strings.Contains(p.Class, ".connect.file.") })
	h.say("plugins", plugins, err)
	for _, max := range []string{"1", "none"} {
		config := values(h.source("ch-v", "name", "v", "tasks.max", max))
		result, err := h.c.PutValidateConnectorConfig(h.ctx, "FileStreamSource", connect.ValidateConnectorConfigOptions{Config: config})
		result.Configs = slices.DeleteFunc(result.Configs, func(c connect.ConnectorValidationResultConfig) bool {
			return c.Definition["name"] != "tasks.max" && c.Definition["name"] != "topic"
		})
		h.say("validate tasks.max="+max, result, err)
	}
	_, err = h.c.PutValidateConnectorConfig(h.ctx, "NoSuchClass", connect.ValidateConnectorConfigOptions{Config: values(h.source("x"))})
	h.say("validate another class", nil, err)
}

func (h cloudhut) create() {
	one := connect.CreateConnectorRequest{Name: "ch-one", Config: values(h.source("ch-one"))}
	one.Config["batch.size"] = 9 // a number, as users write it
	info, err := h.c.CreateConnector(h.ctx, one)
	info.Tasks = nil // whether they are there yet is a race
	h.say("create ch-one", info, err)
	h.settle("ch-one", "RUNNING", 1)
	_, err = h.c.CreateConnector(h.ctx, one)
	h.say("create ch-one again", nil, err)
	_, err = h.c.CreateConnector(h.ctx, connect.CreateConnectorRequest{Name: "ch-bad", Config: values(h.source("ch-bad", "topic", ""))})
	h.say("create ch-bad", nil, err)
	for _, size := range []string{"3", "4"} {
		info, err := h.c.PutConnectorConfig(h.ctx, "ch-two", connect.PutConnectorConfigOptions{Config: values(h.source("ch-two", "batch.size", size))})
		info.Tasks = nil
		h.say("put ch-two", info, err)
		h.settle("ch-two", "RUNNING", 1)
	}
}

func (h cloudhut) read() {
	names, err := h.c.ListConnectors(h.ctx)
	slices.Sort(names)
	h.say("list", names, err)
	var all map[string]connect.ListConnectorsResponseExpanded
	h.until("all run", func() bool { // after the change of one, which restarts it
		all, err = h.c.ListConnectorsExpanded(h.ctx)
		for _, one := range all {
			if one.Status.Connector.State != "RUNNING" || slices.ContainsFunc(one.Status.Tasks, func(t connect.TaskState) bool { return t.State != "RUNNING" }) {
				return false
			}
		}
		return true
	})
	h.say("list expanded", all, err)
	for _, name := range []string{"ch-one", "ch-none"} {
		info, err := h.c.GetConnector(h.ctx, name)
		h.say("get "+name, info, err)
		config, err := h.c.GetConnectorConfig(h.ctx, name)
		h.say("config "+name, config, err)
		status, err := h.c.GetConnectorStatus(h.ctx, name)
		h.say("status "+name, status, err)
	}
}

func (h cloudhut) lifecycle() {
	for _, name := range []string{"ch-one", "ch-none"} {
		for _, step := range []struct {
			what, state string
			tasks       int
			do          func(ctx context.Context, name string) error
		}{
			{"pause", "PAUSED", 1, h.c.PauseConnector},
			{"resume", "RUNNING", 1, h.c.ResumeConnector},
			{"stop", "STOPPED", 0, h.c.StopConnector},
			{"resume", "RUNNING", 1, h.c.ResumeConnector},
			{"restart", "RUNNING", 1, h.restart(connect.RestartConnectorOptions{})},
			{"restart with tasks", "RUNNING", 1, h.restart(connect.RestartConnectorOptions{IncludeTasks: true})},
			{"restart what failed", "RUNNING", 1, h.restart(connect.RestartConnectorOptions{IncludeTasks: true, OnlyFailed: true})},
			{"restart task 0", "RUNNING", 1, func(ctx context.Context, name string) error { return h.c.RestartConnectorTask(ctx, name, 0) }},
		} {
			h.say(step.what+" "+name, nil, step.do(h.ctx, name))
			if name == "ch-one" {
				h.settle(name, step.state, step.tasks)
			}
		}
	}
	h.say("restart task 5", nil, h.c.RestartConnectorTask(h.ctx, "ch-one", 5))
}

func (h cloudhut) restart(o connect.RestartConnectorOptions) func(context.Context, string) error {
	return func(ctx context.Context, name string) error { return h.c.RestartConnector(ctx, name, o) }
}

func (h cloudhut) topics() {
	used := func() bool {
		topics, err := h.c.GetConnectorTopics(h.ctx, "ch-one")
		return err == nil && len(topics["ch-one"].Topics) > 0
	}
	h.until("ch-one has written", used)
	topics, err := h.c.GetConnectorTopics(h.ctx, "ch-one")
	h.say("topics", topics, err)
	h.say("reset topics", nil, h.c.ResetConnectorTopics(h.ctx, "ch-one"))
	h.until("the topics are forgotten", func() bool { return !used() })
}
