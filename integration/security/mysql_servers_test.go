//go:build servers

package security

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const mysqlSecret = "marked-user-password"

// tlsBed is a MySQL server with an authority of its own, and a worker.
type tlsBed struct {
	dir    string
	kafka  string
	db     *peer.Database
	worker *peer.Worker
	ca     *identity
}

func newTLSBed(t *testing.T) *tlsBed {
	t.Helper()
	b := &tlsBed{dir: rig.Dir(t), kafka: rig.FakeKafka(t)}
	soon := time.Now().Add(24 * time.Hour)
	b.ca = issue(t, nil, "our own authority", soon)
	write(t, b.dir, "ca.pem", block("CERTIFICATE", b.ca.cert.Raw))
	cert, key := b.server(t, issue(t, b.ca, "localhost", soon))
	b.db = rig.MySQL(t, "--ssl-ca="+b.dir+"/ca.pem", "--ssl-cert="+cert, "--ssl-key="+key)
	b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	for name, how := range map[string]string{
		"usual": "IDENTIFIED BY '%s'", "x509": "IDENTIFIED BY '%s' REQUIRE X509", "sha256": "IDENTIFIED WITH sha256_password BY '%s'",
		"fresh": "IDENTIFIED WITH caching_sha2_password BY '%s'", "strict": "IDENTIFIED WITH caching_sha2_password BY '%s'",
		"needs": "IDENTIFIED BY '%s' REQUIRE SSL",
	} {
		b.exec(t, fmt.Sprintf("CREATE USER '%s'@'%%' "+how, name, mysqlSecret),
			fmt.Sprintf("GRANT SELECT, RELOAD, LOCK TABLES, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO '%s'@'%%'", name))
	}
	b.worker = rig.Worker(t, peer.WorkerConfig{Bootstrap: b.kafka, Properties: map[string]string{"exactly.once.source.support": "disabled"}})
	return b
}

func (b *tlsBed) exec(t *testing.T, statements ...string) {
	t.Helper()
	if err := b.db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// server writes what a server says who it is by.
func (b *tlsBed) server(t *testing.T, i *identity) (cert, key string) {
	t.Helper()
	name := i.cert.SerialNumber.String()
	return write(t, b.dir, name+"-cert.pem", block("CERTIFICATE", i.cert.Raw)), write(t, b.dir, name+"-key.pem", block("PRIVATE KEY", i.der(t)))
}

// becomes gives the running server another certificate.
func (b *tlsBed) becomes(t *testing.T, i *identity) {
	t.Helper()
	cert, key := b.server(t, i)
	b.exec(t, "SET GLOBAL ssl_cert='"+cert+"', ssl_key='"+key+"'", "ALTER INSTANCE RELOAD TLS")
}

func (b *tlsBed) config(changes map[string]string) map[string]string {
	c := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1", "database.server.id": "4714",
		"database.hostname": "localhost", "database.port": strconv.Itoa(b.db.Port), "database.user": "usual", "database.password": mysqlSecret,
		"topic.prefix": "tls", "table.include.list": "shop.a", "connect.keep.alive.interval.ms": "500",
		"schema.history.internal.kafka.topic": "tls-history", "schema.history.internal.kafka.bootstrap.servers": b.kafka,
	}
	maps.Copy(c, changes)
	return c
}

// validate tells what validation says of a configuration: "" when all is well.
func (b *tlsBed) validate(t *testing.T, changes map[string]string) string {
	t.Helper()
	url := b.worker.URL() + "/connector-plugins/MySqlConnector/config/validate"
	answer := string(rig.Call(t, http.MethodPut, url, configJSON(t, "tls", b.config(changes)), http.StatusOK))
	if strings.Contains(answer, `"error_count":0`) {
		return ""
	}
	var errors []string
	for part := range strings.SplitSeq(answer, `"errors":[`) {
		if text, _, _ := strings.Cut(part, `]`); strings.HasPrefix(text, `"`) {
			errors = append(errors, text)
		}
	}
	return strings.Join(errors, "\n")
}

