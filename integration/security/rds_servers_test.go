//go:build servers

package security

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mysqlclient "github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/server/servertest"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// door is a MySQL server behind the login of Amazon RDS: TLS, and tokens that are checked as RDS does.
type door struct {
	*servertest.Server
	rds    iamtest.RDS
	logins atomic.Int64
	ahead  atomic.Int64 // of the server's clock, in nanoseconds
}

func newDoor(t *testing.T, db *peer.Database, cert tls.Certificate) *door {
	t.Helper()
	d := &door{rds: iamtest.RDS{Region: "eu-west-1", Keys: map[string]string{"AKID": iamSecret}}}
	d.rds.Now = func() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }
	d.Server = servertest.Start(t, servertest.Config{
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		Password: func(user, token string) *servertest.Refusal {
			if err := d.rds.Verify(user, token); err != nil {
				return &servertest.Refusal{Code: 1045, State: "28000", Message: fmt.Sprintf("Access denied for user '%s': %v", user, err)}
			}
			d.logins.Add(1)
			return nil
		},
		Serve: func(c *servertest.Conn) {
			behind, err := mysqlclient.Connect(db.Address(), "root", "", "", func(c *mysqlclient.Conn) error {
				c.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES)
				c.UnsetCapability(mysql.CLIENT_DEPRECATE_EOF)
				return nil
			})
			if err == nil {
				c.Splice(behind.Conn.Conn)
			}
		},
	})
	d.rds.Endpoint = "127.0.0.1:" + strconv.Itoa(d.Port())
	return d
}

// A connector logs in by tokens of IAM, a new one for each connection, and comes back when a clock or a key was wrong.
func TestConnectorOnRDS(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": iamSecret, "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value) // workers inherit it
	}
	cert, trust, err := iamtest.SelfSigned(rig.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	db, kafka := rig.MySQL(t), rig.FakeKafka(t)
	d := newDoor(t, db, cert)
	exec := func(statements ...string) {
		t.Helper()
		if err := db.Exec(statements...); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	worker := rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka, Properties: map[string]string{"exactly.once.source.support": "disabled"}}) // offsets count records then
	c := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1", "database.server.id": "4712",
		"database.hostname": "127.0.0.1", "database.port": strconv.Itoa(d.Port()), "database.user": "iam_user",
		"database.iam.auth": "true", "database.iam.region": "eu-west-1",
		"database.ssl.mode": "verify_ca", "database.ssl.truststore": trust,
		"topic.prefix": "rds", "table.include.list": "shop.a", "connect.keep.alive.interval.ms": "500",
		"schema.history.internal.kafka.topic": "rds-history", "schema.history.internal.kafka.bootstrap.servers": kafka,
	}
	rig.CreateConnector(t, worker.URL(), "rds", c)
	rig.WaitRecords(t, kafka, "rds.shop.a", 1)
	rig.WaitLog(t, worker.Process, 1, "Reading the binlog", "connector=rds")
	exec("INSERT INTO shop.a VALUES (2)")
	rig.WaitRecords(t, kafka, "rds.shop.a", 2)

	before := d.logins.Load()
	d.Disconnect()
	exec("INSERT INTO shop.a VALUES (3)")
	rig.WaitRecords(t, kafka, "rds.shop.a", 3)
	if d.logins.Load() == before {
		t.Error("nobody has logged in again")
	}

	d.ahead.Store(int64(time.Hour)) // every token has expired
	d.Disconnect()
	exec("INSERT INTO shop.a VALUES (4)")
	rig.WaitLog(t, worker.Process, 1, "connecting again", "does not let user", "iam_user", "signature expired")
	d.ahead.Store(0)
	rig.WaitRecords(t, kafka, "rds.shop.a", 4)
	rig.WaitRunning(t, worker.URL(), "rds")

	wrong := maps.Clone(c)
	wrong["database.iam.region"], wrong["database.ssl.mode"], wrong["topic.prefix"], wrong["database.server.id"] = "eu-west-2", "disabled", "off", "4713"
	_, answer, err := rig.Ask(t.Context(), "PUT", worker.URL()+"/connector-plugins/MySqlConnector/config/validate", configJSON(t, "off", wrong))
	if err != nil || !strings.Contains(string(answer), "an authentication token may be sent over TLS only") {
		t.Errorf("with ssl.mode=disabled: %s, %v", answer, err)
	}
	wrong["database.ssl.mode"] = "required"
	_, answer, err = rig.Ask(t.Context(), "PUT", worker.URL()+"/connector-plugins/MySqlConnector/config/validate", configJSON(t, "off", wrong))
	if err != nil || !strings.Contains(string(answer), "is not one of rds-db in eu-west-1") {
		t.Errorf("with another region: %s, %v", answer, err)
	}
	log, err := os.ReadFile(worker.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{iamSecret, "X-Amz-Signature"} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the worker's log shows %s", secret)
		}
	}
}

// configJSON is the body of a validation.
func configJSON(t *testing.T, name string, config map[string]string) string {
	t.Helper()
	all := maps.Clone(config)
	all["name"] = name
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
