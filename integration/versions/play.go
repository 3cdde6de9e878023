package versions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// Answer is what a worker says to one request.
type Answer struct {
	Case   string          `json:"case"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	Why    string          `json:"why,omitempty"` // it is not Java's answer
}

// Play asks the worker at url what belongs to the phase.
func (p Phase) Play(ctx context.Context, url string) ([]Answer, error) {
	var out []Answer
	ask := func(r request) error {
		status, body, err := r.send(ctx, url)
		if err == nil {
			out = append(out, Answer{Case: r.String(), Status: status, Body: gist(body)})
		}
		return err
	}
	for _, r := range p.ask {
		if err := ask(r); err != nil {
			return nil, err
		}
	}
	for _, name := range p.created {
		r := request{"GET", "/connectors/" + name + "/status", ""}
		if err := r.settle(ctx, url); err != nil {
			return nil, err
		}
		if err := ask(r); err != nil {
			return nil, err
		}
	}
	for _, r := range p.last {
		if err := ask(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// send asks until the answer is not that the group is being rebalanced.
func (r request) send(ctx context.Context, url string) (int, []byte, error) {
	for {
		status, body, err := peer.Ask(ctx, r.method, url+r.path, r.body)
		if err != nil || status != http.StatusConflict || !strings.Contains(string(body), "rebalance") {
			return status, body, err
		}
		if err := pause(ctx); err != nil {
			return 0, nil, err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(100 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle waits until a connector and its tasks run or have failed, or there is none of the name.
func (r request) settle(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		status, body, err := r.send(ctx, url)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", r, err)
		}
		if status == http.StatusNotFound && strings.Contains(string(body), "No status") {
			known, _, err := request{"GET", strings.TrimSuffix(r.path, "/status"), ""}.send(ctx, url)
			if err != nil || known == http.StatusNotFound {
				return err
			}
		} else if settled(body) {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for %s: %w", r, err)
		}
	}
}

func settled(body []byte) bool {
	type state struct{ State string }
	var s struct {
		Connector state
		Tasks     []state
	}
	if json.Unmarshal(body, &s) != nil {
		return false
	}
	for _, one := range append(s.Tasks, s.Connector) {
		if one.State != "RUNNING" && one.State != "FAILED" {
			return false
		}
	}
	return len(s.Tasks) > 0 || s.Connector.State == "FAILED"
}

// gist leaves out what has nothing to do with versions: other plugins of a list, properties that no version decides, frames of traces, and
// the worker's address.
func gist(body []byte) json.RawMessage {
	var v any
	if len(body) == 0 {
		return json.RawMessage("null")
	}
	if err := json.Unmarshal(body, &v); err != nil {
		v = string(body)
	}
	out, err := json.Marshal(reduce(v))
	if err != nil {
		return json.RawMessage(fmt.Sprintf("%q", err))
	}
	return out
}

func reduce(v any) any {
	switch x := v.(type) {
	case []any:
		out := []any{}
		for _, e := range x {
			if keep(e) {
				out = append(out, reduce(e))
			}
		}
		return out
	case map[string]any:
		if value, ok := x["value"].(map[string]any); ok && x["definition"] != nil {
			return property(x["definition"].(map[string]any), value)
		}
		if _, isKey := x["order_in_group"]; isKey {
			return map[string]any{"name": x["name"], "default": x["default_value"]}
		}
		for k, e := range x {
			if x[k] = reduce(e); k == "trace" {
				x[k] = cause(fmt.Sprint(e))
			}
		}
	case string:
		return Message(x)
	}
	return v
}

// property is a validated property; what is empty is left out.
func property(definition, value map[string]any) any {
	out := map[string]any{"name": value["name"], "value": value["value"]}
	if errors, _ := value["errors"].([]any); len(errors) > 0 {
		out["errors"] = reduce(errors)
	}
	if own := others(value["recommended_values"]); len(own) > 0 {
		out["recommended"] = strings.Join(own, " ")
	}
	if d := definition["default_value"]; d != nil {
		out["default"] = d
	}
	if value["visible"] != true {
		out["hidden"] = true
	}
	return out
}

// others are the recommended values without Kafka's own plugins.
func others(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, _ := e.(string); strings.HasPrefix(s, prefix) || !strings.HasPrefix(s, "org.") && !strings.HasPrefix(s, "io.") {
			out = append(out, s)
		}
	}
	return out
}

var ofInterest = regexp.MustCompile(`version|^of\.|\.of\.|fail|converter|\.type$|^connector\.class$|^transforms|^predicates`)

// keep tells whether an element of a list has to do with this package's plugins.
func keep(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return true
	}
	if class, ok := m["class"].(string); ok {
		return strings.HasPrefix(class, prefix)
	}
	name, isKey := m["name"].(string)
	if value, ok := m["value"].(map[string]any); ok {
		name, isKey = value["name"].(string)
		if errors, _ := value["errors"].([]any); len(errors) > 0 {
			return true
		}
	}
	return !isKey || ofInterest.MatchString(name)
}

// cause is what lies at the bottom of a trace.
func cause(trace string) string {
	lines := strings.Split(Message(trace), "\n")
	for _, line := range slices.Backward(lines) {
		if below, ok := strings.CutPrefix(line, "Caused by: "); ok {
			return below
		}
	}
	return lines[0]
}

var (
	address   = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	available = regexp.MustCompile(`(, available \w+(?: \w+)? are: ).*`)
)

// Message is a text of an answer without what differs from worker to worker: of a trace, the frames are left out.
func Message(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, "\tat ") && !strings.HasPrefix(line, "\t... ") {
			lines = append(lines, line)
		}
	}
	s = address.ReplaceAllString(strings.Join(lines, "\n"), "WORKER")
	return available.ReplaceAllString(s, "$1...")
}
