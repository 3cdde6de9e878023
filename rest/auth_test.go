package rest

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// basicAuth writes a JAAS file and the users' file that it names.
func basicAuth(t *testing.T, jaas, users string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "users.properties")
	login := filepath.Join(dir, "jaas.conf")
	if err := os.WriteFile(file, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(login, []byte(strings.ReplaceAll(jaas, "FILE", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	return login
}

const loginConfig = `KafkaConnect { ` + fileLoginClass + ` required file="FILE"; };`

func TestBasicAuth(t *testing.T) {
	f := &fake{}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metrics")) })
	s, log := start(t, f, func(c *Config) {
		c.Extensions, c.LoginFile, c.Metrics = []string{basicAuthClass}, basicAuth(t, loginConfig, "ann=s3cret:x\nbob=\n"), metrics
	})
	basic := func(text string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
	}
	for _, c := range []struct {
		line, header string
		status       int
	}{
		{"GET /connectors", basic("ann:s3cret:x"), 200},
		{"GET /connectors", "Authorization: bAsIc " + base64.StdEncoding.EncodeToString([]byte("bob:")), 200},
		{"GET /connectors", basic("ann:s3cret"), 401},
		{"GET /connectors", basic("bob:x"), 401},
		{"GET /connectors", basic("eve:"), 401},
		{"GET /connectors", basic(":"), 401},
		{"GET /connectors", basic("ann"), 401},
		{"GET /connectors", "Authorization: Basic !", 401},
		{"GET /connectors", "Authorization: Bearer " + base64.StdEncoding.EncodeToString([]byte("ann:s3cret:x")), 401},
		{"GET /connectors", "X: y", 401},
		{"GET /health", "X: y", 401},
		{"GET /admin/loggers", "X: y", 401},
		{"GET /metrics", "X: y", 401},
		{"GET /metrics", basic("ann:s3cret:x"), 200},
		{"OPTIONS /connectors", "X: y", 401},
		{"GET /connectors/a/tasks", "X: y", 401},
		{"GET /connectors/a;/tasks", "X: y", 401},
		{"POST /connectors/a/tasks []", "X: y", 204},
		{"PUT /connectors/a/fence", "X: y", 204},
		{"POST /connectors/a;b/tasks/ []", "X: y", 204},
		{"POST /connectors/a/restart", "X: y", 401},
		{"POST /connectors/a/tasks/0/restart", "X: y", 401},
		{"GET /nope", "X: y", 404},
		{"DELETE /connectors", "X: y", 405},
	} {
		f.set(0, "", nil)
		got := ask(t, s.Addresses()[0], c.line, c.header)
		if got.StatusCode != c.status || c.status == 401 && got.text != "User cannot access the resource." {
			t.Errorf("%s %s: %d %s, want %d", c.line, c.header, got.StatusCode, got.text, c.status)
		}
		if c.status == 401 && f.calls() != "" {
			t.Errorf("%s %s: the herder was asked %s", c.line, c.header, f.calls())
		}
	}
	if strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), base64.StdEncoding.EncodeToString([]byte("ann:s3cret:x"))) {
		t.Error("the log holds a password")
	}
}

func TestBasicAuthFiles(t *testing.T) {
	open, err := loadAuth(basicAuth(t, loginConfig, ""))
	if err != nil || !open.permits(&http.Request{}) {
		t.Errorf("a file without users lets everybody in: %v", err)
	}
	two := basicAuth(t, `KafkaConnect { `+fileLoginClass+` sufficient file="FILE"; `+fileLoginClass+` required file="FILE"; };`, "ann=x")
	if a, err := loadAuth(two); err != nil || a.permits(&http.Request{}) {
		t.Errorf("two modules: %v", err)
	}
	for jaas, message := range map[string]string{
		`Other { ` + fileLoginClass + ` required file="FILE"; };`:       "no login module for KafkaConnect",
		`KafkaConnect { com.example.Mine required file="FILE"; };`:      "com.example.Mine is not available",
		`KafkaConnect { ` + fileLoginClass + ` required; };`:            "needs the option file",
		`KafkaConnect { ` + fileLoginClass + ` required file="/no"; };`: "/no",
		`KafkaConnect {`: "reading the JAAS file",
	} {
		if _, err := loadAuth(basicAuth(t, jaas, "ann=s3cret")); err == nil || !strings.Contains(err.Error(), message) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", jaas, err, message)
		}
	}
	for _, file := range []string{"", "/no/such/file"} {
		if _, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}, Extensions: []string{basicAuthClass}, LoginFile: file}, &fake{}); err == nil {
			t.Errorf("the JAAS file %q is accepted", file)
		}
	}
}
