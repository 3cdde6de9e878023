//go:build real

package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// A cluster of one kind stops and one of the other kind starts on its topics. It says the same of all connectors and of
// their offsets, whatever state they are in and however they got there, and so on back.
func TestTakeover(t *testing.T) {
	t.Parallel()
	kafka, mysql := rig.Kafka(t).Bootstrap(), rig.MySQL(t)
	for _, s := range []setting{
		{group: "takeonce", exactlyOnce: true, mysql: mysql},
		{group: "take"},
	} {
		s.kafka = kafka
		t.Run(s.group, func(t *testing.T) { playTakeover(t, s, "java1") })
	}
}

func playTakeover(t *testing.T, s setting, java1 string) {
	g := newGroup(t, s, 1)
	java := g.start(java1)[0]
	g.addFiles(4)
	if s.mysql != nil {
		g.addMySQL()
	}
	g.create("broken", 1, map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
		"file": g.file("no/such/directory"), "topics": "nothing",
	})
	g.everywhere("the failure", g.want["broken"], func(n *node) error {
		text, err := n.get("/connectors/broken/status")
		if err == nil && !bytes.Contains(text, []byte(`"FAILED"`)) {
			err = fmt.Errorf("its status is %s", text)
		}
		return err
	})
	if err := g.pass("on Java's worker"); err != nil {
		t.Fatal(err)
	}
	pause := func(n *node, name string) {
		n.write(http.MethodPut, "/connectors/"+name+"/pause", nil, http.StatusAccepted)
		g.has(g.want[name], "PAUSED", g.want[name].tasks)
	}
	stop := func(n *node, name string) {
		n.write(http.MethodPut, "/connectors/"+name+"/stop", nil, http.StatusNoContent)
		g.has(g.want[name], "STOPPED", 0)
	}
	pause(java, "s1")
	pause(java, "k1")
	for _, name := range []string{"s2", "k2", "s3", "k3"} {
		stop(java, name)
	}
	g.alter(java, "s2", position(g.file("s2"), 3))
	g.alter(java, "k2", consumed(g.want["k2"].config["topics"], 0))
	g.reset(java, "s3")

	before := g.told(java)
	java.leave()
	ours := g.start("go1")[0]
	g.compare("after Java", before, ours)

	g.alter(ours, "s3", position(g.file("s3"), 5))
	g.reset(ours, "k2")
	g.reset(ours, "s2")
	g.alter(ours, "k3", consumed(g.want["k3"].config["topics"], 1))
	stop(ours, "s1")
	pause(ours, "k0")
	before = g.told(ours)
	ours.leave()
	java.comeBack()
	g.compare("after Millrace", before, java)

	// The altered offsets hold: what is read from them comes once more, and what was reset comes from its beginning.
	java.leave()
	ours.comeBack()
	for _, name := range []string{"s1", "k1", "s2", "k0"} {
		ours.write(http.MethodPut, "/connectors/"+name+"/resume", nil, http.StatusAccepted)
		g.has(g.want[name], "RUNNING", g.want[name].tasks)
	}
	eventually(t, "the source that was reset begins anew", func() error {
		if n := g.tally.of(g.want["s2"].config["topic"], "s2 stage 1"); n != 2 {
			return fmt.Errorf("its line came %d times", n)
		}
		return nil
	})
}

func position(file string, n int) map[string]any {
	return map[string]any{"partition": map[string]any{"filename": file}, "offset": map[string]any{"position": n}}
}

func consumed(topic string, n int) map[string]any {
	return map[string]any{
		"partition": map[string]any{"kafka_topic": topic, "kafka_partition": 0}, "offset": map[string]any{"kafka_offset": n},
	}
}

func (g *group) alter(n *node, name string, offset map[string]any) {
	g.t.Helper()
	n.write(http.MethodPatch, "/connectors/"+name+"/offsets", map[string]any{"offsets": []any{offset}}, http.StatusOK)
}

func (g *group) reset(n *node, name string) {
	g.t.Helper()
	n.write(http.MethodDelete, "/connectors/"+name+"/offsets", nil, http.StatusOK)
}

var (
	workerID = regexp.MustCompile(`"worker_id":"[^"]*"`)
	trace    = regexp.MustCompile(`"trace":"(?:[^"\\]|\\.)*"`)
)

// likeness leaves out what may differ: where something runs, and the lines of a program in a trace.
func likeness(told []byte) []byte {
	told = workerID.ReplaceAll(told, []byte(`"worker_id":""`))
	return trace.ReplaceAllFunc(told, func(t []byte) []byte {
		if bytes.Contains(t, []byte("Couldn't find or create file")) {
			return []byte(`"trace":"no file"`)
		}
		return t
	})
}

// told is what a worker says of all connectors, as soon as it says that everything is in its place.
func (g *group) told(n *node) map[string]string {
	g.t.Helper()
	var all map[string]string
	eventually(g.t, n.name+" has everything", func() (err error) {
		all, err = g.tells(n)
		return err
	})
	return all
}

func (g *group) tells(n *node) (map[string]string, error) {
	text, err := n.get("/connectors?expand=info&expand=status")
	if err != nil {
		return nil, err
	}
	for _, m := range workerID.FindAll(text, -1) {
		if !bytes.Contains(m, []byte(n.id())) {
			return nil, fmt.Errorf("something is still on %s", m)
		}
	}
	if bytes.Contains(text, []byte("UNASSIGNED")) || bytes.Contains(text, []byte("RESTARTING")) {
		return nil, fmt.Errorf("something is under way: %s", text)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for name, part := range parts {
		all[name] = string(likeness(part))
		offsets, err := n.get("/connectors/" + name + "/offsets")
		if err != nil {
			return nil, err
		}
		all[name+"/offsets"] = string(offsets)
	}
	return all, nil
}

// compare waits until a worker says what another has said before.
func (g *group) compare(when string, want map[string]string, n *node) {
	g.t.Helper()
	eventually(g.t, "all is as before "+when, func() error {
		got, err := g.tells(n)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if equal, err := sameJSON(want[key], got[key]); err != nil || !equal {
				return fmt.Errorf("%s: %v\n%s\nwas\n%s", key, err, got[key], want[key])
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("there are %d answers; there were %d", len(got), len(want))
		}
		return nil
	})
	g.t.Logf("%s: %d answers are the same", when, len(want))
}

// sameJSON compares answers; the order of tasks and of offsets has no meaning.
func sameJSON(a, b string) (bool, error) {
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		return false, err
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		return false, err
	}
	return canonical(x) == canonical(y), nil
}

// canonical writes lists in the order of their elements' texts, and objects in that of their names.
func canonical(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = canonical(v[i])
		}
		slices.Sort(parts)
		return fmt.Sprint(parts)
	case map[string]any:
		parts := make([]string, 0, len(v))
		for key := range v {
			parts = append(parts, fmt.Sprintf("%q:%s", key, canonical(v[key])))
		}
		slices.Sort(parts)
		return fmt.Sprint(parts)
	}
	return fmt.Sprintf("%#v", v)
}
