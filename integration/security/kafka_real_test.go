//go:build real

package security

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
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
			rig.CreateConnector(t, worker.URL(), "source", sourceOf(c, db, address, 7000+i))
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

// sourceOf is a MySQL connector whose history authenticates as the worker does.
func sourceOf(c client, db *peer.Database, bootstrap string, id int) map[string]string {
	config := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1",
		"database.hostname": "127.0.0.1", "database.port": strconv.Itoa(db.Port), "database.server.id": strconv.Itoa(id),
		"database.user": peer.ConnectorUser, "database.password": peer.ConnectorPassword,
		"topic.prefix": c.name, "database.include.list": "shop",
		"schema.history.internal.kafka.topic":             c.name + ".history",
		"schema.history.internal.kafka.bootstrap.servers": bootstrap,
	}
	maps.Copy(config, prefixed(c.properties, "schema.history.internal.producer.", "schema.history.internal.consumer."))
	return config
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
