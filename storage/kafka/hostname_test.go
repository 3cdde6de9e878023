package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certified is a server's certificate for one test, with the chain that it sends.
func certified(t *testing.T, authority *x509.Certificate, by *ecdsa.PrivateKey, change func(*x509.Certificate), chain ...*x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, authority, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	out := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	for _, c := range chain {
		out.Certificate = append(out.Certificate, c.Raw)
	}
	return out
}

// handshake connects to a server that has the certificate.
func handshake(t *testing.T, cert tls.Certificate, client *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return tls.Client(conn, client).Handshake()
}

func TestNamesOfServers(t *testing.T) {
	root, rootKey := signed(t, "root", nil, nil)
	stranger, strangerKey := signed(t, "stranger", nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	cn := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
	}
	dns := func(name string, names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { cn(name)(c); c.DNSNames = names }
	}
	ip := func(name, address string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { cn(name)(c); c.IPAddresses = []net.IP{net.ParseIP(address)} }
	}
	expired := func(c *x509.Certificate) { cn("b.example.com")(c); c.NotAfter = time.Now().Add(-time.Minute) }
	old, oldKey := signed(t, "old", root, rootKey)
	for name, c := range map[string]struct {
		host   string
		change func(*x509.Certificate)
		wrong  string // part of the error; "" for none
	}{
		"its name":                          {"b.example.com", dns("x", "b.example.com"), ""},
		"a wildcard":                        {"b.example.com", dns("x", "*.example.com"), ""},
		"a wildcard for one label":          {"a.b.example.com", dns("x", "*.example.com"), "not a.b.example.com"},
		"its address":                       {"10.0.0.7", ip("x", "10.0.0.7"), ""},
		"another address":                   {"10.0.0.8", ip("x", "10.0.0.7"), "10.0.0.8"},
		"an address of version 6":           {"::1", ip("x", "::1"), ""},
		"a common name":                     {"b.example.com", cn("B.Example.com"), ""},
		"a common name beside an address":   {"b.example.com", ip("b.example.com", "10.0.0.7"), ""},
		"a common name beside other names":  {"b.example.com", dns("b.example.com", "c.example.com"), "not b.example.com"},
		"a common name with a star":         {"b.example.com", cn("*.example.com"), ""},
		"that has more labels":              {"a.b.example.com", cn("*.example.com"), "x509: "},
		"a star for whole top levels":       {"example.com", cn("*.com"), "Common Name"},
		"another common name":               {"b.example.com", cn("c.example.com"), "x509: "},
		"no name at all":                    {"b.example.com", cn(""), "b.example.com"},
		"an address as common name":         {"10.0.0.7", cn("10.0.0.7"), "x509: "},
		"a common name, but it has expired": {"b.example.com", expired, "expired"},
	} {
		err := handshake(t, certified(t, root, rootKey, c.change), forHost(&tls.Config{RootCAs: roots}, c.host))
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
	cfg := forHost(&tls.Config{RootCAs: roots}, "b.example.com")
	if err := handshake(t, certified(t, stranger, strangerKey, cn("b.example.com")), cfg); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("of a stranger: %v", err)
	}
	if err := handshake(t, certified(t, old, oldKey, cn("b.example.com"), old), cfg); err != nil {
		t.Errorf("with an intermediate: %v", err)
	}
	if err := handshake(t, certified(t, old, oldKey, cn("b.example.com")), cfg); err == nil {
		t.Error("without the intermediate it passes")
	}
	late := certified(t, root, rootKey, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.BasicConstraintsValid, c.NotAfter = pkix.Name{CommonName: "late"}, true, true, time.Now().Add(-time.Minute)
	})
	parent, err := x509.ParseCertificate(late.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, certified(t, parent, late.PrivateKey.(*ecdsa.PrivateKey), cn("b.example.com"), parent), cfg); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("with an intermediate that has expired: %v", err)
	}
	client := func(c *x509.Certificate) {
		cn("b.example.com")(c)
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if err := handshake(t, certified(t, root, rootKey, client), cfg); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("a client's certificate: %v", err)
	}
}
