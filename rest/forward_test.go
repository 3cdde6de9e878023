package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/client"
)

// another worker, which remembers the request and answers as it is told.
type peer struct {
	*httptest.Server
	got    *http.Request
	body   string
	answer func(w http.ResponseWriter)
}

func startPeer(t *testing.T, answer func(w http.ResponseWriter)) *peer {
	p := &peer{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		_, _ = r.Body.Read(body)
		p.got, p.body = r, string(body)
		p.answer(w)
	}))
	t.Cleanup(p.Close)
	return p
}

// A write that is the leader's is answered as the leader answers it.
func TestForward(t *testing.T) {
	leader, follower := &fake{}, &fake{}
	a, _ := start(t, follower, nil)
	b, _ := start(t, leader, nil)
	follower.err = &herder.NotTarget{Message: "not the leader", URL: b.Addresses()[0]}
	for _, c := range []struct {
		line   string
		result string
		err    error
		status int
		asked  string
	}{
		{`POST /connectors {"name":"a b","config":{"k":"v"}}`, `{"name":"a b","config":{},"tasks":[],"type":"source"}`, nil, 201, `PutConnector {"Name":"a b",`},
		{`PUT /connectors/a/config {"k":"v"}`, `{"name":"a","config":{},"tasks":[],"type":"sink"}`, nil, 201, `PutConnector {"Name":"a",`},
		{`PATCH /connectors/a%20b/config {"k":null}`, `{"name":"a","config":{},"tasks":[],"type":"sink"}`, nil, 200, `PatchConnector "a b" {"k":null}`},
		{"DELETE /connectors/a", "", nil, 204, `DeleteConnector "a"`},
		{"DELETE /connectors/x", "", herder.ErrNotFound("x"), 404, `DeleteConnector "x"`},
		{"PUT /connectors/a/stop", "", nil, 204, `StopConnector "a"`},
		{"POST /connectors/a/restart?onlyFailed=true&includeTasks=true", `{"name":"a","connector":{},"tasks":[],"type":"sink"}`, nil, 202, `RestartConnectorAndTasks {"Connector":"a","OnlyFailed":true,"IncludeTasks":true}`},
		{"POST /connectors/a/restart", "", nil, 204, `RestartConnector "a"`},
		{"POST /connectors/a/tasks/3/restart", "", nil, 204, `RestartTask {"connector":"a","task":3}`},
		{"POST /connectors/a/tasks/3/restart", "", herder.Errorf(herder.Conflict, "rebalancing"), 409, `RestartTask {`},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":9007199254740993},"offset":null}]}`, `{"message":"m"}`, nil, 200, `AlterOffsets "a" {"offsets":[{"partition":{"p":9007199254740993},"offset":null}]}`},
		{`POST /connectors/a/signals {"type":"log","data":{"message":"m"}}`, `{"id":"1","type":"log"}`, nil, 202, `SendSignal "a" {"id":"","type":"log","data":{"message":"m"}}`},
		{`POST /connectors/a/signals {"type":"log"}`, "", herder.Errorf(herder.Conflict, "stopped"), 409, `SendSignal "a" {"id":"","type":"log"}`},
		{"DELETE /connectors/a/offsets", `{"message":"m"}`, nil, 200, `ResetOffsets "a"`},
	} {
		leader.set(c.status, c.result, c.err)
		want := ask(t, b.Addresses()[0], c.line)
		leader.set(c.status, c.result, c.err)
		got := ask(t, a.Addresses()[0], c.line)
		if got.StatusCode != c.status || got.StatusCode != want.StatusCode || got.text != want.text || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: got %d %s, the leader says %d %s", c.line, got.StatusCode, got.text, want.StatusCode, want.text)
		}
		if location := strings.Replace(want.Header.Get("Location"), b.Addresses()[0], a.Addresses()[0], 1); got.Header.Get("Location") != location {
			t.Errorf("%s: Location %q, want %q", c.line, got.Header.Get("Location"), location)
		}
		if !strings.HasPrefix(leader.calls(), c.asked) {
			t.Errorf("%s: the leader was asked %s", c.line, leader.calls())
		}
	}
}

