package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) (*authority, kafka.Properties) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour * 48), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	file := filepath.Join(t.TempDir(), "trust.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &authority{cert, key}, kafka.Properties{"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": file}
}

// issue makes a certificate for this machine or, with a name, for another.
func (a *authority) issue(t *testing.T, name string, until time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: until.Add(-24 * time.Hour), NotAfter: until}
	if c.DNSNames = []string{name}; name == "" {
		c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A connection that cannot be made says in one line which setting to look at, and comes about once that is put right
// at the broker's side.
func TestAdviceOnCertificates(t *testing.T) {
	ca, trust := newAuthority(t)
	other, _ := newAuthority(t)
	var serves atomic.Pointer[tls.Certificate]
	c := cluster(t, embedded.Config{Options: []kfake.Opt{kfake.TLS(&tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return serves.Load(), nil },
	})}})
	tomorrow := time.Now().Add(20 * time.Minute)
	for _, x := range []struct {
		what string
		cert *tls.Certificate
		says string
	}{
		{"expired", ca.issue(t, "", time.Now().Add(-time.Hour)), "renew it, or set the clock"},
		{"expired ten minutes ago by this machine's clock", ca.issue(t, "", time.Now().Add(-10*time.Minute)), "this machine's clock"},
		{"another host", ca.issue(t, "elsewhere.example", tomorrow), "ssl.endpoint.identification.algorithm"},
		{"another authority", other.issue(t, "", tomorrow), "ssl.truststore.location"},
	} {
		serves.Store(x.cert)
		err := connect(c, trust)
		if err == nil || !strings.Contains(err.Error(), x.says) || !strings.Contains(err.Error(), c.Bootstrap()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", x.what, err)
		}
		serves.Store(ca.issue(t, "", tomorrow))
		if err := connect(c, trust); err != nil {
			t.Errorf("%s, put right: %v", x.what, err)
		}
	}
}

// The same for what the broker does not accept of a client.
func TestAdviceOnClients(t *testing.T) {
	keys, trusts := stores(t)
	c := tlsCluster(t, keys["JKS"])
	err := connect(c, kafka.Properties{"security.protocol": "SSL"}.With(trusts["JKS"]))
	if err == nil || !strings.Contains(err.Error(), "ssl.keystore.location") {
		t.Errorf("without a certificate: %v", err)
	}
}

// That a broker closed a connection speaks of the settings only where none was made before.
func TestAdviceOnClosedConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: kafka.Properties{"bootstrap.servers": listener.Addr().String()}})
	if err == nil || !strings.Contains(err.Error(), "does security.protocol fit its listener?") {
		t.Errorf("at the start: %v", err)
	}
	lost := fmt.Errorf("reading an answer: %w", io.EOF)
	c := client(t, cluster(t, embedded.Config{}), kafka.RoleAdmin, nil)
	if got := c.Settings.Advised(lost); got == nil || got.Error() != lost.Error() {
		t.Errorf("in mid-run: %v", got)
	}
}

// A token that has ended is named, and no broker bothered with it. (integration/security has a newer one let the client in.)
func TestAdviceOnTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(until time.Time) {
		claims := fmt.Sprintf(`{"sub":"ann","exp":%d}`, until.Unix())
		must(t, os.WriteFile(file, []byte(encode(`{"alg":"none"}`)+"."+encode(claims)+"."), 0o600))
	}
	write(time.Now().Add(-time.Hour))
	broker := &iamtest.Broker{Keys: map[string]string{"AKID": "x"}, Region: "eu-west-1"} // which refuses all tokens of others
	c := cluster(t, embedded.Config{Options: []kfake.Opt{kfake.ListenFn(broker.Listen)}})
	err := connect(c, kafka.Properties{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
		"sasl.login.callback.handler.class":   "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
		"sasl.jaas.config":                    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		"sasl.oauthbearer.token.endpoint.url": "file://" + file,
	})
	if err == nil || !strings.Contains(err.Error(), "the access token has expired") || !strings.Contains(err.Error(), "sasl.oauthbearer.token.endpoint.url") || strings.Contains(err.Error(), encode(`{"alg":"none"}`)) {
		t.Errorf("an old token: %v", err)
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
