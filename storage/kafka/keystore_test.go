package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// signed makes a certificate of name, signed by parent; by itself without one.
func signed(t *testing.T, name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}

func stored(t *testing.T, b []byte, err error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.jks") // newer keytools write PKCS12, whatever the name
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A PKCS12 store may hold authorities before the certificate of its key, as one into
// which the authority was imported first.
func TestKeyStoresWithAuthorities(t *testing.T) {
	root, rootKey := signed(t, "root", nil, nil)
	middle, middleKey := signed(t, "middle", root, rootKey)
	leaf, key := signed(t, "leaf", middle, middleKey)
	stranger, strangerKey := signed(t, "stranger", nil, nil)
	for name, order := range map[string][]*x509.Certificate{
		"the authority first": {root, leaf, middle, root}, "the leaf first": {leaf, middle, root}, "a stranger first": {stranger, middle, leaf, root},
	} {
		b, err := pkcs12.Modern.Encode(key, order[0], order[1:], "changeit")
		path := stored(t, b, err)
		cert, err := loadKey("JKS", path, "changeit", "changeit")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := [][]byte{leaf.Raw, middle.Raw, root.Raw}; !slices.EqualFunc(cert.Certificate, want, slices.Equal[[]byte]) || !cert.Leaf.Equal(leaf) {
			t.Errorf("%s: a chain of %d that begins with %v", name, len(cert.Certificate), cert.Leaf.Subject)
		}
		if trusted, err := loadTrust("PKCS12", path, "changeit"); err != nil || len(trusted) != 1 || !trusted[0].Equal(leaf) {
			t.Errorf("%s: as a trust store %v, %v", name, trusted, err)
		}
	}
	b, err := pkcs12.Modern.Encode(strangerKey, leaf, []*x509.Certificate{root}, "changeit")
	if _, err := loadKey("PKCS12", stored(t, b, err), "changeit", ""); err == nil || !strings.Contains(err.Error(), "holds no certificate of its private key") {
		t.Errorf("a key without certificate: %v", err)
	}
}

// JDKs since 18 keep their authorities without password and checksum, and users copy
// the file and go on naming a password.
func TestTrustStoresWithoutChecksum(t *testing.T) {
	root, _ := signed(t, "root", nil, nil)
	b, err := pkcs12.Passwordless.EncodeTrustStore([]*x509.Certificate{root}, "")
	path := stored(t, b, err)
	for _, password := range []string{"changeit", ""} {
		certs, err := loadTrust("JKS", path, password)
		if err != nil || len(certs) != 1 || !certs[0].Equal(root) {
			t.Errorf("with the password %q: %v, %v", password, certs, err)
		}
	}
	b, err = pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{root}, "changeit")
	if _, err := loadTrust("JKS", stored(t, b, err), "other"); err == nil || !strings.Contains(err.Error(), "the password is wrong") {
		t.Errorf("with a checksum and another password: %v", err)
	}
}

// Without a trust store of its own a client trusts the JVM's, if start scripts name one.
func TestTrustStoreOfTheJVM(t *testing.T) {
	root, _ := signed(t, "root", nil, nil)
	own, ownKey := signed(t, "own", nil, nil)
	b, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{root}, "changeit")
	path := stored(t, b, err)
	b, err = pkcs12.Modern.Encode(ownKey, own, nil, "changeit")
	keys := Properties{"ssl.keystore.location": stored(t, b, err), "ssl.keystore.password": "changeit"}
	t.Setenv("KAFKA_OPTS", "-Xmx1g -Djavax.net.ssl.trustStore="+path+" -Djavax.net.ssl.trustStorePassword=changeit")
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if cfg, err := ClientTLS(keys); err != nil || !pool.Equal(cfg.RootCAs) {
		t.Errorf("a client: %v, %v", cfg, err)
	}
	both := pool.Clone()
	both.AddCert(own)
	if cfg, err := PeerTLS(keys); err != nil || !both.Equal(cfg.RootCAs) {
		t.Errorf("a worker: %v, %v", cfg, err)
	}
	alone := x509.NewCertPool()
	alone.AddCert(own)
	if cfg, err := ServerTLS(keys.With(Properties{"ssl.client.auth": "required"})); err != nil || !alone.Equal(cfg.ClientCAs) {
		t.Errorf("a listener trusts others than its key store: %v", err)
	}
	if cfg, err := ClientTLS(Properties{"ssl.truststore.location": keys["ssl.keystore.location"], "ssl.truststore.password": "changeit"}); err != nil || !alone.Equal(cfg.RootCAs) {
		t.Errorf("a client with a trust store of its own: %v", err)
	}
	t.Setenv("KAFKA_OPTS", "-Djavax.net.ssl.trustStore="+path+" -Djavax.net.ssl.trustStorePassword=hunter2")
	if _, err := ClientTLS(nil); err == nil || !strings.HasPrefix(err.Error(), "-Djavax.net.ssl.trustStore in KAFKA_OPTS: ") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong password: %v", err)
	}
	t.Setenv("KAFKA_OPTS", "")
	if cfg, err := ClientTLS(nil); err != nil || cfg.RootCAs != nil {
		t.Errorf("without one: %v, %v", cfg, err)
	}
}

// Suites that Go does not have are passed over, as a server passes over what it does
// not know; but something must be left.
func TestCipherSuitesOfJava(t *testing.T) {
	cfg, err := ClientTLS(Properties{"ssl.cipher.suites": "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"})
	if want := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_AES_128_GCM_SHA256}; err != nil || !slices.Equal(cfg.CipherSuites, want) {
		t.Errorf("%v, %v", cfg, err)
	}
}

func TestInterceptors(t *testing.T) {
	const confluent = "io.confluent.monitoring.clients.interceptor.MonitoringProducerInterceptor"
	s, err := ParseSettings(RoleProducer, Properties{"bootstrap.servers": "b:1", "interceptor.classes": confluent})
	if err != nil || len(s.Notes) != 1 || !strings.Contains(s.Notes[0].Reason, confluent) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ParseSettings(RoleProducer, Properties{"bootstrap.servers": "b:1", "interceptor.classes": confluent + ", com.me.Drop"}); err == nil ||
		!strings.HasPrefix(err.Error(), "interceptor.classes: com.me.Drop ") {
		t.Errorf("with one of our own: %v", err)
	}
}
