package registry_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
)

func config(t *testing.T, props map[string]string) (registry.Config, error) {
	t.Helper()
	all := map[string]string{"retries.wait.ms": "1", "retries.max.wait.ms": "2"}
	maps.Copy(all, props)
	v, err := registry.Def().Parse(all)
	if err != nil {
		return registry.Config{}, err
	}
	return registry.ParseConfig(v)
}

func client(t *testing.T, props map[string]string) *registry.Client {
	t.Helper()
	cfg, err := config(t, props)
	if err != nil {
		t.Fatal(err)
	}
	return registry.NewClient(cfg.Client)
}

func server(t *testing.T, cfg registrytest.Config) *registrytest.Server {
	t.Helper()
	s := registrytest.New(cfg)
	t.Cleanup(s.Close)
	return s
}

const intSchema = `"int"`

func TestAPI(t *testing.T) {
	ctx := context.Background()
	s := server(t, registrytest.Config{})
	c := client(t, map[string]string{"schema.registry.url": s.URL + "/"})
	id, err := c.Register(ctx, "a b/c", registry.Schema{Text: intSchema}, false)
	if err != nil || id != 1 {
		t.Fatalf("%d, %v", id, err)
	}
	if again, err := c.Register(ctx, "other", registry.Schema{Text: intSchema}, false); err != nil || again != 1 {
		t.Errorf("the same schema got id %d, %v", again, err)
	}
	if id, err := c.Register(ctx, "a b/c", registry.Schema{Text: `"long"`}, true); err != nil || id != 2 {
		t.Errorf("%d, %v", id, err)
	}
	if got, err := c.Latest(ctx, "a b/c"); err != nil || got.ID != 2 || got.Version != 2 || got.Text != `"long"` {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Version(ctx, "a b/c", 1); err != nil || got.ID != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.ByID(ctx, 2, "a b/c"); err != nil || got.Text != `"long"` {
		t.Errorf("%+v, %v", got, err)
	}
	if v, err := c.VersionOf(ctx, "a b/c", registry.Schema{Text: `"long"`}); err != nil || v != 2 {
		t.Errorf("version %d, %v", v, err)
	}
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	s := server(t, registrytest.Config{})
	c := client(t, map[string]string{"schema.registry.url": s.URL, "max.retries": "0"})
	s.Put("s", registry.Schema{Text: intSchema})
	for code, do := range map[int]func() error{
		registry.CodeNoSubject: func() error { _, err := c.Latest(ctx, "none"); return err },
		registry.CodeNoVersion: func() error { _, err := c.Version(ctx, "s", 9); return err },
		registry.CodeNoSchema:  func() error { _, err := c.Lookup(ctx, "s", registry.Schema{Text: `"x"`}, false); return err },
	} {
		err := do()
		var e *registry.Error
		var d *connect.DataError
		if !errors.As(err, &e) || e.Code != code || !errors.As(err, &d) || connect.IsRetriable(err) {
			t.Errorf("%d: %v", code, err)
		}
	}
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		s.Fail(status)
		if _, err := c.Latest(ctx, "s"); !connect.IsRetriable(err) || !strings.Contains(err.Error(), "subject s") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestRetriesAndFailover(t *testing.T) {
	ctx := context.Background()
	s := server(t, registrytest.Config{})
	s.Put("s", registry.Schema{Text: intSchema})
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	c := client(t, map[string]string{"schema.registry.url": dead.URL + ", " + s.URL, "max.retries": "2"})
	s.Fail(500, 503)
	if _, err := c.Latest(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
	if _, err := c.Latest(ctx, "s"); err != nil || len(s.Requests()) != 4 {
		t.Errorf("the URL that answered was not kept: %v", err)
	}
	s.Fail(500, 500, 500)
	if _, err := c.Latest(ctx, "s"); !connect.IsRetriable(err) {
		t.Errorf("%v", err)
	}
	gone := client(t, map[string]string{"schema.registry.url": dead.URL, "max.retries": "1"})
	if _, err := gone.Latest(ctx, "s"); !connect.IsRetriable(err) {
		t.Errorf("%v", err)
	}
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer html.Close()
	if _, err := client(t, map[string]string{"schema.registry.url": html.URL, "max.retries": "0"}).Latest(ctx, "s"); err == nil ||
		!strings.Contains(err.Error(), "not that of a schema registry") {
		t.Errorf("%v", err)
	}
}

func TestAuthentication(t *testing.T) {
	ctx := context.Background()
	basic := server(t, registrytest.Config{User: "u", Password: "p:w"})
	bearer := server(t, registrytest.Config{Token: "tok"})
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "id" || password != "sec" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "all" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"tok","expires_in":3600}`))
	}))
	defer tokens.Close()
	withUser := strings.Replace(basic.URL, "http://", "http://u:p%3Aw@", 1)
	for name, props := range map[string]map[string]string{
		"url":       {"schema.registry.url": withUser},
		"user info": {"schema.registry.url": basic.URL, "basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "u:p:w"},
		"old name":  {"schema.registry.url": basic.URL, "basic.auth.credentials.source": "USER_INFO", "schema.registry.basic.auth.user.info": "u:p:w"},
		"sasl": {"schema.registry.url": basic.URL, "basic.auth.credentials.source": "SASL_INHERIT",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p:w";`},
		"token": {"schema.registry.url": bearer.URL, "bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "tok"},
		"oauth": {"schema.registry.url": bearer.URL, "bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": tokens.URL,
			"bearer.auth.client.id": "id", "bearer.auth.client.secret": "sec", "bearer.auth.scope": "all"},
	} {
		if _, err := client(t, props).Register(ctx, "s", registry.Schema{Text: intSchema}, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, props := range map[string]map[string]string{
		"none":           {"schema.registry.url": basic.URL},
		"wrong password": {"schema.registry.url": basic.URL, "basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "u:hunter2"},
	} {
		_, err := client(t, props).Register(ctx, "s", registry.Schema{Text: intSchema}, false)
		if err == nil || !strings.Contains(err.Error(), "basic.auth") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A client that gets no token fails the record at once, and is told which properties to look at; an end point that is ill is
// asked again.
func TestRefusedTokens(t *testing.T) {
	var asked, status atomic.Int32
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
	}))
	defer tokens.Close()
	c := client(t, map[string]string{"schema.registry.url": "http://127.0.0.1:1,http://127.0.0.1:2", "max.retries": "1", "retries.wait.ms": "1",
		"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": tokens.URL + "/?key=hunter2",
		"bearer.auth.client.id": "id", "bearer.auth.client.secret": "hunter2"})
	for _, tt := range []struct {
		status    int32
		asked     int32
		retriable bool
	}{{401, 1, false}, {503, 2, true}} {
		asked.Store(0)
		status.Store(tt.status)
		_, err := c.Latest(context.Background(), "s")
		if err == nil || connect.IsRetriable(err) != tt.retriable || asked.Load() != tt.asked || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d: asked %d times, %v", tt.status, asked.Load(), err)
		}
		if !tt.retriable && !strings.Contains(err.Error(), "(invalid_client) (check bearer.auth.client.id and bearer.auth.client.secret)") {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
}

func TestTLS(t *testing.T) {
	s := registrytest.NewUnstarted(registrytest.Config{})
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	props := map[string]string{"schema.registry.url": s.URL, "max.retries": "0",
		"schema.registry.ssl.truststore.location": ca, "schema.registry.ssl.truststore.type": "PEM"}
	if _, err := client(t, props).Register(context.Background(), "s", registry.Schema{Text: intSchema}, false); err != nil {
		t.Error(err)
	}
	delete(props, "schema.registry.ssl.truststore.location")
	delete(props, "schema.registry.ssl.truststore.type")
	_, err := client(t, props).Register(context.Background(), "s", registry.Schema{Text: intSchema}, false)
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
}

func TestBadConfigurations(t *testing.T) {
	ok := map[string]string{"schema.registry.url": "http://x:1"}
	for key, props := range map[string]map[string]string{
		"schema.registry.url":            {"schema.registry.url": "x:1"},
		"basic.auth.credentials.source":  {"basic.auth.credentials.source": "ODD"},
		"basic.auth.user.info":           {"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "secret"},
		"sasl.jaas.config":               {"basic.auth.credentials.source": "SASL_INHERIT"},
		"bearer.auth.token":              {"bearer.auth.credentials.source": "STATIC_TOKEN"},
		"bearer.auth.credentials.source": {"bearer.auth.credentials.source": "CUSTOM"},
		"bearer.auth.client.secret":      {"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": "http://x", "bearer.auth.client.id": "i"},
		"bearer.auth.issuer.endpoint":    {"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": "http://secret @:x", "bearer.auth.client.id": "i", "bearer.auth.client.secret": "s"},
		"key.subject.name.strategy":      {"key.subject.name.strategy": "my.Strategy"},
		"value.subject.name.strategy":    {"value.subject.name.strategy": "my.Strategy"},
		"context.name.strategy":          {"context.name.strategy": "my.Strategy"},
		"schema.registry.ssl.keystore":   {"schema.registry.ssl.keystore.location": "/no/such/file"},
		"use.schema.id":                  {"use.schema.id": "x"},
	} {
		all := maps.Clone(ok)
		maps.Copy(all, props)
		if _, err := config(t, all); err == nil || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "secret ") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := config(t, nil); err == nil || !strings.Contains(err.Error(), "schema.registry.url") {
		t.Errorf("without URL: %v", err)
	}
}

func TestSubjects(t *testing.T) {
	for _, tt := range []struct {
		s             registry.Strategy
		record, key   string
		value, failed string
	}{
		{registry.TopicName, "", "t-key", "t-value", ""},
		{registry.RecordName, "a.B", "a.B", "a.B", ""},
		{registry.TopicRecordName, "a.B", "t-a.B", "t-a.B", ""},
		{registry.RecordName, "", "", "", "must only be a record schema"},
		{registry.TopicRecordName, "", "", "", "TopicRecordNameStrategy"},
	} {
		key, err := tt.s.Subject("t", tt.record, true)
		value, err2 := tt.s.Subject("t", tt.record, false)
		if key != tt.key || value != tt.value {
			t.Errorf("%v: %s, %s", tt.s, key, value)
		}
		if failed := err != nil && err2 != nil; failed != (tt.failed != "") || failed && !strings.Contains(err.Error(), tt.failed) {
			t.Errorf("%v: %v, %v", tt.s, err, err2)
		}
	}
}
