//go:build real

package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// changedCredentials are passwords and certificates that change while a worker runs: when they no longer fit, a line says
// so and names the setting; when they fit again, or are renewed, the worker goes on by itself and no record is missing.
func changedCredentials(t *testing.T, b *securedBroker) {
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		changedPassword(t, b)
	})
	t.Run("certificates", func(t *testing.T) {
		t.Parallel()
		changedCertificates(t, b)
	})
}

// setPassword changes the password of a SCRAM user.
func (b *securedBroker) setPassword(t *testing.T, user, password string) {
	t.Helper()
	if _, err := b.admin.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{{
		Name: user, Mechanism: sarama.SCRAM_MECHANISM_SHA_512, Iterations: 4096, Salt: []byte("salt"), Password: []byte(password),
	}}); err != nil {
		t.Fatal(err)
	}
}

// changedPassword takes a running worker's password away and gives it back. The listener wants its clients to authenticate
// anew every five seconds.
func changedPassword(t *testing.T, b *securedBroker) {
	const name = "changed"
	b.allow(t, "User:"+name, "s-")
	b.setPassword(t, name, "marked-changed")
	properties := map[string]string{
		"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
		"sasl.jaas.config":        `org.apache.kafka.common.security.scram.ScramLoginModule required username="` + name + `" password="marked-changed";`,
		"ssl.truststore.location": filepath.Join(b.stores, "trust.jks"), "ssl.truststore.password": storePassword,
	}
	address := b.address("SCRAM")
	s := supervise(t, rig.Build(t), peer.WorkerConfig{Bootstrap: address, Group: "s-group", Properties: joined(prefixed(properties, "", "producer.", "consumer.", "admin."), healing())})
	s.create(t, "s-source", generator("s-t"))
	b.whole(t, "s-t", 5)
	config, grows := fileSink(t, map[string]string{"topics": "s-t"})
	url := s.create(t, "s-sink", config)
	grows(t, url)
	b.setPassword(t, name, "marked-other")
	s.waitLine(t, "sasl.jaas.config", "connector=s-source ")
	s.waitLine(t, "sasl.jaas.config", "connector=s-sink ")
	time.Sleep(5 * time.Second)
	lines := s.lines("level=WARN")
	if len(lines) > 25 { // a dozen clients, each of which says so once or twice
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, ""))
	}
	b.setPassword(t, name, "marked-changed")
	b.whole(t, "s-t", 10)
	grows(t, url)
	for _, name := range []string{"s-source", "s-sink"} {
		runs(name)(t, url)
	}
	if starts := len(s.lines("millrace: REST API at")); starts != 1 {
		t.Errorf("the worker was started %d times", starts)
	}
	s.noSecrets(t)
}

// changedCertificates shows a worker certificates of the broker that have expired or are another host's, and the broker
// one of the worker that has.
func changedCertificates(t *testing.T, b *securedBroker) {
	b.allow(t, "User:CN=erin", "e-")
	good, expired, elsewhere := b.certificate(t, "localhost", time.Hour), b.certificate(t, "localhost", -time.Hour), b.certificate(t, "elsewhere.example", time.Hour)
	own := filepath.Join(rig.Dir(t), "erin.p12")
	carry := func(lasts time.Duration) { // as whoever renews certificates does
		made := issue(t, b.ca, "erin", time.Now().Add(lasts)).keyStores(t, b.stores, fmt.Sprintf("erin-%s", lasts))["PKCS12"]
		if err := os.Rename(made, own); err != nil {
			t.Fatal(err)
		}
	}
	carry(time.Hour)
	properties := map[string]string{
		"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": filepath.Join(b.stores, "authority.pem"),
		"ssl.keystore.type": "PKCS12", "ssl.keystore.location": own, "ssl.keystore.password": storePassword,
	}
	address := fmt.Sprintf("localhost:%d", b.port["CERT"])
	b.shows(t, expired)
	s := supervise(t, rig.Build(t), peer.WorkerConfig{Bootstrap: address, Group: "e-group", Properties: joined(prefixed(properties, "", "producer.", "consumer.", "admin."), healing())})
	s.waitLine(t, address, "renew it, or set the clock")
	b.shows(t, good)
	for _, c := range []struct {
		name, says   string
		spoil, amend func()
	}{
		{"nothing", "", func() {}, func() {}},
		{"expired", "renew it, or set the clock", func() { b.shows(t, expired) }, func() { b.shows(t, good) }},
		{"elsewhere", "ssl.endpoint.identification.algorithm", func() { b.shows(t, elsewhere) }, func() { b.shows(t, good) }},
		{"own", "ssl.keystore.location", func() { carry(-time.Hour) }, func() { carry(2 * time.Hour) }},
	} {
		c.spoil()
		// A client of its own connects anew.
		url := s.create(t, c.name, generator("e-"+c.name, "producer.override.client.id", c.name))
		if c.says != "" {
			s.waitLine(t, address, "the task has failed", "connector="+c.name+" ", c.says)
		}
		c.amend()
		runs(c.name)(t, url)
		b.whole(t, "e-"+c.name, 3)
	}
	s.noSecrets(t)
}
