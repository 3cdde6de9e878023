//go:build servers || real

package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// stream is a worker with a source that counts and a sink that writes down what it reads, watched from outside while the
// worker's tokens or credentials come and go.
type stream struct {
	*peer.Worker
	name string // of the group, the topic and the connectors
	file string // the sink's
	open string // a way to the brokers without security
}

// startStream starts the worker and both connectors.
func startStream(t *testing.T, name, address, open string, properties map[string]string) *stream {
	t.Helper()
	s := &stream{name: name, open: open, file: filepath.Join(rig.Dir(t), "sink")}
	s.Worker = rig.Worker(t, peer.WorkerConfig{
		Bootstrap: address, Group: name,
		Properties: joined(prefixed(properties, "", "producer.", "consumer.", "admin."), map[string]string{
			"task.restart.policy": "all", "task.restart.backoff.ms": "500", "task.restart.backoff.max.ms": "1000", "task.restart.max.attempts": "-1",
			"offset.flush.interval.ms": "1000", "exactly.once.source.support": "disabled", // offsets count records then
			"session.timeout.ms": "60000", // longer than tokens fail: a worker that loses its group gives its work up in the midst
		}),
	})
	rig.CreateConnector(t, s.URL(), name+"-source", generator(name+"-t", "throughput", "50",
		"value.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable", "false"))
	rig.CreateConnector(t, s.URL(), name+"-sink", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": name + "-t", "file": s.file,
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	})
	s.flows(t)
	return s
}

// flows waits until records that are new come out of the sink.
func (s *stream) flows(t *testing.T) {
	t.Helper()
	size := func() int64 {
		info, err := os.Stat(s.file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	was := size()
	rig.Eventually(t, s.name+": records come through", func() error {
		if size() < was+100 {
			return errors.New("none yet")
		}
		return nil
	})
}

// complains are the lines at WARN and above since a position of the log, and the next position.
func (s *stream) complains(t *testing.T, from int) (lines []string, to int) {
	t.Helper()
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log[from:])) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			lines = append(lines, line)
		}
	}
	return lines, len(log)
}

// says waits until a line since from holds all the texts.
func (s *stream) says(t *testing.T, from int, texts ...string) {
	t.Helper()
	rig.Eventually(t, fmt.Sprintf("%s: a line says %q", s.name, texts), func() error {
		lines, _ := s.complains(t, from)
		for _, line := range lines {
			missing := false
			for _, text := range texts {
				missing = missing || !strings.Contains(line, text)
			}
			if !missing {
				return nil
			}
		}
		return errors.New("there is none")
	})
}

// noFlood checks that no failure is told of again and again: a worker has a few clients, each of which may say it once.
func (s *stream) noFlood(t *testing.T, from int, most int) {
	t.Helper()
	lines, _ := s.complains(t, from)
	if len(lines) > most {
		t.Errorf("%s: %d lines tell of one failure:\n%s", s.name, len(lines), strings.Join(lines, ""))
	}
	for _, line := range lines {
		t.Logf("%s", line)
	}
}

// running fails unless both tasks run.
func (s *stream) running(t *testing.T) {
	t.Helper()
	for _, name := range []string{s.name + "-source", s.name + "-sink"} {
		rig.WaitRunning(t, s.URL(), name)
	}
}

// neverFailed checks that no task has been started twice.
func (s *stream) neverFailed(t *testing.T) {
	t.Helper()
	for _, name := range []string{s.name + "-source", s.name + "-sink"} {
		_, text, err := rig.Ask(t.Context(), http.MethodGet, s.URL()+"/connectors/"+name+"/status", "")
		if err != nil || strings.Contains(string(text), "FAILED") {
			t.Errorf("%s: %s %v", name, text, err)
		}
	}
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "task.restart") || strings.Contains(string(log), "task failed") {
		t.Errorf("%s: a task has failed", s.name)
	}
}

// complete pauses the source and checks that each number is in the topic, in order, and comes out of the sink; once, unless
// tasks have been started again.
func (s *stream) complete(t *testing.T, once bool) {
	t.Helper()
	rig.Call(t, http.MethodPut, s.URL()+"/connectors/"+s.name+"-source/pause", "", http.StatusAccepted)
	rig.Eventually(t, s.name+": the source is paused", func() error {
		_, text, err := rig.Ask(t.Context(), http.MethodGet, s.URL()+"/connectors/"+s.name+"-source/status", "")
		if err == nil && strings.Count(string(text), "PAUSED") < 2 {
			err = errors.New(string(text))
		}
		return err
	})
	client := rig.Client(t, s.open)
	end := rig.End(client, s.name+"-t")
	last := int64(-1)
	rig.Read(t, client, s.name+"-t", func(m *sarama.ConsumerMessage) bool {
		n, err := number(m.Value)
		switch {
		case err != nil:
			t.Errorf("%s: %v", s.name, err)
		case n > last+1, once && n != last+1:
			t.Errorf("%s: %d comes after %d", s.name, n, last)
		}
		last = max(last, n)
		return m.Offset >= end-1 || t.Failed()
	})
	rig.Eventually(t, s.name+": the sink has them all", func() error {
		b, err := os.ReadFile(s.file)
		if err != nil {
			return err
		}
		next := int64(0)
		for line := range strings.Lines(string(b)) {
			n, err := number([]byte(line))
			if err == nil && n > next {
				t.Fatalf("%s: %d is missing in the sink's file", s.name, next)
			}
			if err == nil && n == next {
				next++
			}
		}
		if next <= last {
			return fmt.Errorf("%d of %d are there", next, last+1)
		}
		return nil
	})
	t.Logf("%s: all of %d numbers, once: %t", s.name, last+1, once)
}

// number is that of a record of the source.
func number(value []byte) (int64, error) {
	return strconv.ParseInt(strings.TrimSpace(string(value)), 10, 64)
}

// during runs f in the background until the function that it returns is called.
func during(t *testing.T, every time.Duration, f func()) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			f()
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
