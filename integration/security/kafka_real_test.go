//go:build real

package security

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Each way to authenticate works for all clients of a worker: its group and internal topics, the producer of a connector,
// producer and consumer of its schema history, and the consumer of a sink, which may do what their ACLs say and no more.
func TestSecuredApacheKafka(t *testing.T) {
	broker := startSecured(t)
	db := rig.MySQL(t)
	if err := db.Exec("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for i, c := range broker.clients() {
		t.Run(c.name, func(t *testing.T) {
			broker.allow(t, c.principal, c.name)
			address := broker.address(c.listener)
			worker := rig.Worker(t, peer.WorkerConfig{
				Bootstrap: address, Group: c.name, Properties: prefixed(c.properties, "", "producer.", "consumer.", "admin."),
			})
			rig.CreateConnector(t, worker.URL(), "source", sourceOf(c, db, address, c.name, 7000+i))
			file := filepath.Join(rig.Dir(t), "sink")
			rig.CreateConnector(t, worker.URL(), c.name, map[string]string{
				"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
				"topics": c.name + ".shop.t", "file": file,
			})
			rig.Eventually(t, "the sink has the row", func() error { return holds(file, "id=1") })
			noSecrets(t, worker)
		})
	}
}

func holds(file, text string) error {
	b, err := os.ReadFile(file)
	if err == nil && !strings.Contains(string(b), text) {
		err = &missingText{file, text, string(b)}
	}
	return err
}

type missingText struct{ file, text, content string }

func (m *missingText) Error() string {
	return m.file + " does not hold " + m.text + ": " + m.content
}

// noSecrets searches a worker's log for passwords.
func noSecrets(t *testing.T, w *peer.Worker) {
	t.Helper()
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "marked-") {
			t.Errorf("the log shows a secret: %s", line)
		}
	}
}
