package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Status is what a worker says of a connector and its tasks.
type Status struct {
	Connector State   `json:"connector"`
	Tasks     []State `json:"tasks"`
}

// State is that of a connector or of one of its tasks.
type State struct {
	ID     int    `json:"id"` // of a task
	State  string `json:"state"`
	Worker string `json:"worker_id"`
	Trace  string `json:"trace"`
}

// Failed is the trace of a task that has failed, "" when none has.
func (s Status) Failed() string {
	for _, t := range s.Tasks {
		if t.State == "FAILED" {
			return t.Trace
		}
	}
	return ""
}

// StatusOf asks the worker at url about one of the connectors.
func StatusOf(ctx context.Context, url, connector string) (s Status, err error) {
	err = askJSON(ctx, url+"/connectors/"+connector+"/status", &s)
	return s, err
}

// Statuses asks the worker at url about all connectors.
func Statuses(ctx context.Context, url string) (map[string]Status, error) {
	var all map[string]struct{ Status Status }
	if err := askJSON(ctx, url+"/connectors?expand=status", &all); err != nil {
		return nil, err
	}
	out := make(map[string]Status, len(all))
	for name, c := range all {
		out[name] = c.Status
	}
	return out, nil
}

func askJSON(ctx context.Context, url string, into any) error {
	status, text, err := Ask(ctx, http.MethodGet, url, "")
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("GET %s: status %d: %s", url, status, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("GET %s: %w: %s", url, err, text)
	}
	return nil
}
