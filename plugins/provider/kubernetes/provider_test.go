package kubernetes

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
)

// server is an API server with a few resources, for the holder of a token.
func server(t *testing.T, token *string) *api {
	t.Helper()
	answers := map[string]string{
		"/api/v1/namespaces/cdc/secrets/db":      `{"kind":"Secret","data":{"user":"ZGJ1c2Vy","password":"aHVudGVyMg=="}}`,
		"/api/v1/namespaces/own/secrets/db":      `{"data":{"user":"b3Ru"}}`,
		"/api/v1/namespaces/own/secrets/certs":   `{"data":{"b.crt":"Qgo=","a.crt":"QQo=","a.key":"Sw=="}}`,
		"/api/v1/namespaces/own/secrets/empty":   `{}`,
		"/api/v1/namespaces/own/secrets/odd":     `{"data":{"user":"hunter2!"}}`,
		"/api/v1/namespaces/own/secrets/html":    `<html>hunter2`,
		"/api/v1/namespaces/own/configmaps/opts": `{"data":{"tables":"a,b"}}`,
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := answers[r.URL.EscapedPath()]
		switch {
		case r.Header.Get("Authorization") != "Bearer "+*token:
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/busy"):
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "/moved"):
			http.Redirect(w, r, "/api/v1/namespaces/cdc/secrets/db", http.StatusFound)
		case strings.HasSuffix(r.URL.Path, "/closed"):
			w.WriteHeader(http.StatusForbidden)
		case !known:
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	write(t, dir, "ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	write(t, dir, "namespace", "own\n")
	write(t, dir, "token", *token+"\n")
	return &api{url: s.URL, dir: dir}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAndConfigMaps(t *testing.T) {
	token := "first"
	a := server(t, &token)
	t.Cleanup(a.close)
	for name, c := range map[string]struct {
		kind kind
		path string
		keys []string
		want map[string]string
	}{
		"a secret":                  {secret, "cdc/db", []string{"user", "password"}, map[string]string{"user": "dbuser", "password": "hunter2"}},
		"of the pod's namespace":    {secret, "db", []string{"user"}, map[string]string{"user": "otn"}},
		"a key that is not there":   {secret, "cdc/db", []string{"pass"}, map[string]string{}},
		"all keys":                  {secret, "cdc/db", nil, map[string]string{"user": "dbuser", "password": "hunter2"}},
		"all that a key matches":    {secret, "certs", []string{"*.crt", "*.pem"}, map[string]string{"*.crt": "A\nB"}},
		"a secret without anything": {secret, "empty", []string{"user"}, map[string]string{}},
		"a config map":              {configMap, "opts", []string{"tables"}, map[string]string{"tables": "a,b"}},
	} {
		got, ttl, err := newProvider(c.kind, a).Get(t.Context(), c.path, c.keys)
		if err != nil || ttl != 0 || len(got)+len(c.want) > 0 && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v %v %v", name, got, ttl, err)
		}
	}
	token = "second" // as Kubernetes replaces it
	if _, _, err := newProvider(secret, a).Get(t.Context(), "db", []string{"user"}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("an old token: %v", err)
	}
	write(t, a.dir, "token", token)
	if _, _, err := newProvider(secret, a).Get(t.Context(), "db", []string{"user"}); err != nil {
		t.Errorf("its successor: %v", err)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	token := "t"
	a := server(t, &token)
	for path, c := range map[string]struct {
		want  string
		class connect.Class
	}{
		"cdc/gone":       {"the Secret gone in the namespace cdc does not exist", connect.ClassConfig},
		"own/closed":     {"needs a role with the verb get on secrets", connect.ClassConfig},
		"own/busy":       {"503", connect.ClassRetriable},
		"own/moved":      {"302", connect.ClassRetriable},
		"own/odd":        {"the key user of the Secret is not base64", ""},
		"own/html":       {"no JSON", ""},
		"../x":           {"is no path of a Secret", connect.ClassConfig},
		"a/..":           {"is no path of a Secret", connect.ClassConfig},
		"a/b/c":          {"is no path of a Secret", connect.ClassConfig},
		"a/b?watch=true": {"is no path of a Secret", connect.ClassConfig},
		"a/B":            {"is no path of a Secret", connect.ClassConfig},
		"":               {"is no path of a Secret", connect.ClassConfig},
	} {
		_, _, err := newProvider(secret, a).Get(t.Context(), path, []string{"user"})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || c.class != "" && connect.ClassOf(err) != c.class {
			t.Errorf("%q: %v, want %q of class %q", path, err, c.want, c.class)
		}
	}
	var wrong *connect.ConfigError
	if _, _, err := newProvider(secret, &api{}).Get(t.Context(), "db", nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "KUBERNETES_SERVICE_HOST") {
		t.Errorf("outside of a cluster: %v", err)
	}
	if _, _, err := newProvider(secret, &api{url: a.url, dir: t.TempDir()}).Get(t.Context(), "db", nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "service account") {
		t.Errorf("without a service account: %v", err)
	}
	stranger := &api{url: a.url, dir: t.TempDir()}
	write(t, stranger.dir, "ca.crt", "no certificate")
	if _, _, err := newProvider(secret, stranger).Get(t.Context(), "db", nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("without an authority: %v", err)
	}
}