// Each way to connect to a MySQL server over TLS, with each form of stores, and one line for each mistake.
func TestMySQLOverTLS(t *testing.T) {
	b := newTLSBed(t)
	soon := time.Now().Add(24 * time.Hour)
	other := issue(t, nil, "another authority", soon)
	trust, wrongTrust := b.ca.trustStores(t, b.dir, "trust"), other.trustStores(t, b.dir, "other")
	keys, wrongKeys := issue(t, b.ca, "client", soon).keyStores(t, b.dir, "client"), issue(t, other, "client", soon).keyStores(t, b.dir, "stranger")
	with := func(mode string, more ...string) map[string]string {
		c := map[string]string{"database.ssl.mode": mode}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	stores := func(mode, trust, key string) map[string]string {
		c := with(mode, "database.ssl.truststore", trust, "database.ssl.truststore.password", databaseStorePassword)
		if key != "" {
			maps.Copy(c, with(mode, "database.ssl.keystore", key, "database.ssl.keystore.password", databaseStorePassword, "database.user", "x509"))
		}
		return c
	}
	for _, mode := range []string{"disabled", "preferred", "required"} {
		if got := b.validate(t, with(mode)); got != "" {
			t.Errorf("%s: %s", mode, got)
		}
	}
	for _, form := range []string{"JKS", "PKCS12", "PEM"} {
		for _, mode := range []string{"required", "verify_ca", "verify_identity"} {
			if got := b.validate(t, stores(mode, trust[form], keys[form])); got != "" {
				t.Errorf("%s, %s: %s", form, mode, got)
			}
		}
		b.wrong(t, "another authority, "+form, stores("verify_ca", wrongTrust[form], ""), "database.ssl.truststore", "is not signed by a certificate authority that is trusted here")
		b.wrong(t, "a stranger's key, "+form, stores("verify_ca", trust[form], wrongKeys[form]), "database.ssl.keystore", "does not accept the certificate")
	}
	b.wrong(t, "no key", with("required", "database.user", "x509"), "Access denied for user 'x509'")
	b.wrong(t, "no TLS", with("disabled", "database.user", "needs"), "Access denied for user 'needs'")
	b.wrong(t, "the system's authorities", with("verify_ca"), "is not signed by a certificate authority that is trusted here")
	b.wrong(t, "another host", with("verify_identity", "database.hostname", "127.0.0.1", "database.ssl.truststore", trust["PEM"]), "was not issued for that name", "database.hostname")
	if got := b.validate(t, with("verify_ca", "database.hostname", "127.0.0.1", "database.ssl.truststore", trust["PEM"])); got != "" {
		t.Errorf("verify_ca looks at the name: %s", got)
	}
	b.wrong(t, "a wrong password", with("verify_ca", "database.ssl.truststore", trust["JKS"], "database.ssl.truststore.password", "wrong"), "database.ssl.truststore: ", "the password is wrong")
	missing := b.dir + "/missing.jks"
	b.wrong(t, "no such file", with("verify_ca", "database.ssl.truststore", missing), "database.ssl.truststore: ", missing)

	b.noSecrets(t)
}

// wrong checks that validation says, in one line, what the texts are about.
func (b *tlsBed) wrong(t *testing.T, what string, changes map[string]string, texts ...string) {
	t.Helper()
	got := b.validate(t, changes)
	if got == "" {
		t.Errorf("%s: nothing is wrong", what)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("%s: it does not say %q: %s", what, text, got)
		}
	}
	if strings.Contains(got, `\n`) {
		t.Errorf("%s: it is not one line: %s", what, got)
	}
	t.Logf("%s: %s", what, got)
}

func (b *tlsBed) noSecrets(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(b.worker.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{mysqlSecret, databaseStorePassword} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the worker's log holds %s", secret)
		}
	}
}

// A connector with a certificate of its own runs; when the server's expires it stays away, and comes back with a new one.
func TestMySQLCertificateExpiresInMidRun(t *testing.T) {
	b := newTLSBed(t)
	soon := time.Now().Add(24 * time.Hour)
	verified := map[string]string{
		"database.ssl.mode": "verify_identity", "database.user": "x509",
		"database.ssl.truststore": b.ca.trustStores(t, b.dir, "trust")["JKS"], "database.ssl.truststore.password": databaseStorePassword,
		"database.ssl.keystore": issue(t, b.ca, "client", soon).keyStores(t, b.dir, "client")["JKS"], "database.ssl.keystore.password": databaseStorePassword,
	}
	rig.CreateConnector(t, b.worker.URL(), "tls", b.config(verified))
	rig.WaitLog(t, b.worker.Process, 1, "Reading the binlog", "connector=tls")
	b.exec(t, "INSERT INTO shop.a VALUES (2)")
	rig.WaitRecords(t, b.kafka, "tls.shop.a", 2)

	end := time.Now().Add(10 * time.Second) // the server takes no certificate that has expired already
	b.becomes(t, issue(t, b.ca, "localhost", end))
	time.Sleep(time.Until(end.Add(time.Second)))
	if err := b.db.KillConnections("x509"); err != nil {
		t.Fatal(err)
	}
	rig.WaitLog(t, b.worker.Process, 1, "connecting again", "valid only from", "renew it on the server")
	for _, mode := range []string{"verify_ca", "verify_identity"} {
		verified["database.ssl.mode"] = mode
		b.wrong(t, "an expired certificate, "+mode, verified, "database.ssl.mode", "valid only from", "renew it on the server")
	}
	if got := b.validate(t, map[string]string{"database.ssl.mode": "required"}); got != "" {
		t.Errorf("required looks at the certificate: %s", got)
	}
	b.exec(t, "INSERT INTO shop.a VALUES (3)")
	b.becomes(t, issue(t, b.ca, "localhost", soon))
	rig.WaitRecords(t, b.kafka, "tls.shop.a", 3)
	rig.WaitRunning(t, b.worker.URL(), "tls")
	b.noSecrets(t)
}

// Users of each plugin log in without TLS: with the server's public key, unless that is not wanted.
func TestMySQLLoginsWithoutTLS(t *testing.T) {
	b := newTLSBed(t)
	without := func(user string, more ...string) map[string]string {
		c := map[string]string{"database.ssl.mode": "disabled", "database.user": user}
		for _, key := range more {
			c[key] = "false"
		}
		return c
	}
	for _, key := range []string{"driver.allowPublicKeyRetrieval", "database.allowPublicKeyRetrieval"} {
		b.wrong(t, key, without("strict", key), "driver.allowPublicKeyRetrieval is false", "database.ssl.mode to required")
		b.wrong(t, key+" of sha256", without("sha256", key), "driver.allowPublicKeyRetrieval is false")
	}
	for _, user := range []string{"fresh", "sha256"} {
		if got := b.validate(t, without(user)); got != "" {
			t.Errorf("%s: %s", user, got)
		}
	}
	// The server has the password in its cache now.
	if got := b.validate(t, without("fresh", "driver.allowPublicKeyRetrieval")); got != "" {
		t.Errorf("the second time: %s", got)
	}
	b.wrong(t, "wrong password", map[string]string{"database.ssl.mode": "disabled", "database.password": "no"}, "Access denied for user 'usual'")
	b.noSecrets(t)
}