func TestForwardedRequest(t *testing.T) {
	p := startPeer(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	f := &fake{err: &herder.NotTarget{URL: p.URL + "/"}}
	s, _ := start(t, f, nil)
	body := `{"k":"v",  "n": 1.0}`
	ask(t, s.Addresses()[0], "PUT /connectors/a%20b/config?x=1 "+body, "Authorization: Basic abc", "Cookie: secret",
		herder.SignatureHeader+": sig", herder.SignatureAlgorithmHeader+": HmacSHA256")
	if p.got.Method != "PUT" || p.got.URL.EscapedPath() != "/connectors/a%20b/config" || p.got.URL.RawQuery != "forward=true&x=1" || p.body != body {
		t.Errorf("sent on as %s %s %s", p.got.Method, p.got.RequestURI, p.body)
	}
	for name, want := range map[string]string{
		"Authorization": "Basic abc", "Cookie": "", herder.SignatureHeader: "sig", herder.SignatureAlgorithmHeader: "HmacSHA256",
		"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "kafka-connect",
	} {
		if got := p.got.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	ask(t, s.Addresses()[0], "PUT /connectors/a/stop?forward=true")
	if p.got.URL.RawQuery != "forward=false" {
		t.Errorf("the second hop is marked %s", p.got.URL.RawQuery)
	}
}

// A connector's name is sent on as it is, also one that looks like a way up or down: cleaned, the path of
// /connectors/./offsets would be that of the connector called offsets.
func TestForwardedNames(t *testing.T) {
	p := startPeer(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	f := &fake{err: &herder.NotTarget{URL: p.URL + "/"}}
	s, _ := start(t, f, nil)
	for _, path := range []string{"/connectors/./offsets", "/connectors/..", "/connectors/a%20b+c%C3%A9", "/connectors/%3F%23"} {
		if got := ask(t, s.Addresses()[0], "DELETE "+path); got.StatusCode != http.StatusNoContent || p.got.RequestURI != path+"?forward=true" {
			t.Errorf("%s: %d %s, sent on as %s", path, got.StatusCode, got.text, p.got.RequestURI)
		}
	}
	c := client.New(client.Config{})
	defer c.Close()
	for name, want := range map[string]string{"..": "/connectors/../tasks", "a b%": "/connectors/a%20b%25/tasks"} {
		if err := c.PutTaskConfigs(t.Context(), p.URL+"/", name, nil, herder.SessionKey{}); err != nil || p.got.RequestURI != want {
			t.Errorf("%s: tasks sent to %s, error %v", name, p.got.RequestURI, err)
		}
	}
}

func TestForwardFailures(t *testing.T) {
	page := startPeer(t, func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>"))
	})
	redirect := startPeer(t, func(w http.ResponseWriter) {
		w.Header().Set("Location", "http://elsewhere.example/")
		w.WriteHeader(http.StatusFound)
	})
	gone := startPeer(t, nil)
	gone.Close()
	f := &fake{}
	s, _ := start(t, f, func(c *Config) { c.ForwardWait = time.Millisecond })
	for _, c := range []struct {
		url, query string
		status     int
		message    string
	}{
		{"", "", 409, herder.NoLeaderMessage},
		{page.URL, "?forward=false", 409, herder.TooManyHopsMessage},
		{page.URL, "?forward=junk", 409, herder.TooManyHopsMessage},
		{page.URL, "", 502, "<html>"},
		{redirect.URL, "", 500, "Unexpected status code when handling forwarded request: 302"},
		{gone.URL, "", 500, "IO Error trying to forward REST request"},
		{"nonsense", "", 500, "is not a URL"},
	} {
		f.set(0, "", &herder.NotTarget{URL: c.url})
		if got := ask(t, s.Addresses()[0], "PUT /connectors/a/stop"+c.query); got.StatusCode != c.status || !strings.Contains(got.text, c.message) {
			t.Errorf("%q %s: %d %s, want %d %s", c.url, c.query, got.StatusCode, got.text, c.status, c.message)
		}
	}
}

// A request for a worker that has gone waits for the one that takes its place.
func TestForwardToSuccessor(t *testing.T) {
	gone := startPeer(t, nil)
	gone.Close()
	next := startPeer(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	f := &fake{err: &herder.NotTarget{URL: gone.URL}}
	s, _ := start(t, f, func(c *Config) { c.ForwardWait = time.Minute })
	go func() {
		for f.calls() == "" {
			time.Sleep(time.Millisecond)
		}
		f.set(0, "", &herder.NotTarget{URL: next.URL})
	}()
	if got := ask(t, s.Addresses()[0], "PUT /connectors/a/stop"); got.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", got.StatusCode, got.text)
	}
}

// A worker that breaks off may have done what was asked: it is not asked again.
func TestForwardBrokenOff(t *testing.T) {
	var asked atomic.Int32
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer breaks.Close()
	s, _ := start(t, &fake{err: &herder.NotTarget{URL: breaks.URL}}, nil)
	got := ask(t, s.Addresses()[0], `POST /connectors {"name":"a","config":{}}`)
	if got.StatusCode != 500 || !strings.Contains(got.text, "IO Error trying to forward REST request") || asked.Load() != 1 {
		t.Errorf("got %d %s after asking %d times", got.StatusCode, got.text, asked.Load())
	}
}

// Two followers that each take the other for the leader give up after two hops.
func TestForwardLoop(t *testing.T) {
	x, y := &fake{}, &fake{}
	a, _ := start(t, x, nil)
	b, _ := start(t, y, nil)
	x.err, y.err = &herder.NotTarget{URL: b.Addresses()[0]}, &herder.NotTarget{URL: a.Addresses()[0]}
	got := ask(t, a.Addresses()[0], "PUT /connectors/a/stop")
	if got.StatusCode != 409 || !strings.Contains(got.text, herder.TooManyHopsMessage) {
		t.Errorf("got %d %s", got.StatusCode, got.text)
	}
	if calls := x.calls() + "|" + y.calls(); calls != `StopConnector "a"; StopConnector "a"|StopConnector "a"` {
		t.Errorf("asked %s", calls)
	}
}

// What a worker signs, the leader's herder can verify.
func TestSignedRequests(t *testing.T) {
	f := &sigHerder{fake: &fake{}}
	s, err := New(Config{Listeners: []string{"http://127.0.0.1:0"}}, f)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	defer func() { _ = s.Shutdown(context.Background()) }()
	key := herder.SessionKey{Key: []byte("key"), Algorithm: "HmacSHA256"}
	c := client.New(client.Config{Timeout: time.Minute})
	if err := c.PutTaskConfigs(t.Context(), s.Addresses()[0], "a b/c?", []map[string]string{{"k": "<v>"}}, key); err == nil {
		t.Error("a name that no path can hold was sent")
	}
	if err := c.PutTaskConfigs(t.Context(), s.Addresses()[0], "a b?", []map[string]string{{"k": "<v>"}}, key); err != nil {
		t.Error(err)
	}
	if !f.sig.Valid([]byte("key")) || f.sig.Valid([]byte("other")) || !strings.HasPrefix(f.calls(), `PutTaskConfigs "a b?" [{"k":"\u003cv\u003e"}]`) {
		t.Errorf("the leader got %s, signed %v", f.calls(), f.sig)
	}
	if err := c.FenceZombies(t.Context(), s.Addresses()[0], "a", key); err != nil || !f.sig.Valid([]byte("key")) {
		t.Errorf("fencing: %v, signed %v", err, f.sig)
	}
	f.set(0, "", herder.Errorf(herder.Forbidden, "no"))
	if err := c.FenceZombies(t.Context(), s.Addresses()[0], "a", key); herder.KindOf(err) != herder.Forbidden || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	f.set(0, "", nil)
	if err := c.FenceZombies(t.Context(), s.Addresses()[0], "a", herder.SessionKey{}); err != nil || f.sig != nil {
		t.Errorf("without a key: %v, signed %v", err, f.sig)
	}
}

// sigHerder keeps the last signature.
type sigHerder struct {
	*fake
	sig *herder.Signature
}

func (f *sigHerder) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string, sig *herder.Signature) error {
	f.sig = sig
	return f.fake.PutTaskConfigs(ctx, name, configs, sig)
}

func (f *sigHerder) FenceZombies(ctx context.Context, name string, sig *herder.Signature) error {
	f.sig = sig
	return f.fake.FenceZombies(ctx, name, sig)
}
