package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

const (
	startConnectors = 100
	startRounds     = 7
)

// measureStart prints how long each worker takes from its exec until GET /connectors lists 100 connectors.
func (b *bench) measureStart(ctx context.Context) error {
	fmt.Printf("\n| start with %d connectors | fastest, ms | median, ms | slowest, ms | memory then, MiB |\n| --- | --- | --- | --- | --- |\n", startConnectors)
	for kind := range strings.SplitSeq(b.workers, ",") {
		times, rss, err := b.starts(ctx, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		slices.Sort(times)
		fmt.Printf("| %s | %d | %d | %d | %.1f |\n", kind, times[0].Milliseconds(), times[len(times)/2].Milliseconds(), times[len(times)-1].Milliseconds(), rss)
	}
	return nil
}

func (b *bench) starts(ctx context.Context, kind string) (times []time.Duration, rss float64, err error) {
	w, err := b.worker(ctx, kind, "start-"+kind)
	if err != nil {
		return nil, 0, err
	}
	defer w.Kill()
	if err := createStopped(ctx, w.URL()); err != nil {
		return nil, 0, err
	}
	for range startRounds {
		if err := w.Stop(); err != nil {
			return nil, 0, err
		}
		began := time.Now()
		if err := w.Restart(ctx); err != nil {
			return nil, 0, err
		}
		if err := untilListed(ctx, w); err != nil {
			return nil, 0, err
		}
		times = append(times, time.Since(began))
		if rss, err = memory(w.Pid()); err != nil {
			return nil, 0, err
		}
	}
	return times, rss, nil
}

// createStopped creates connectors that run nowhere (KIP-980): what is measured is the worker, not their work.
func createStopped(ctx context.Context, url string) error {
	for i := range startConnectors {
		name := fmt.Sprintf("connector-%03d", i)
		body, err := json.Marshal(map[string]any{
			"name": name, "initial_state": "STOPPED",
			"config": map[string]string{
				"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
				"file": "/tmp/" + name, "topic": name,
			},
		})
		if err != nil {
			return err
		}
		if err := post(ctx, url+"/connectors", body); err != nil {
			return err
		}
	}
	return nil
}

// post creates a connector, patiently while the group is being rebalanced.
func post(ctx context.Context, url string, body []byte) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		switch {
		case err != nil:
			return err
		case response.StatusCode == http.StatusCreated:
			return nil
		case response.StatusCode != http.StatusConflict:
			return fmt.Errorf("creating a connector: %s: %s", response.Status, text)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// remove deletes a connector, patiently while the group is being rebalanced.
func remove(ctx context.Context, url string) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		switch response.StatusCode {
		case http.StatusNoContent:
			return nil
		case http.StatusConflict:
		default:
			return fmt.Errorf("deleting a connector: %s", response.Status)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func untilListed(ctx context.Context, w *peer.Worker) error {
	for {
		var names []string
		response, err := http.Get(w.URL() + "/connectors")
		if err == nil {
			err = json.NewDecoder(response.Body).Decode(&names)
			response.Body.Close()
		}
		if err == nil && len(names) == startConnectors {
			return nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("%d connectors are listed: %w", len(names), err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// memory is the resident memory of a process in MiB.
func memory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("no VmRSS in the status of process %d", pid)
}
