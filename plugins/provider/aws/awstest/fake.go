// Package awstest is a fake of the few calls to Amazon's services that the config
// providers make, for tests.
package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Fake serves Secrets Manager, SSM and S3 at one address.
type Fake struct {
	URL string

	mu         sync.Mutex
	Secrets    map[string]string // by name
	Parameters map[string]string
	Objects    map[string]string // by bucket/key
	Calls      []string          // what was asked for
	Broken     bool              // answers 500
}

// Start serves until the test ends, and gives the process credentials for it.
func Start(t testing.TB) *Fake {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	f := &Fake{Secrets: map[string]string{}, Parameters: map[string]string{}, Objects: map[string]string{}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.URL = s.URL
	return f
}

// Change changes what the fake holds.
func (f *Fake) Change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// ServeHTTP answers signed requests.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	target := r.Header.Get("X-Amz-Target")
	f.Calls = append(f.Calls, strings.TrimSpace(target+" "+r.Method+" "+r.URL.Path))
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDTEST/"):
		w.WriteHeader(http.StatusForbidden)
	case f.Broken:
		w.WriteHeader(http.StatusInternalServerError)
	case target == "secretsmanager.GetSecretValue":
		answer(w, r, "SecretId", f.Secrets, "ResourceNotFoundException", func(v string) any { return map[string]any{"SecretString": v} })
	case target == "AmazonSSM.GetParameter":
		answer(w, r, "Name", f.Parameters, "ParameterNotFound", func(v string) any { return map[string]any{"Parameter": map[string]any{"Value": v}} })
	case r.Method == http.MethodGet:
		if text, ok := f.Objects[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			_, _ = w.Write([]byte(text))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// answer looks up what a request of Amazon's JSON protocol names.
func answer(w http.ResponseWriter, r *http.Request, field string, in map[string]string, missing string, wrap func(string) any) {
	var body map[string]any
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	value, ok := in[fmt.Sprint(body[field])]
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": missing, "message": "it is not there"})
		return
	}
	_ = json.NewEncoder(w).Encode(wrap(value))
}
