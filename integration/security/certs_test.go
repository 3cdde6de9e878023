//go:build servers || real

package security

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// identity is a key with its certificate.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes an identity; by nil for an authority that signs itself. It lasts until the given time.
func issue(t *testing.T, by *identity, name string, until time.Time) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	signer := &identity{template, key}
	if by == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		signer, template.DNSNames = by, []string{name}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, &key.PublicKey, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

// databaseStorePassword is that of all stores.
const databaseStorePassword = "marked-store-password"

func (i *identity) der(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// trustStores writes the certificate as an authority that is trusted, in each form, and returns the files.
func (i *identity) trustStores(t *testing.T, dir, name string) map[string]string {
	t.Helper()
	jks := keystore.New()
	err := jks.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{
		CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X509", Content: i.cert.Raw},
	})
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{i.cert}, databaseStorePassword)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"JKS":    write(t, dir, name+".jks", stored(t, jks)),
		"PKCS12": write(t, dir, name+".p12", p12),
		"PEM":    write(t, dir, name+".pem", block("CERTIFICATE", i.cert.Raw)),
	}
}

// keyStores writes key and certificate in each form.
func (i *identity) keyStores(t *testing.T, dir, name string) map[string]string {
	t.Helper()
	jks := keystore.New()
	err := jks.SetPrivateKeyEntry("me", keystore.PrivateKeyEntry{
		CreationTime: time.Now(), PrivateKey: i.der(t), CertificateChain: []keystore.Certificate{{Type: "X509", Content: i.cert.Raw}},
	}, []byte(databaseStorePassword))
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(i.key, i.cert, nil, databaseStorePassword)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"JKS":    write(t, dir, name+".jks", stored(t, jks)),
		"PKCS12": write(t, dir, name+".p12", p12),
		"PEM":    write(t, dir, name+".pem", append(block("PRIVATE KEY", i.der(t)), block("CERTIFICATE", i.cert.Raw)...)),
	}
}

func stored(t *testing.T, ks keystore.KeyStore) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ks.Store(&b, []byte(databaseStorePassword)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
