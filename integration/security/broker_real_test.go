//go:build real

package security

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const storePassword = "marked-store-password"

// securedBroker is an Apache Kafka with a listener for each way to authenticate, and ACLs. Whoever comes without
// authentication, to the listener for the test itself, may do anything.
type securedBroker struct {
	*peer.Kafka
	rights
	stores string
	ca     *identity      // of the certificates of listener CERT and of its clients
	port   map[string]int // by listener
}

var listeners = []string{"SSL", "CERT", "PLAIN", "SCRAM", "OAUTH"}

func startSecured(t *testing.T) *securedBroker {
	t.Helper()
	b := &securedBroker{stores: makeStores(t), ca: issue(t, nil, "our own authority", time.Now().Add(time.Hour)), port: map[string]int{}}
	certKeys := b.certificate(t, "localhost", time.Hour)
	certTrust := b.ca.trustStores(t, b.stores, "authority")["JKS"]
	open := rig.FreePort(t)
	listen := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", open)
	protocols := "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,CERT:SSL"
	for _, name := range listeners {
		b.port[name] = rig.FreePort(t)
		listen += fmt.Sprintf(",%s://127.0.0.1:%d", name, b.port[name])
		if name != "SSL" && name != "CERT" {
			protocols += "," + name + ":SASL_SSL"
		}
	}
	controller := rig.FreePort(t)
	const login = "org.apache.kafka.common.security."
	b.Kafka = rig.KafkaOn(t, open, controller, map[string]string{
		"listeners":                      listen + fmt.Sprintf(",CONTROLLER://127.0.0.1:%d", controller),
		"advertised.listeners":           strings.Replace(listen, "CERT://127.0.0.1", "CERT://localhost", 1),
		"listener.security.protocol.map": protocols,
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                    "User:ANONYMOUS",
		"ssl.keystore.location":          filepath.Join(b.stores, "broker.jks"), "ssl.keystore.password": storePassword,
		"ssl.truststore.location": filepath.Join(b.stores, "trust.jks"), "ssl.truststore.password": storePassword,
		"listener.name.ssl.ssl.client.auth":                  "required",
		"listener.name.cert.ssl.client.auth":                 "required",
		"listener.name.cert.ssl.keystore.location":           certKeys,
		"listener.name.cert.ssl.truststore.location":         certTrust,
		"ssl.allow.san.changes":                              "true",
		"ssl.allow.dn.changes":                               "true",
		"listener.name.plain.sasl.enabled.mechanisms":        "PLAIN",
		"listener.name.plain.plain.sasl.jaas.config":         login + `plain.PlainLoginModule required user_ann="marked-plain";`,
		"listener.name.scram.sasl.enabled.mechanisms":        "SCRAM-SHA-512",
		"listener.name.scram.scram-sha-512.sasl.jaas.config": login + "scram.ScramLoginModule required;",
		"listener.name.oauth.sasl.enabled.mechanisms":        "OAUTHBEARER",
		"listener.name.oauth.oauthbearer.sasl.jaas.config":   login + `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
		"listener.name.oauth.connections.max.reauth.ms":      "5000",
		"listener.name.scram.connections.max.reauth.ms":      "5000",
		"allow.everyone.if.no.acl.found":                     "false",
	})
	b.rights = newRights(t, b.Bootstrap(), func(*sarama.Config) {})
	b.creates = true
	if _, err := b.admin.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{{
		Name: "bob", Mechanism: sarama.SCRAM_MECHANISM_SHA_512, Iterations: 4096, Salt: []byte("salt"), Password: []byte("marked-scram"),
	}}); err != nil {
		t.Fatal(err)
	}
	return b
}

// address is the bootstrap.servers of a listener.
func (b *securedBroker) address(listener string) string {
	return fmt.Sprintf("127.0.0.1:%d", b.port[listener])
}

// certificate is a key store for listener CERT.
func (b *securedBroker) certificate(t *testing.T, host string, lasts time.Duration) (file string) {
	t.Helper()
	return issue(t, b.ca, host, time.Now().Add(lasts)).keyStores(t, b.stores, fmt.Sprintf("%s-%s", host, lasts))["JKS"]
}

// shows makes listener CERT show another certificate to those who connect from now on.
func (b *securedBroker) shows(t *testing.T, file string) {
	t.Helper()
	if err := b.admin.IncrementalAlterConfig(sarama.BrokerResource, strconv.Itoa(b.Node), map[string]sarama.IncrementalAlterConfigsEntry{
		"listener.name.cert.ssl.keystore.location": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &file},
	}, false); err != nil {
		t.Fatal(err)
	}
}

// makeStores makes the key and trust stores as an operator does: Java's keytool makes JKS and PKCS12, openssl PEM.
func makeStores(t *testing.T) string {
	t.Helper()
	dir := rig.Dir(t)
	java, err := rig.Home(t).Java()
	if err != nil {
		t.Fatal(err)
	}
	keytool := filepath.Join(filepath.Dir(java), "keytool")
	if _, err := os.Stat(keytool); err != nil {
		if keytool, err = exec.LookPath("keytool"); err != nil {
			t.Fatal(err)
		}
	}
	pass := "-storepass " + storePassword
	for _, line := range []string{
		keytool + " -genkeypair -alias broker -keyalg RSA -dname CN=broker -ext san=ip:127.0.0.1 -keystore broker.jks -storetype JKS -keypass " + storePassword + " " + pass,
		keytool + " -exportcert -rfc -alias broker -keystore broker.jks -file broker.pem " + pass,
		keytool + " -genkeypair -alias carol -keyalg RSA -dname CN=carol -keystore carol.jks -storetype JKS -keypass " + storePassword + " " + pass,
		keytool + " -importkeystore -srckeystore carol.jks -srcstorepass " + storePassword + " -destkeystore carol.p12 -deststoretype PKCS12 -deststorepass " + storePassword,
		keytool + " -exportcert -rfc -alias carol -keystore carol.jks -file carol.pem " + pass,
		"openssl pkcs12 -in carol.p12 -nodes -passin pass:" + storePassword + " -out both.pem",
		keytool + " -importcert -noprompt -alias broker -file broker.pem -keystore trust.jks -storetype JKS " + pass,
		keytool + " -importcert -noprompt -alias carol -file carol.pem -keystore trust.jks -storetype JKS " + pass,
		keytool + " -importkeystore -srckeystore trust.jks -srcstorepass " + storePassword + " -destkeystore trust.p12 -deststoretype PKCS12 -deststorepass " + storePassword,
	} {
		args := strings.Fields(line)
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	return dir
}

// clients are the ways to authenticate, each with stores of another kind.
func (b *securedBroker) clients() []client {
	file := func(name string) string { return filepath.Join(b.stores, name) }
	trust := map[string]map[string]string{
		"JKS":    {"ssl.truststore.location": file("trust.jks"), "ssl.truststore.password": storePassword},
		"PKCS12": {"ssl.truststore.type": "PKCS12", "ssl.truststore.location": file("trust.p12"), "ssl.truststore.password": storePassword},
		"PEM":    {"ssl.truststore.type": "PEM", "ssl.truststore.location": file("broker.pem")},
	}
	with := func(store string, more map[string]string) map[string]string {
		all := maps.Clone(trust[store])
		maps.Copy(all, more)
		return all
	}
	key := func(kind, name string) map[string]string {
		p := map[string]string{"security.protocol": "SSL", "ssl.keystore.type": kind, "ssl.keystore.location": file(name)}
		if kind != "PEM" {
			p["ssl.keystore.password"], p["ssl.key.password"] = storePassword, storePassword
		}
		return p
	}
	sasl := func(mechanism, module, options string) map[string]string {
		return map[string]string{
			"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism,
			"sasl.jaas.config": "org.apache.kafka.common.security." + module + " required " + options + ";",
		}
	}
	return []client{
		{"ssl-jks", "SSL", "User:CN=carol", with("JKS", key("JKS", "carol.jks"))},
		{"ssl-p12", "SSL", "User:CN=carol", with("PKCS12", key("PKCS12", "carol.p12"))},
		{"ssl-pem", "SSL", "User:CN=carol", with("PEM", key("PEM", "both.pem"))},
		{"plain", "PLAIN", "User:ann", with("JKS", sasl("PLAIN", "plain.PlainLoginModule", `username="ann" password="marked-plain"`))},
		{"scram", "SCRAM", "User:bob", with("PKCS12", sasl("SCRAM-SHA-512", "scram.ScramLoginModule", `username="bob" password="marked-scram"`))},
		{"oauth", "OAUTH", "User:dave", with("PEM", sasl("OAUTHBEARER", "oauthbearer.OAuthBearerLoginModule", `unsecuredLoginStringClaim_sub="dave"`))},
	}
}
