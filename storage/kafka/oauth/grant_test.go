package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const secret = "m%rked/secret"

// endpoint answers as the test says and notes what it was asked.
type endpoint struct {
	status         int
	body           string
	id, secret     string
	form           url.Values
	accept, method string
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.id, e.secret, _ = r.BasicAuth()
	_ = r.ParseForm() // an empty form fails the test as well
	e.form, e.accept, e.method = r.PostForm, r.Header.Get("Accept"), r.Method
	w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
	w.WriteHeader(e.status)
	_, _ = w.Write([]byte(e.body)) // a client that has gone cannot be told
}

// grant is one of the end point, whose URL holds secrets in all places where one can stand.
func (e *endpoint) grant(t *testing.T) *Grant {
	t.Helper()
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path, u.RawQuery = url.UserPassword(secret, secret), "/token", url.Values{"key": {secret}}.Encode()
	return &Grant{Endpoint: u, ID: "i d", Secret: secret, Form: ClientCredentials(""), Client: s.Client()}
}

func TestRequest(t *testing.T) {
	for name, c := range map[string]struct {
		id, password, scope, form string
	}{
		"without a scope": {"i d", secret, "", "grant_type=client_credentials"},
		"of scopes":       {"i d", secret, "a b", "grant_type=client_credentials&scope=a+b"},
		"of no client":    {"", "", "", "grant_type=client_credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &endpoint{status: 200, body: `{"access_token":"a"}`}
			g := e.grant(t)
			g.ID, g.Secret, g.Form = c.id, c.password, ClientCredentials(c.scope)
			g.Endpoint.User = nil
			if _, err := g.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e.id != c.id || e.secret != c.password || e.form.Encode() != c.form || e.method != http.MethodPost || e.accept != "application/json" {
				t.Errorf("the end point was asked by %+v", e)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for body, life := range map[string]time.Duration{
		`{"access_token":"a","expires_in":3600}`:   time.Hour,
		`{"access_token":"a","expires_in":"3599"}`: 3599 * time.Second,
		`{"access_token":"a","expires_in":1.5}`:    1500 * time.Millisecond,
		`{"access_token":"a"}`:                     0,
		`{"access_token":"a","expires_in":null}`:   0,
		`{"access_token":"a","expires_in":-1}`:     0,
		`{"access_token":"a","expires_in":"NaN"}`:  0,
		`{"access_token":"a","expires_in":1e300}`:  0,
		`{"access_token":"a","expires_in":{}}`:     0,
	} {
		e := &endpoint{status: 200, body: body}
		token, err := e.grant(t).Token(t.Context())
		if err != nil || token != (Token{"a", life}) {
			t.Errorf("%s: %+v %v", body, token, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		want    string
		code    string
		passing bool
		other   bool // than a refusal
	}{
		"of the client":   {status: 401, body: `{"error":"invalid_client","error_description":"` + secret + `"}`, want: "answered 401 Unauthorized (invalid_client)", code: "invalid_client"},
		"of unknown code": {status: 400, body: `{"error":"` + secret + `"}`, want: "answered 400 Bad Request"},
		"of garbage":      {status: 404, body: secret, want: "answered 404 Not Found"},
		"to elsewhere":    {status: 307, body: secret, want: "answered 307 Temporary Redirect: it redirects, and secrets are sent to no other address"},
		"for now":         {status: 503, body: secret, want: "answered 503", passing: true},
		"too often":       {status: 429, want: "answered 429", passing: true},
		"too late":        {status: 408, want: "answered 408", passing: true},
		"for ever":        {status: 501, want: "answered 501"},
		"no JSON":         {status: 200, body: `<html>` + secret, want: "holds no access_token", other: true},
		"another form":    {status: 200, body: `{"token":"` + secret + `"}`, want: "holds no access_token", other: true},
		"a list":          {status: 200, body: `{"access_token":["` + secret + `"]}`, want: "holds no access_token", other: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := (&endpoint{status: c.status, body: c.body}).grant(t)
			_, err := g.Token(t.Context())
			hides(t, err, c.want, "http://"+g.Endpoint.Host+"/token")
			var refused *Refused
			if errors.As(err, &refused) == c.other {
				t.Fatalf("%#v", err)
			}
			if !c.other && (refused.Status != c.status || refused.Code != c.code || refused.Passing() != c.passing) {
				t.Errorf("%+v, passing %t", refused, refused.Passing())
			}
		})
	}
}

// What is asked may hold a secret of a file, which is not there, say.
func TestForm(t *testing.T) {
	g, gone := (&endpoint{}).grant(t), errors.New("gone")
	g.Form = func() (url.Values, error) { return nil, gone }
	if _, err := g.Token(t.Context()); !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestUnreachable(t *testing.T) {
	g := (&endpoint{}).grant(t)
	g.Endpoint.Host = "127.0.0.1:1"
	_, err := g.Token(t.Context())
	hides(t, err, "connection refused", "http://127.0.0.1:1/token")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = g.Token(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// hides checks that an error tells what is wanted, and no secret in whatever form.
func hides(t *testing.T, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "rked") {
		t.Errorf("the error shows a secret: %v", err)
	}
}
