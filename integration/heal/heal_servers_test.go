//go:build servers

package heal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// A sink whose folder is missing fails; once somebody has made the folder it runs,
// without anybody restarting it.
func TestAFailedTaskHealsItself(t *testing.T) {
	for _, mode := range []string{"distributed", "standalone"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			heals(t, mode)
		})
	}
}

func heals(t *testing.T, mode string) {
	dir, offsets := rig.Dir(t), ""
	if mode == "standalone" {
		offsets = filepath.Join(dir, "offsets")
	}
	port, err := peer.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	w := rig.Worker(t, peer.WorkerConfig{OffsetFile: offsets, Port: port, Bootstrap: rig.FakeKafka(t), Properties: map[string]string{
		"task.restart.policy": "fatal", "task.restart.backoff.ms": "200", "task.restart.backoff.max.ms": "1000", "task.restart.max.attempts": "-1",
	}})
	folder := filepath.Join(dir, "missing")
	config, err := json.Marshal(map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": "t", "file": filepath.Join(folder, "out.txt"),
	})
	if err != nil {
		t.Fatal(err)
	}
	rig.Call(t, http.MethodPut, w.URL()+"/connectors/sink/config", string(config), http.StatusCreated)
	look := func() peer.State {
		// Until the connector has a status there is none, or one without tasks.
		s, err := peer.StatusOf(t.Context(), w.URL(), "sink")
		if err != nil || len(s.Tasks) == 0 {
			return peer.State{}
		}
		return s.Tasks[0]
	}
	var last string
	rig.Eventually(t, "the task fails again and again", func() error {
		s := look()
		if s.State == "FAILED" {
			last = s.Trace
		}
		if !strings.Contains(last, "Restart: the error is of class fatal; attempt 3 at ") {
			return fmt.Errorf("it is %s: %s", s.State, s.Trace)
		}
		return nil
	})
	if !strings.Contains(last, folder) {
		t.Errorf("the trace does not tell the cause: %s", last)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	rig.Eventually(t, "the task runs", func() error {
		if s := look(); s.State != "RUNNING" || s.Trace != "" {
			return fmt.Errorf("it is %s: %s", s.State, s.Trace)
		}
		return nil
	})
}
