package rest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
)

func TestParseConfig(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "-Xmx1g -Djava.security.auth.login.config=/etc/jaas.conf -Da=b")
	got, err := ParseConfig(kafka.Properties{
		"listeners": "HTTP://:8083, https://[::1]:8443", "admin.listeners": "", "rest.advertised.host.name": "h", "rest.advertised.port": "9",
		"rest.advertised.listener": "HTTPS", "ssl.truststore.location": "a", "listeners.https.ssl.keystore.location": "b",
		"access.control.allow.origin": "*", "topic.tracking.allow.reset": "false", "rest.extension.classes": basicAuthClass, "group.id": "g",
	})
	want := Config{
		Listeners: []string{"HTTP://:8083", "https://[::1]:8443"}, NoAdmin: true, AdvertisedHost: "h", AdvertisedPort: 9, AdvertisedListener: "https",
		TLS: kafka.Properties{"ssl.keystore.location": "b"}, AdminTLS: kafka.Properties{"ssl.truststore.location": "a"},
		AllowOrigin: "*", NoTopicReset: true, Extensions: []string{basicAuthClass},
		LoginFile: "/etc/jaas.conf",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for name, value := range map[string]string{
		"listeners": "", "admin.listeners": "ftp://h:1", "rest.advertised.port": "0", "rest.advertised.listener": "ws",
		"topic.tracking.enable": "maybe", "topic.tracking.allow.reset": "no", "rest.extension.classes": "com.example.Mine",
		"response.http.headers.config": "put X: y", "access.control.allow.origin": "[",
	} {
		_, err := ParseConfig(kafka.Properties{name: value})
		var property *kafka.PropertyError
		if !errors.As(err, &property) || property.Property != name {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	for _, listener := range []string{"http://h", "h:1", "http://h:x", "http://h:99999", "http://h:1/", "udp://h:1"} {
		if _, err := ParseConfig(kafka.Properties{"listeners": listener}); err == nil {
			t.Errorf("the listener %s is accepted", listener)
		}
	}
}

func TestAdvertised(t *testing.T) {
	open := []*listener{{scheme: "https", host: "a", port: 1}, {scheme: "http", host: "b", port: 2}, {scheme: "http", host: "c", port: 3}}
	for _, c := range []struct {
		cfg  Config
		open []*listener
		want string
	}{
		{Config{}, open, "http://b:2/"},
		{Config{AdvertisedListener: "https"}, open, "https://a:1/"},
		{Config{}, open[:1], "https://a:1/"},
		{Config{AdvertisedHost: "h", AdvertisedPort: 9}, open, "http://h:9/"},
		{Config{AdvertisedListener: "https", AdvertisedHost: "h"}, open[1:], "https://h:2/"},
		{Config{}, []*listener{{scheme: "http", host: "::1", port: 5}}, "http://[::1]:5/"},
		{Config{AdvertisedHost: "0.0.0.0"}, open, "http://0.0.0.0:2/"},
	} {
		if got := advertised(c.cfg, c.open).String(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.cfg, got, c.want)
		}
	}
	anywhere := advertised(Config{}, []*listener{{scheme: "http", port: 5}})
	if ip := net.ParseIP(anywhere.Hostname()); ip == nil || ip.IsUnspecified() {
		t.Errorf("a listener on all interfaces is advertised as %s", anywhere)
	}
}

func TestCORS(t *testing.T) {
	s, _ := start(t, &fake{}, func(c *Config) {
		c.AllowOrigin, c.AllowMethods = `http://ui.example, https://.*\.example\.org`, "GET, PUT"
	})
	all, _ := start(t, &fake{}, func(c *Config) { c.AllowOrigin = "*" })
	none, _ := start(t, &fake{}, nil)
	for _, c := range []struct {
		s                    *Server
		line, origin         string
		allow, methods, vary string
	}{
		{s, "GET /connectors", "http://ui.example", "http://ui.example", "", "Origin"},
		{s, "GET /connectors", "HTTP://UI.example", "HTTP://UI.example", "", "Origin"},
		{s, "GET /connectors", "https://a.example.org", "https://a.example.org", "", "Origin"},
		{s, "GET /connectors", "https://a.example.org.evil.example", "", "", "Origin"},
		{s, "GET /connectors", "", "", "", "Origin"},
		{s, "OPTIONS /connectors", "http://ui.example", "http://ui.example", "GET,PUT", "Origin"},
		{s, "OPTIONS /connectors", "http://evil.example", "", "", "Origin"},
		{all, "OPTIONS /connectors", "http://evil.example", "http://evil.example", "GET,POST,HEAD", "Origin"},
		{none, "GET /connectors", "http://ui.example", "", "", ""},
	} {
		got := ask(t, c.s.Addresses()[0], c.line, "Origin: "+c.origin, "Access-Control-Request-Method: PUT")
		h := got.Header
		if got.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != c.allow || h.Get("Access-Control-Allow-Methods") != c.methods || h.Get("Vary") != c.vary {
			t.Errorf("%s from %q: %d %v", c.line, c.origin, got.StatusCode, h)
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	s, _ := start(t, &fake{}, func(c *Config) {
		c.ResponseHeaders = `set X-Frame-Options: DENY,"add Cache-Control: no-cache, no-store", add Cache-Control: private, setDate Expires: 60000`
	})
	for _, line := range []string{"GET /connectors", "GET /nope"} {
		h := ask(t, s.Addresses()[0], line).Header
		expires, err := http.ParseTime(h.Get("Expires"))
		if h.Get("X-Frame-Options") != "DENY" || !reflect.DeepEqual(h["Cache-Control"], []string{"no-cache, no-store", "private"}) ||
			err != nil || time.Until(expires) < 0 || time.Until(expires) > time.Minute {
			t.Errorf("%s: %v", line, h)
		}
	}
	for _, bad := range []string{"X: y", "set", "set X", "set X y: z", "set : y", `"set X: y`, "setDate X: soon"} {
		if _, err := parseHeaderRules(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// Who serves what, with and without admin listeners.
func TestAdmin(t *testing.T) {
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
	}
	debug := http.NewServeMux()
	debug.Handle("/debug/pprof/", text("debug"))
	handlers := func(c *Config) { c.Metrics, c.Debug = text("metrics"), debug }
	together, _ := start(t, &fake{}, handlers)
	apart, _ := start(t, &fake{}, func(c *Config) { handlers(c); c.AdminListeners = []string{"http://127.0.0.1:0"} })
	off, _ := start(t, &fake{}, func(c *Config) { handlers(c); c.NoAdmin = true })
	plain, _ := start(t, &fake{}, func(c *Config) { c.AdminListeners = []string{"http://127.0.0.1:0"} })
	for _, c := range []struct {
		base                            string
		api, loggers, metrics, debugger int
	}{
		{together.Addresses()[0], 200, 200, 200, 404},
		{apart.Addresses()[0], 200, 404, 404, 404},
		{apart.AdminAddresses()[0], 404, 200, 200, 200},
		{off.Addresses()[0], 200, 404, 200, 404},
		{plain.AdminAddresses()[0], 404, 200, 404, 404},
	} {
		for path, want := range map[string]int{"/connectors": c.api, "/admin/loggers": c.loggers, "/metrics": c.metrics, "/debug/pprof/": c.debugger} {
			if got := ask(t, c.base, "GET "+path); got.StatusCode != want {
				t.Errorf("%s%s: %d, want %d", c.base, path, got.StatusCode, want)
			}
		}
	}
}

// certificate writes a key and a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (pemFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "worker"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	pemFile = filepath.Join(t.TempDir(), "worker.pem")
	if err := os.WriteFile(pemFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pemFile, pool
}

// Workers reach each other over HTTPS with the certificates of their listeners;
// who has none is turned away.
func TestHTTPS(t *testing.T) {
	file, pool := certificate(t)
	props := kafka.Properties{
		"ssl.keystore.type": "PEM", "ssl.keystore.location": file, "ssl.truststore.type": "PEM", "ssl.truststore.location": file, "ssl.client.auth": "required",
	}
	secure := func(c *Config) { c.Listeners, c.TLS = []string{"https://127.0.0.1:0"}, props }
	leader, follower := &fake{}, &fake{}
	b, _ := start(t, leader, secure)
	a, _ := start(t, follower, func(c *Config) { c.TLS = props })
	if !strings.HasPrefix(b.URL(), "https://127.0.0.1:") {
		t.Errorf("advertised %s", b.URL())
	}
	follower.err = &herder.NotTarget{URL: b.URL()}
	leader.set(201, `{"name":"a","config":{}}`, nil)
	if got := ask(t, a.Addresses()[0], `POST /connectors {"name":"a","config":{}}`); got.StatusCode != 201 || !strings.HasPrefix(got.Header.Get("Location"), "http://") {
		t.Errorf("forwarded over HTTPS: %d %s, Location %s", got.StatusCode, got.text, got.Header.Get("Location"))
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if res, err := stranger.Get(b.URL()); err == nil {
		t.Errorf("a client without a certificate is answered %s", res.Status)
		res.Body.Close()
	}
	for _, broken := range []kafka.Properties{nil, {"ssl.keystore.location": file, "ssl.keystore.password": "s3cret"}} {
		_, err := New(Config{Listeners: []string{"https://127.0.0.1:0"}, TLS: broken}, &fake{})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("HTTPS with %v: %v", broken.Names(), err)
		}
	}
}

// Shutdown lets a request under way end, and takes no other.
func TestShutdown(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	f := &fake{before: func(context.Context) { close(begun); <-finish }}
	s, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}}, f)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.Start(ctx)
	answered := make(chan string, 1)
	go func() { answered <- ask(t, s.Addresses()[0], "GET /connectors").text }()
	<-begun
	cancel() // the end of the start's context is not the end of requests
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	for refused := false; !refused; { // until the listener is closed
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.Addresses()[0], "http://"), "/"))
		if refused = err != nil; !refused {
			conn.Close()
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown did not wait: %v", err)
	default:
	}
	close(finish)
	if text := <-answered; text != "null" {
		t.Errorf("the request under way was answered %s", text)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsOff(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	f := &fake{before: func(ctx context.Context) { close(begun); <-ctx.Done(); close(ended) }}
	s, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}}, f)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	go func() {
		if res, err := http.Get(s.Addresses()[0] + "connectors"); err == nil {
			res.Body.Close()
		}
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
}

// Listeners that cannot be opened are an error that leaves none open.
func TestNewFails(t *testing.T) {
	s, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}}, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	taken := strings.TrimSuffix(s.Addresses()[0], "/")
	if _, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}, AdminListeners: []string{taken}}, &fake{}); err == nil || !strings.Contains(err.Error(), "opening admin.listeners") {
		t.Errorf("got %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := New(Config{Listeners: []string{taken}}, &fake{})
	if err != nil {
		t.Fatalf("the listener was not closed: %v", err)
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
