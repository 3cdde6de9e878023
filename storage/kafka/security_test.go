package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

const dir = "testdata/tls/"

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(dir + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stores are the forms in which keytool and openssl keep the same key and
// certificate; the trust stores hold the certificate alone.
func stores(t *testing.T) (keys, trusts map[string]kafka.Properties) {
	oneLine := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	both := t.TempDir() + "/both.pem"
	if err := os.WriteFile(both, []byte(read(t, "key.pem")+read(t, "server.pem")), 0o600); err != nil {
		t.Fatal(err)
	}
	keys = map[string]kafka.Properties{
		"JKS":           {"ssl.keystore.location": dir + "server.jks", "ssl.keystore.password": "changeit", "ssl.key.password": "keysecret"},
		"PKCS12":        {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": dir + "server.p12", "ssl.keystore.password": "changeit"},
		"PKCS12 as JKS": {"ssl.keystore.location": dir + "server.p12", "ssl.keystore.password": "changeit"},
		"PEM file":      {"ssl.keystore.type": "PEM", "ssl.keystore.location": both},
		"PEM text":      {"ssl.keystore.type": "PEM", "ssl.keystore.key": read(t, "key.pem"), "ssl.keystore.certificate.chain": read(t, "server.pem")},
		"PEM one line":  {"ssl.keystore.type": "PEM", "ssl.keystore.key": oneLine(read(t, "key.pem")), "ssl.keystore.certificate.chain": oneLine(read(t, "server.pem"))},
		"PEM encrypted": {"ssl.keystore.type": "PEM", "ssl.keystore.key": read(t, "key-encrypted.pem"), "ssl.keystore.certificate.chain": read(t, "server.pem"), "ssl.key.password": "keysecret"},
	}
	trusts = map[string]kafka.Properties{
		"JKS":                  {"ssl.truststore.location": dir + "trust.jks", "ssl.truststore.password": "changeit"},
		"JKS without password": {"ssl.truststore.location": dir + "trust.jks"},
		"PKCS12":               {"ssl.truststore.type": "PKCS12", "ssl.truststore.location": dir + "trust.p12", "ssl.truststore.password": "changeit"},
		"key store":            {"ssl.truststore.location": dir + "server.p12", "ssl.truststore.password": "changeit"},
		"PEM file":             {"ssl.truststore.type": "PEM", "ssl.truststore.location": dir + "server.pem"},
		"PEM text":             {"ssl.truststore.type": "pem", "ssl.truststore.certificates": read(t, "server.pem")},
	}
	return keys, trusts
}

// A server without a trust store trusts the clients that its key store knows, and
// not everybody who has a certificate of some authority that the system trusts.
func TestServerWithoutATrustStore(t *testing.T) {
	own := x509.NewCertPool()
	own.AppendCertsFromPEM([]byte(read(t, "server.pem")))
	keys, _ := stores(t)
	for name, key := range keys {
		for _, auth := range []string{"requested", "required"} {
			cfg, err := kafka.ServerTLS(key.With(kafka.Properties{"ssl.client.auth": auth}))
			if err != nil || !own.Equal(cfg.ClientCAs) {
				t.Errorf("%s, %s: other clients than those of the key store are trusted (error %v)", name, auth, err)
			}
		}
	}
}

// tlsCluster wants a client certificate.
func tlsCluster(t *testing.T, keys kafka.Properties, opts ...kfake.Opt) *embedded.Cluster {
	t.Helper()
	server, err := kafka.ServerTLS(keys.With(kafka.Properties{
		"ssl.client.auth": "required", "ssl.truststore.location": dir + "trust.jks", "ssl.truststore.password": "changeit",
	}))
	if err != nil {
		t.Fatal(err)
	}
	return cluster(t, embedded.Config{Options: append(opts, kfake.TLS(server))})
}

func connect(c *embedded.Cluster, p kafka.Properties) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p = kafka.Properties{"bootstrap.servers": c.Bootstrap()}.With(p)
	k, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: p})
	if err == nil {
		err = k.Close()
	}
	return err
}

