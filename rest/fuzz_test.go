package rest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever path arrives, what gets through has one reading.
func FuzzCanonical(f *testing.F) {
	for _, p := range []string{"/", "/connectors/a%20b/", "//", "/a/..;/b", "/a/%2e%2E", "/a%2Fb", "/%zz", "/a/./b;c=d/", "/%00", "/\xff", "/a%25b"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.ParseRequestURI(text)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return
		}
		w := httptest.NewRecorder()
		canonical(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			escaped := r.URL.EscapedPath()
			if strings.Contains(escaped, "//") || strings.Contains(escaped, ";") || escaped != "/" && strings.HasSuffix(escaped, "/") || strings.Count(escaped, "/") != strings.Count(r.URL.Path, "/") {
				t.Errorf("%q gets through as %q, %q", text, escaped, r.URL.Path)
			}
		})).ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: u})
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", text, w.Code)
		}
	})
}

// Bodies are decoded as the standard library decodes them, or refused with 400.
func FuzzCreateRequest(f *testing.F) {
	for _, b := range []string{`{"name":"a","config":{"a":1,"b":null,"c":true,"d":"e"},"initial_state":"paused"}`, `{}`, `[]`, `null`, `{"config":{"a":{}}}`, `{"name":1e5,"config":{}} x`} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got createRequest
		err := decode(body, "a test", &got)
		if err != nil {
			if status, _ := describe(err); status != http.StatusBadRequest {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		var want struct{ Config map[string]any }
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q is taken, but it is not JSON: %v", body, err)
		}
		if len(got.Config) != len(want.Config) {
			t.Errorf("%q: %d properties, want %d", body, len(got.Config), len(want.Config))
		}
		for name, value := range want.Config {
			text, isText := value.(string)
			switch have := got.Config[name]; {
			case (have == nil) != (value == nil), isText && *have != text:
				t.Errorf("%q: %s is %v, want %v", body, name, have, value)
			}
		}
	})
}

func FuzzHeaderRules(f *testing.F) {
	for _, s := range []string{`set X: y`, `"add A: b, c",setDate D: 1`, `"`, `,`, `set :`, "set a\n: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := parseHeaderRules(text)
		for _, r := range rules {
			if err == nil && (r.name == "" || strings.ContainsAny(r.name, " \t\r\n")) {
				t.Errorf("%q: a header named %q", text, r.name)
			}
		}
	})
}
