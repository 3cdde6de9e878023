package versions

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// Phase is the life of one worker.
type Phase struct {
	Name     string
	Group    string            // of the worker; phases of one group see each other's connectors
	Versions []string          // of the plugins
	Worker   map[string]string // further properties of the worker

	ask     []request // in this order
	created []string  // connectors whose status is asked once it is settled
	last    []request // and what is asked then
}

// request is one question to the REST API.
type request struct{ method, path, body string }

func (r request) String() string { return strings.TrimSpace(r.method + " " + r.path + " " + r.body) }

var all = []string{"1.0.0", "1.5.0", "2.0.0-beta", "2.0.0"}

// specs are versions as configurations may name them.
var specs = []string{
	"1.0.0", "1.0", "1", "2.0.0-beta", "[1.0.0]", "[1.0,2.0)", "[1.0.0,2.0.0)", "[1.0,2.0]", "(,1.5.0]", "(,1.5.0)", "[,9]", "[1.5.0,)", "(1.5.0,)",
	"(,)", "[1.0.0],[2.0.0]", "(,1.0.0],[5,)", "[1.0.0,1.5.0],[2.0.0]", "latest", "LATEST", "", " ", " [1.0.0] ", "[ 1.0 , 2.0 ]",
	"9.9", "[5,6)", "[9.9]", "(1.5.0)", "[", "]", "[1", "1]", "[1,", "garbage", "v1.0.0", "[2,1]", "[1,1)", "(1,1)", "[1,2,3]", "1.0.0,1.5.0", "[1.0.0] [2.0.0]", "[1.0.0]x", "[2],[1]", "[]", "()",
}

// Phases are what is asked of the workers, one after the other.
func Phases() []Phase {
	everything, fewer := Phase{Name: "all", Group: "versions", Versions: all}, Phase{Name: "fewer", Group: "versions", Versions: []string{"1.0.0", "2.0.0"}}
	everything.ask = append(lists(), validations(specs)...)
	creations := creations()
	for i, r := range creations {
		everything.ask = append(everything.ask, r)
		everything.created = append(everything.created, "c"+strconv.Itoa(i))
	}
	expanded := request{"GET", "/connectors?expand=status", ""}
	everything.last = []request{{"GET", "/connectors/c0", ""}, {"GET", "/connectors/c0/tasks", ""}, {"GET", "/connectors/c0/tasks/0/status", ""}}
	fewer.ask = []request{creation("fresh", map[string]string{"connector.class": source})}
	fewer.created = append([]string{"fresh"}, everything.created...) // once it runs, the word of the former worker is out of date
	fewer.last = []request{expanded, {"PUT", "/connectors/lost/config", object(with(plain(), "connector.plugin.version", "1.5.0"))}}
	return []Phase{everything, fewer, workersOwn("range", "[1.0.0,2.0.0)"), workersOwn("none", "")}
}

// workersOwn has a worker with converters of a version.
func workersOwn(name, version string) Phase {
	worker := map[string]string{}
	for key, class := range map[string]string{"key.converter": text, "value.converter": text, "header.converter": head} {
		worker[key] = class
		worker[key+".fail"] = "false"
		if version != "" {
			worker[key+".plugin.version"] = version
		}
	}
	p := Phase{Name: "worker " + name, Group: "versions-" + name, Versions: all, Worker: worker}
	base := map[string]string{"connector.class": source}
	for i, c := range []map[string]string{
		base,
		with(base, "key.converter.plugin.version", "1.0.0"),
		with(base, "value.converter.plugin.version", "9.9"),
		with(base, "header.converter.plugin.version", "[2.0.0]"),
		with(base, "key.converter", text),
		with(with(base, "key.converter", text), "key.converter.fail", "true"),
		with(with(base, "header.converter", head), "header.converter.fail", "true"),
		with(with(with(base, "value.converter", text), "value.converter.fail", "true"), "value.converter.plugin.version", "1.0.0"),
	} {
		id := "w" + strconv.Itoa(i)
		p.ask = append(p.ask, validation(c), creation(id, c))
		p.created = append(p.created, id)
	}
	return p
}

