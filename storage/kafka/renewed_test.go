package kafka_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/kafka"
)

// A key store that is replaced counts from the next handshake on; one that cannot be read leaves the certificate before it
// in use while that is valid.
func TestClientCertificatesAreRenewed(t *testing.T) {
	ca, _ := newAuthority(t)
	file := filepath.Join(t.TempDir(), "client.pem")
	replace := func(text []byte) {
		must(t, os.WriteFile(file+".new", text, 0o600))
		must(t, os.Rename(file+".new", file))
	}
	carry := func(lasts time.Duration) []byte {
		cert := ca.issue(t, "client", time.Now().Add(lasts))
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		must(t, err)
		replace(append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...))
		return cert.Certificate[0]
	}
	first := carry(time.Hour)
	cfg, err := kafka.ClientTLS(kafka.Properties{"ssl.keystore.type": "PEM", "ssl.keystore.location": file})
	must(t, err)
	shows := func(what string, want []byte) {
		t.Helper()
		got, err := cfg.GetClientCertificate(&tls.CertificateRequestInfo{SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, Version: tls.VersionTLS13})
		if want == nil && err == nil || want != nil && (err != nil || len(got.Certificate) != 1 || string(got.Certificate[0]) != string(want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	shows("the first", first)
	second := carry(2 * time.Second)
	shows("a newer one", second)
	replace([]byte("half of a"))
	shows("while it is written", second)
	time.Sleep(2500 * time.Millisecond)
	shows("when that has expired", nil)
	shows("the last", carry(time.Hour))
	got, err := cfg.GetClientCertificate(&tls.CertificateRequestInfo{SignatureSchemes: []tls.SignatureScheme{tls.Ed25519}, Version: tls.VersionTLS13})
	if err != nil || len(got.Certificate) != 0 {
		t.Errorf("a server that cannot make use of it gets %v, %v", got, err)
	}
}
