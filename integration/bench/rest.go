package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// call sends a request to a worker, patiently while its group is being rebalanced, and reads the answer into into, unless
// that is nil.
func call(ctx context.Context, method, url string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		status, answer, err := peer.Ask(ctx, method, url, string(text))
		switch {
		case err != nil:
			return err
		case status < 300 && into != nil:
			return json.Unmarshal(answer, into)
		case status < 300:
			return nil
		case status != http.StatusConflict || time.Since(began) > 2*time.Minute:
			return fmt.Errorf("%s %s: %d: %s", method, url, status, answer)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}

// post creates a connector.
func post(ctx context.Context, url string, body []byte) error {
	return call(ctx, http.MethodPost, url, json.RawMessage(body), nil)
}

// remove deletes a connector.
func remove(ctx context.Context, url string) error {
	return call(ctx, http.MethodDelete, url, nil, nil)
}

// connector is one of a worker's connectors.
type connector struct {
	w    *peer.Worker
	name string
}

func (c connector) url() string { return c.w.URL() + "/connectors/" + c.name }

func (c connector) configure(ctx context.Context, config map[string]string) error {
	return call(ctx, http.MethodPut, c.url()+"/config", config, nil)
}

func (c connector) resume(ctx context.Context) error {
	return call(ctx, http.MethodPut, c.url()+"/resume", nil, nil)
}

// stop stops the connector (KIP-980) and waits until it has no tasks.
func (c connector) stop(ctx context.Context) error {
	if err := call(ctx, http.MethodPut, c.url()+"/stop", nil, nil); err != nil {
		return err
	}
	for began := time.Now(); ; {
		s, err := c.status(ctx)
		if err == nil && s.Connector.State == "STOPPED" && len(s.Tasks) == 0 {
			return nil
		}
		if time.Since(began) > 2*time.Minute {
			return fmt.Errorf("connector %s does not stop: %+v, %w", c.name, s, err)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (c connector) remove(ctx context.Context) error { return remove(ctx, c.url()) }

func (c connector) status(ctx context.Context) (peer.Status, error) {
	return peer.StatusOf(ctx, c.w.URL(), c.name)
}

// setOffset writes the offset of a stopped connector (KIP-875).
func (c connector) setOffset(ctx context.Context, partition, offset map[string]any) error {
	type entry struct {
		Partition map[string]any `json:"partition"`
		Offset    map[string]any `json:"offset"`
	}
	return call(ctx, http.MethodPatch, c.url()+"/offsets", map[string]any{"offsets": []entry{{partition, offset}}}, nil)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