func TestTLS(t *testing.T) {
	keys, trusts := stores(t)
	ssl := kafka.Properties{"security.protocol": "SSL"}
	for name, key := range keys {
		c := tlsCluster(t, key)
		if err := connect(c, ssl.With(key).With(trusts["JKS"])); err != nil {
			t.Errorf("key store %s: %v", name, err)
		}
	}
	c := tlsCluster(t, keys["JKS"])
	for name, trust := range trusts {
		if err := connect(c, ssl.With(keys["PEM text"]).With(trust)); err != nil {
			t.Errorf("trust store %s: %v", name, err)
		}
	}
	for name, p := range map[string]kafka.Properties{
		"no client certificate": ssl.With(trusts["JKS"]),
		"no trust":              ssl.With(keys["JKS"]),
		"no TLS":                {},
		"version not offered":   ssl.With(keys["JKS"]).With(trusts["JKS"]).With(kafka.Properties{"ssl.enabled.protocols": "TLSv1.1"}),
	} {
		if err := connect(c, p); err == nil || !strings.Contains(err.Error(), c.Addrs()[0]) {
			t.Errorf("%s: error %v, want one that names the broker", name, err)
		}
	}
}

func TestHostNames(t *testing.T) {
	keys, trusts := stores(t)
	c := tlsCluster(t, keys["JKS"])
	p := kafka.Properties{"security.protocol": "SSL"}.With(keys["JKS"]).With(trusts["JKS"])
	cfg, err := kafka.ClientTLS(p)
	must(t, err)
	noNames, err := kafka.ClientTLS(p.With(kafka.Properties{"ssl.endpoint.identification.algorithm": ""}))
	must(t, err)
	noTrust, err := kafka.ClientTLS(keys["JKS"].With(kafka.Properties{"ssl.endpoint.identification.algorithm": ""}))
	must(t, err)
	for name, c2 := range map[string]struct {
		cfg *tls.Config
		ok  bool
	}{"checked": {cfg, false}, "not checked": {noNames, true}, "not checked, not trusted": {noTrust, false}} {
		c2.cfg.ServerName = "elsewhere.example"
		conn, err := tls.Dial("tcp", c.Addrs()[0], c2.cfg)
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != c2.ok {
			t.Errorf("another host's name, %s: %v", name, err)
		}
	}
}

