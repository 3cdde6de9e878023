package rest

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path"
	"testing"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
)

// Java's key stores serve HTTPS as the worker's properties name them, with or without the prefix of the listeners, and
// ask clients for certificates as ssl.client.auth says.
func TestHTTPSWithJavaKeyStores(t *testing.T) {
	const dir = "../storage/kafka/testdata/tls/"
	jks := kafka.Properties{
		"ssl.keystore.location": dir + "server.jks", "ssl.keystore.password": "changeit", "ssl.key.password": "keysecret",
		"ssl.truststore.location": dir + "trust.jks", "ssl.truststore.password": "changeit",
	}
	pkcs12 := kafka.Properties{
		"ssl.keystore.type": "PKCS12", "ssl.keystore.location": dir + "server.p12", "ssl.keystore.password": "changeit",
		"ssl.truststore.type": "PKCS12", "ssl.truststore.location": dir + "trust.p12", "ssl.truststore.password": "changeit",
	}
	known, err := kafka.ClientTLS(jks)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &tls.Config{RootCAs: known.RootCAs}
	for _, stores := range []kafka.Properties{jks, pkcs12} {
		for auth, strangers := range map[string]bool{"": true, "none": true, "requested": true, "required": false} {
			for _, prefix := range []string{"", "listeners.https."} {
				props := kafka.Properties{"listeners": "https://127.0.0.1:0"}
				for name, value := range stores.With(kafka.Properties{"ssl.client.auth": auth}) {
					props[prefix+name] = value
				}
				t.Run(fmt.Sprintf("%s %q %s", path.Base(stores["ssl.keystore.location"]), auth, prefix), func(t *testing.T) {
					cfg, err := ParseConfig(props)
					if err != nil {
						t.Fatal(err)
					}
					f := &fake{}
					f.set(200, `["a"]`, nil)
					s, _ := start(t, f, func(c *Config) { c.Listeners, c.TLS = cfg.Listeners, cfg.TLS })
					if err := getOverTLS(s.Addresses()[0]+"connectors", known.Clone()); err != nil {
						t.Errorf("a client with a certificate: %v", err)
					}
					if err := getOverTLS(s.Addresses()[0]+"connectors", stranger.Clone()); (err == nil) != strangers {
						t.Errorf("a client without a certificate: %v", err)
					}
				})
			}
		}
	}
}

// Workers that share a key store and have no trust store reach each other, and ask each other for that certificate.
func TestWorkersWithAKeyStoreAlone(t *testing.T) {
	const dir = "../storage/kafka/testdata/tls/"
	for _, stores := range []kafka.Properties{
		{"ssl.keystore.location": dir + "server.jks", "ssl.keystore.password": "changeit", "ssl.key.password": "keysecret"},
		{"ssl.keystore.type": "PKCS12", "ssl.keystore.location": dir + "server.p12", "ssl.keystore.password": "changeit", "ssl.endpoint.identification.algorithm": ""},
	} {
		overTLS := func(c *Config) {
			c.Listeners, c.TLS = []string{"https://127.0.0.1:0"}, stores.With(kafka.Properties{"ssl.client.auth": "required"})
		}
		leader, follower := &fake{}, &fake{}
		b, _ := start(t, leader, overTLS)
		follower.err = &herder.NotTarget{URL: b.Addresses()[0]}
		a, _ := start(t, follower, func(c *Config) { c.TLS = stores })
		if got := ask(t, a.Addresses()[0], "DELETE /connectors/a"); got.StatusCode != http.StatusNoContent {
			t.Errorf("%v: %d %s", stores, got.StatusCode, got.text)
		}
	}
}

func getOverTLS(url string, cfg *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: cfg}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", res.Status)
	}
	return nil
}

// A client's certificate says who makes a request, over the listener that asks for it, and its name is mapped as
// Kafka maps those of its clients.
func TestCertificateIdentity(t *testing.T) {
	const dir = "../storage/kafka/testdata/tls/"
	stores := kafka.Properties{
		"ssl.keystore.location": dir + "server.jks", "ssl.keystore.password": "changeit", "ssl.key.password": "keysecret",
		"ssl.truststore.location": dir + "trust.jks", "ssl.truststore.password": "changeit", "ssl.client.auth": "requested",
	}
	known, err := kafka.ClientTLS(stores)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	s, _ := start(t, f, func(c *Config) {
		c.Listeners, c.TLS = []string{"https://127.0.0.1:0"}, stores
		c.Access = kafka.Properties{
			"rest.mtls.enable": "true", "rest.mtls.name.mapping.rules": "RULE:^CN=([^,]*).*$/user-$1/L",
			"rest.access.rules": "a", "rest.access.a.role": "read", "rest.access.a.users": "user-localhost",
		}
	})
	f.set(200, "[]", nil)
	if err := getOverTLS(s.Addresses()[0]+"connectors", known.Clone()); err != nil {
		t.Error(err)
	}
	if err := getOverTLS(s.Addresses()[0]+"connectors", &tls.Config{RootCAs: known.RootCAs}); err == nil || err.Error() != "status 401 Unauthorized" {
		t.Errorf("without a certificate: %v", err)
	}
}