func lists() []request {
	out := []request{{"GET", "/connector-plugins", ""}, {"GET", "/connector-plugins?connectorsOnly=false", ""}}
	for _, class := range []string{source, "Source", text, head, mark, always} {
		out = append(out, request{"GET", "/connector-plugins/" + class + "/config", ""})
	}
	for _, spec := range specs {
		out = append(out, request{"GET", "/connector-plugins/" + source + "/config?version=" + url.QueryEscape(spec), ""})
	}
	for _, spec := range []string{"1.0.0", "[1.0,2.0)", "9.9", "[", "latest"} {
		for _, class := range []string{text, head, mark, always} {
			out = append(out, request{"GET", "/connector-plugins/" + class + "/config?version=" + url.QueryEscape(spec), ""})
		}
	}
	return out
}

// plain is a connector with a plugin of each kind.
func plain() map[string]string {
	return map[string]string{
		"connector.class": source, "key.converter": text, "value.converter": text, "header.converter": head,
		"transforms": "t", "transforms.t.type": mark, "transforms.t.predicate": "p", "predicates": "p", "predicates.p.type": always,
	}
}

// places are the prefixes of properties of a plugin, with the one that makes it fail.
func places() []string {
	return []string{"connector", "key.converter", "value.converter", "header.converter", "transforms.t", "predicates.p"}
}

func with(config map[string]string, key, value string) map[string]string {
	out := maps.Clone(config)
	out[key] = value
	return out
}

func validations(specs []string) []request {
	out := []request{validation(plain())}
	for _, place := range places() {
		for _, spec := range specs {
			out = append(out, validation(with(plain(), place+".plugin.version", spec)))
		}
	}
	withoutClass := with(plain(), "key.converter.plugin.version", "1.0.0")
	delete(withoutClass, "key.converter")
	for _, c := range []map[string]string{
		withoutClass,
		with(with(plain(), "connector.class", "Source"), "connector.plugin.version", "[1.0,2.0)"),
		with(with(plain(), "connector.class", "Nope"), "connector.plugin.version", "1.0.0"),
		with(with(plain(), "key.converter", "Nope"), "key.converter.plugin.version", "1.0.0"),
		with(with(plain(), "transforms.t.type", "Nope"), "transforms.t.plugin.version", "1.0.0"),
		with(with(plain(), "transforms.t.type", "Mark"), "transforms.t.plugin.version", "1.0.0"),
		with(with(plain(), "value.converter", "Text"), "value.converter.plugin.version", "1.0.0"),
		with(with(plain(), "value.converter", "org.apache.kafka.connect.storage.StringConverter"), "value.converter.plugin.version", "1.0.0"),
		with(with(plain(), "connector.class", "FileStreamSource"), "connector.plugin.version", "1.0.0"),
	} {
		out = append(out, validation(c))
	}
	return out
}

func validation(config map[string]string) request {
	return request{"PUT", "/connector-plugins/" + config["connector.class"] + "/config/validate", object(with(config, "name", "v"))}
}

// creations make connectors c0, c1..., many of which tell the version of their plugins by failing.
func creations() []request {
	var configs []map[string]string
	for _, place := range places() {
		fail := place + ".fail"
		if place == "connector" {
			fail = "fail"
		}
		for _, spec := range []string{"1.0.0", "[1.0,2.0)", "[,9]", "(,1.5.0]", "1.0", "latest", "", "9.9", "[5,6)", "["} {
			configs = append(configs, with(with(plain(), place+".plugin.version", spec), fail, "true"))
		}
		configs = append(configs, with(plain(), fail, "true"))
	}
	for _, spec := range []string{"1.0.0", "1.5.0", "[1.0,2.0)", "[1.5.0]", "2.0.0-beta", ""} {
		configs = append(configs, with(plain(), "connector.plugin.version", spec))
	}
	var out []request
	for i, c := range configs {
		out = append(out, creation("c"+strconv.Itoa(i), c))
	}
	return out
}

func creation(name string, config map[string]string) request {
	return request{"POST", "/connectors", fmt.Sprintf(`{"name":%q,"config":%s}`, name, object(config))}
}

// object is a configuration as JSON.
func object(config map[string]string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(config); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