func TestBadStores(t *testing.T) {
	keys, trusts := stores(t)
	for want, p := range map[string]kafka.Properties{
		"ssl.keystore.password: is missing":                      {"ssl.keystore.location": dir + "server.jks"},
		"ssl.keystore.password: is set":                          {"ssl.keystore.password": "hunter2"},
		"server.jks: the password is wrong":                      keys["JKS"].With(kafka.Properties{"ssl.keystore.password": "hunter2"}),
		"ssl.key.password":                                       keys["JKS"].With(kafka.Properties{"ssl.key.password": "hunter2"}),
		"server.p12: the password is wrong":                      keys["PKCS12"].With(kafka.Properties{"ssl.keystore.password": "hunter2"}),
		"missing.jks":                                            keys["JKS"].With(kafka.Properties{"ssl.keystore.location": "missing.jks"}),
		"BCFKS":                                                  keys["JKS"].With(kafka.Properties{"ssl.keystore.type": "BCFKS"}),
		"holds no private key":                                   {"ssl.keystore.location": dir + "trust.jks", "ssl.keystore.password": "changeit"},
		"ssl.keystore.certificate.chain: is missing":             {"ssl.keystore.type": "PEM", "ssl.keystore.key": "hunter2"},
		"ssl.keystore.key: is missing":                           {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": "x"},
		"ssl.keystore.type: must be PEM":                         {"ssl.keystore.key": "hunter2", "ssl.keystore.certificate.chain": "x"},
		"at least one certificate expected":                      {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": "x"},
		"ssl.truststore.password: cannot be used with PEM":       {"ssl.truststore.type": "PEM", "ssl.truststore.location": dir + "server.pem", "ssl.truststore.password": "hunter2"},
		"trust.jks: the password is wrong":                       trusts["JKS"].With(kafka.Properties{"ssl.truststore.password": "hunter2"}),
		"trust.p12: the password is wrong":                       trusts["PKCS12"].With(kafka.Properties{"ssl.truststore.password": "hunter2"}),
		"ssl.enabled.protocols: \"SSLv3\"":                       {"ssl.enabled.protocols": "SSLv3"},
		"ssl.cipher.suites: \"X\"":                               {"ssl.cipher.suites": "X"},
		"ssl.endpoint.identification.algorithm: \"ldaps\"":       {"ssl.endpoint.identification.algorithm": "ldaps"},
		"ssl.engine.factory.class":                               {"ssl.engine.factory.class": "com.me.F"},
		"ssl.keystore.key: the private key cannot be read with ": keys["PEM encrypted"].With(kafka.Properties{"ssl.key.password": "hunter2"}),
	} {
		_, err := kafka.ClientTLS(p)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v, want one with %q and no secret", err, want)
		}
	}
	if _, err := kafka.ServerTLS(trusts["JKS"]); err == nil || !strings.Contains(err.Error(), "ssl.keystore.location") {
		t.Errorf("a server without key store: %v", err)
	}
	if _, err := kafka.ServerTLS(keys["JKS"].With(kafka.Properties{"ssl.client.auth": "maybe"})); err == nil || !strings.Contains(err.Error(), "ssl.client.auth") {
		t.Errorf("an unknown client auth: %v", err)
	}
}

func TestSASL(t *testing.T) {
	keys, trusts := stores(t)
	users := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "alice", "a;b\"c"), kfake.Superuser("SCRAM-SHA-256", "bob", "pässword"), kfake.Superuser("SCRAM-SHA-512", "carol", "c")}
	plain := cluster(t, embedded.Config{Options: users})
	encrypted := tlsCluster(t, keys["PKCS12"], users...)
	login := func(module, user, password string) string {
		return fmt.Sprintf(`org.apache.kafka.common.security.%s required username="%s" password="%s";`, module, user, strings.ReplaceAll(password, `"`, `\"`))
	}
	for _, c := range []struct{ mechanism, jaas string }{
		{"PLAIN", login("plain.PlainLoginModule", "alice", "a;b\"c")},
		{"SCRAM-SHA-256", login("scram.ScramLoginModule", "bob", "pässword")},
		{"SCRAM-SHA-512", login("scram.ScramLoginModule", "carol", "c")},
	} {
		p := kafka.Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": c.mechanism, "sasl.jaas.config": c.jaas}
		if err := connect(plain, p); err != nil {
			t.Errorf("%s: %v", c.mechanism, err)
		}
		p["security.protocol"] = "SASL_SSL"
		if err := connect(encrypted, p.With(keys["JKS"]).With(trusts["JKS"])); err != nil {
			t.Errorf("%s over TLS: %v", c.mechanism, err)
		}
		p["security.protocol"] = "SASL_PLAINTEXT"
		p["sasl.jaas.config"] = strings.Replace(c.jaas, `password="`, `password="wrong`, 1)
		err := connect(plain, p)
		if err == nil || !strings.Contains(err.Error(), "sasl.jaas.config") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s with a wrong password: %v", c.mechanism, err)
		}
	}
}

func TestLoginFromKafkaOpts(t *testing.T) {
	path := t.TempDir() + "/jaas.conf"
	text := `KafkaClient { org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p"; };`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KAFKA_OPTS", "-Xmx1g -Djava.security.auth.login.config="+path)
	c := cluster(t, embedded.Config{Options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p")}})
	if err := connect(c, kafka.Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}); err != nil {
		t.Error(err)
	}
}

func TestUnreachableBrokersAreNamed(t *testing.T) {
	_, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleProducer, Properties: kafka.Properties{"bootstrap.servers": "127.0.0.1:1,127.0.0.1:2"}})
	for _, want := range []string{"producer", "127.0.0.1:1", "127.0.0.1:2", "bootstrap.servers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
