package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// commandLine calls every command of go-kafka's command line client.
func (p printer) commandLine(program string) {
	run := func(args ...string) string {
		cmd := exec.Command(program, append([]string{"--host", p.url + "/"}, args...)...)
		out, err := cmd.CombinedOutput()
		text := strings.TrimSpace(string(out))
		if err != nil {
			text = fmt.Sprintf("%v: %s", err, text)
		}
		return text
	}
	dir, err := os.MkdirTemp("", "goclients-")
	if err != nil {
		p.fail("%v", err)
	}
	defer os.RemoveAll(dir)
	say := func(args ...string) {
		text := run(args...)
		var value any
		if json.Unmarshal([]byte(text), &value) == nil {
			if m, ok := value.(map[string]any); ok && (args[0] == "create" || args[0] == "update") {
				delete(m, "tasks") // whether they are there yet is a race
			}
			p.say(strings.ReplaceAll(strings.Join(args, " "), dir, "DIR"), value, nil)
			return
		}
		p.say(strings.ReplaceAll(strings.Join(args, " "), dir, "DIR"), text, nil)
	}
	file := func(name string, v any) string {
		b, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			p.fail("%v", err)
		}
		return filepath.Join(dir, name)
	}
	settle := func(state string) {
		p.until("cl-one is "+state, func() bool {
			text := run("status", "cl-one")
			return strings.Count(text, `"state": "`+state+`"`) == 2
		})
	}
	config := p.source("cl-one")
	say("version")
	say("list")
	say("create", "--from-file", file("cl-one.json", map[string]any{"name": "cl-one", "config": config}))
	settle("RUNNING")
	say("create", "cl-one", "--config", file("config.json", config))
	say("update", "cl-one", "--config", file("config.json", p.source("cl-one", "batch.size", "8")))
	p.until("cl-one has its new tasks", func() bool { return strings.Contains(run("tasks", "cl-one"), `"batch.size": "8"`) })
	settle("RUNNING")
	for _, command := range []string{"list", "show cl-one", "config cl-one", "tasks cl-one", "status cl-one", "show cl-none", "status cl-none"} {
		say(strings.Fields(command)...)
	}
	say("pause", "cl-one")
	settle("PAUSED")
	say("resume", "cl-one")
	settle("RUNNING")
	say("restart", "cl-one")
	settle("RUNNING")
	say("delete", "cl-one")
	say("delete", "cl-none")
	p.until("nothing is left", func() bool { return run("list") == "[]" })
}
