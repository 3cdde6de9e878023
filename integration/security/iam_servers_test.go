//go:build servers

package security

import (
	"crypto/tls"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

const iamSecret = "marked-secret-key"

// A worker file and a Debezium 1.x connector as they are written for Amazon MSK: IAM for the worker, for its producers
// and consumers, and for producer and consumer of the schema history, each with all of its keys.
func TestWorkerOnMSK(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": iamSecret, "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value) // workers inherit it
	}
	cert, trust, err := iamtest.SelfSigned(rig.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	broker := &iamtest.Broker{
		Keys: map[string]string{"AKID": iamSecret}, Region: "eu-west-1", Lifetime: 3 * time.Second,
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
	}
	cluster, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: []kfake.Opt{kfake.ListenFn(broker.Listen)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	iam := map[string]string{
		"security.protocol":                  "SASL_SSL",
		"sasl.mechanism":                     "AWS_MSK_IAM",
		"sasl.jaas.config":                   "software.amazon.msk.auth.iam.IAMLoginModule required;",
		"sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
		"ssl.truststore.type":                "PEM",
		"ssl.truststore.location":            trust,
	}
	worker := rig.Worker(t, peer.WorkerConfig{
		Bootstrap: cluster.Bootstrap(), Properties: prefixed(iam, "", "producer.", "consumer.", "admin."),
	})
	db := rig.MySQL(t)
	if err := db.Exec("CREATE DATABASE ecommerce", "CREATE TABLE ecommerce.orders (id INT PRIMARY KEY)", "INSERT INTO ecommerce.orders VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	rig.CreateConnector(t, worker.URL(), "ecommerce", mskConnector(db, cluster.Bootstrap(), iam))
	if err := db.Exec("INSERT INTO ecommerce.orders VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	waitValues(t, cluster.Bootstrap(), iam, "ecommerce-server.ecommerce.orders", `"id":1`, `"id":2`)
	time.Sleep(broker.Lifetime) // all sessions end
	if err := db.Exec("CREATE TABLE ecommerce.later (id INT PRIMARY KEY)", "INSERT INTO ecommerce.later VALUES (3)"); err != nil {
		t.Fatal(err)
	}
	waitValues(t, cluster.Bootstrap(), iam, "ecommerce-server.ecommerce.later", `"id":3`)
	rig.WaitRunning(t, worker.URL(), "ecommerce")
	for _, who := range broker.Identities() {
		if who.Mechanism != "AWS_MSK_IAM" {
			t.Errorf("a connection was authenticated by %s", who.Mechanism)
		}
	}
	if log := worker.LogTail(1 << 20); strings.Contains(log, iamSecret) {
		t.Error("the worker's log shows the secret key")
	}
}

// mskConnector is the usual Debezium 1.x connector for MSK; what this machine needs besides is TLS of its own.
func mskConnector(db *peer.Database, bootstrap string, iam map[string]string) map[string]string {
	host, port, _ := net.SplitHostPort(db.Address())
	c := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1",
		"database.hostname": host, "database.port": port, "database.server.id": "123456",
		"database.user": peer.ConnectorUser, "database.password": peer.ConnectorPassword,
		"database.server.name": "ecommerce-server", "database.include.list": "ecommerce",
		"database.history.kafka.topic":             "dbhistory.ecommerce",
		"database.history.kafka.bootstrap.servers": bootstrap,
		"include.schema.changes":                   "true",
	}
	maps.Copy(c, prefixed(iam, "database.history.consumer.", "database.history.producer."))
	return c
}

// waitValues reads a topic, authenticated like everybody, until each text was in a value.
func waitValues(t *testing.T, bootstrap string, iam map[string]string, topic string, texts ...string) {
	t.Helper()
	client, err := kafka.Open(t.Context(), kafka.Config{
		Role: kafka.RoleConsumer, Properties: kafka.Properties(iam).With(kafka.Properties{"bootstrap.servers": bootstrap}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rig.Read(t, client, topic, func(m *sarama.ConsumerMessage) bool {
		if len(texts) > 0 && strings.Contains(string(m.Value), texts[0]) {
			texts = texts[1:]
		}
		return len(texts) == 0
	})
}
