package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

const (
	startConnectors = 100
	startRounds     = 7
)

// measureStart says how long each worker takes from its exec until GET /connectors lists 100 connectors.
func (b *bench) measureStart(ctx context.Context, s *section) error {
	s.say("Method: %d stopped connectors are created through the REST API, so that the three internal topics hold them. Then the "+
		"worker is stopped and started %d times; the time is from the exec to the first answer of GET /connectors that lists all "+
		"of them. The memory is the resident set right after that answer.", startConnectors, startRounds)
	s.head(fmt.Sprintf("start with %d connectors", startConnectors), "fastest, ms", "median, ms", "slowest, ms", "memory then, MiB")
	for _, kind := range b.workers {
		times, rss, err := b.starts(ctx, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		slices.Sort(times)
		b.say("%s starts in %s", kind, times[len(times)/2].Round(time.Millisecond))
		s.say("| %s | %d | %d | %d | %.1f |", kind, times[0].Milliseconds(), times[len(times)/2].Milliseconds(), times[len(times)-1].Milliseconds(), rss)
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
