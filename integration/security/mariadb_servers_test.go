//go:build servers

package security

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Users of MariaDB's own plugins log in, with TLS or without it; a plugin that needs more than a password is named.
func TestMariaDBLogins(t *testing.T) {
	plugins, err := rig.Home(t).MariaDBPlugins()
	if err != nil {
		t.Fatal(err)
	}
	dir := rig.Dir(t)
	server := issue(t, nil, "localhost", time.Now().Add(24*time.Hour))
	db := rig.MariaDB(t, "--plugin-dir="+plugins, "--plugin-load-add=auth_ed25519", "--plugin-load-add=auth_pam_v1",
		"--ssl-cert="+write(t, dir, "cert.pem", block("CERTIFICATE", server.cert.Raw)), "--ssl-key="+write(t, dir, "key.pem", block("PRIVATE KEY", server.der(t))))
	exec := func(statements ...string) {
		t.Helper()
		if err := db.Exec(statements...); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	for name, how := range map[string]string{
		"ed": "VIA ed25519 USING PASSWORD('" + mysqlSecret + "')", "native": "VIA mysql_native_password USING PASSWORD('" + mysqlSecret + "')",
		"either": "VIA pam USING 'login' OR ed25519 USING PASSWORD('" + mysqlSecret + "')", "pam": "VIA pam USING 'login'",
	} {
		exec(fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED %s", name, how),
			fmt.Sprintf("GRANT SELECT, RELOAD, LOCK TABLES, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '%s'@'%%'", name))
	}
	kafka := rig.FakeKafka(t)
	worker := rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka})
	config := func(user string, more ...string) map[string]string {
		c := map[string]string{
			"connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "tasks.max": "1", "database.server.id": "4715",
			"database.hostname": "localhost", "database.port": strconv.Itoa(db.Port), "database.user": user, "database.password": mysqlSecret,
			"topic.prefix": user, "table.include.list": "shop.a", "database.ssl.mode": "disable",
			"schema.history.internal.kafka.topic": user + "-history", "schema.history.internal.kafka.bootstrap.servers": kafka,
		}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	validate := func(c map[string]string) string {
		return string(rig.Call(t, http.MethodPut, worker.URL()+"/connector-plugins/MariaDbConnector/config/validate", configJSON(t, "x", c), http.StatusOK))
	}
	for _, user := range []string{"ed", "native"} {
		for _, mode := range []string{"disable", "trust"} {
			if answer := validate(config(user, "database.ssl.mode", mode)); !strings.Contains(answer, `"error_count":0`) {
				t.Errorf("%s, %s: %s", user, mode, answer)
			}
		}
		wrong := maps.Clone(config(user))
		wrong["database.password"] = "no"
		if answer := validate(wrong); !strings.Contains(answer, "Access denied for user '"+user+"'") {
			t.Errorf("%s with a wrong password: %s", user, answer)
		}
	}
	for _, user := range []string{"pam", "either"} {
		if answer := validate(config(user)); !strings.Contains(answer, "database.user: user") || !strings.Contains(answer, "dialog") && !strings.Contains(answer, "mysql_clear_password") && user == "pam" {
			t.Errorf("%s: %s", user, answer)
		}
	}
	rig.CreateConnector(t, worker.URL(), "ed", config("ed"))
	rig.WaitRecords(t, kafka, "ed.shop.a", 1)
	rig.KillConnections(t, db, "ed")
	exec("INSERT INTO shop.a VALUES (2)")
	rig.WaitRecords(t, kafka, "ed.shop.a", 2)
	rig.WaitRunning(t, worker.URL(), "ed")
}
