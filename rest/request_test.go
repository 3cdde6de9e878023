package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err     error
		status  int
		message string
	}{
		{herder.ErrNotFound("a"), 404, "Connector a not found"},
		{herder.Errorf(herder.Exists, "Connector a already exists"), 409, "Connector a already exists"},
		{herder.Errorf(herder.Conflict, "rebalancing"), 409, "rebalancing"},
		{herder.Errorf(herder.BadRequest, "odd"), 400, "odd"},
		{herder.Errorf(herder.BadConfig, "wrong"), 400, "wrong"},
		{herder.Errorf(herder.Forbidden, "no"), 403, "no"},
		{herder.Errorf(herder.Unavailable, "starting"), 503, "starting"},
		{herder.Errorf(herder.Timeout, "slow"), 500, "slow"},
		{herder.Errorf(herder.Unauthorised, "who"), 401, "who"},
		{herder.Errorf(herder.Internal, "broken"), 500, "broken"},
		{fmt.Errorf("telling the user: %w", herder.Errorf(herder.NotFound, "gone")), 404, "gone"},
		{errors.New("something"), 500, "something"},
		{context.DeadlineExceeded, 500, "Request timed out"},
		{fmt.Errorf("asking: %w", context.Canceled), 500, "Request interrupted"},
		{errNoResource, 404, "HTTP 404 Not Found"},
		{&httpError{status: 415}, 415, "HTTP 415 Unsupported Media Type"},
	} {
		if status, message := describe(c.err); status != c.status || message != c.message {
			t.Errorf("%v: got %d %q, want %d %q", c.err, status, message, c.status, c.message)
		}
	}
}

// Statuses of what Java's server was asked besides the golden requests.
func TestProtocol(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	notFound := herder.Errorf(herder.NotFound, "gone")
	for _, c := range []struct {
		line    string
		headers []string
		status  int
		message string // part of it
		asked   string
	}{
		{"GET /connectors/src/", nil, 404, "gone", `Connector "src"`},
		{"GET /connectors/a;b=c", nil, 404, "gone", `Connector "a"`},
		{"GET /connectors/a+b", nil, 404, "gone", `Connector "a+b"`},
		{"GET /connectors/a%20b%3Fc", nil, 404, "gone", `Connector "a b?c"`},
		{"GET /connectors/%C3%A9/status", nil, 404, "gone", `ConnectorStatus "é"`},
		{"GET /connectors/src/progress", nil, 404, "gone", `ConnectorProgress "src"`},
		{`POST /connectors/src/signals {"id":"1","type":"log","data":{"message":"m"}}`, nil, 404, "gone", `SendSignal "src" {"id":"1","type":"log","data":{"message":"m"}}`},
		{`POST /connectors/src/signals {"type":1}`, nil, 400, "but type is of another type", ""},
		{`POST /connectors/src/signals {"typ":"log"}`, nil, 400, "unknown field", ""},
		{"POST /connectors/src/signals", nil, 400, "The request has no body", ""},
		{"GET /connectors/src/signals", nil, 405, "HTTP 405 Method Not Allowed", ""},
		{"GET /connectors/%20/status", nil, 404, "gone", `ConnectorStatus " "`},
		{"GET /connectors/a/tasks/+0/status", nil, 404, "gone", `TaskStatus {"connector":"a","task":0}`},
		{"GET /connectors/a/tasks/-1/status", nil, 404, "gone", `TaskStatus {"connector":"a","task":-1}`},
		{"GET /connectors/a/tasks/99999999999/status", nil, 404, "HTTP 404 Not Found", ""},
		{"POST /connectors/a/tasks/x/restart", nil, 404, "HTTP 404 Not Found", ""},
		{"GET /connectors/../x", nil, 404, "HTTP 404 Not Found", ""},
		{"GET /connectors/./src", nil, 404, "HTTP 404 Not Found", ""},
		{"GET /connectors/../connectors", nil, 404, "HTTP 404 Not Found", ""},
		{"GET /connectors/src/..", nil, 404, "HTTP 404 Not Found", ""},
		{"GET /connectors/a", []string{"Accept: "}, 404, "gone", `Connector "a"`},
		{"GET /connectors/a/b/c", nil, 404, "HTTP 404 Not Found", ""},
		{"OPTIONS /nope", nil, 404, "HTTP 404 Not Found", ""},
		{"DELETE /connectors/a/config", nil, 405, "HTTP 405 Method Not Allowed", ""},
		{"POST /connectors/a/fence", nil, 405, "HTTP 405", ""},
		{"FOO /connectors", nil, 405, "HTTP 405", ""},
		{"POST / x", []string{"Content-Type: text/plain"}, 405, "HTTP 405", ""},
		{"POST /connectors {}", []string{"Content-Type: text/plain"}, 415, "HTTP 415 Unsupported Media Type", ""},
		{"POST /connectors {}", []string{"Content-Type: application/vnd.kafka+json"}, 415, "HTTP 415", ""},
		{"POST /connectors {}", []string{"Content-Type: "}, 415, "HTTP 415", ""},
		{"POST /connectors {}", []string{"Content-Type: application/json; charset=utf-8"}, 400, "config", ""},
		{"GET /connectors", []string{"Content-Type: text/plain"}, 415, "HTTP 415", ""},
		{"PUT /connectors/a/pause junk", nil, 404, "gone", `PauseConnector "a"`},
		{"GET /connectors", []string{"Accept: text/html"}, 406, "HTTP 406 Not Acceptable", ""},
		{"GET /connectors", []string{"Accept: application/*;q=0.5"}, 404, "gone", "Connectors"},
		{"GET /connectors", []string{"Accept: "}, 404, "gone", "Connectors"},
		{"GET /", []string{"Accept: text/plain"}, 406, "HTTP 406", ""},
		{"POST /connectors/a/tasks []", []string{"Content-Type: text/plain"}, 404, "gone", `PutTaskConfigs "a" [] null`},
		{"POST /connectors/a/tasks {}", nil, 400, "a list of task configurations", ""},
		{"POST /connectors/a/tasks", nil, 400, "no body", ""},
		{`POST /connectors/a/tasks [{"x":null}]`, nil, 400, "property x of task 0", ""},
		{"PUT /connectors/a/fence", []string{"X-Connect-Authorization: !!", "X-Connect-Request-Signature-Algorithm: HmacSHA256"}, 400, "Base64", ""},
		{"PUT /connectors/a/fence", []string{"X-Connect-Authorization: aaaa", "X-Connect-Request-Signature-Algorithm: foo"}, 400, "Algorithm foo not available", ""},
		{"PUT /connectors/a/fence", []string{"X-Connect-Authorization: aaaa", "X-Connect-Request-Signature-Algorithm: HmacSHA256"}, 404, "gone",
			`FenceZombies "a" {"Body":"","Algorithm":"HmacSHA256","MAC":"aaaa"}`},
		{`PUT /admin/loggers/a {"level":1}`, nil, 404, "invalid log level '1'.", ""},
		{"PUT /admin/loggers/a", nil, 400, "no body", ""},
		{`PUT /admin/loggers/a?scope=bogus {"level":"info"}`, nil, 404, "gone", `SetLoggerLevel "a" "info"`},
		{`PUT /admin/loggers/a?scope=CLUSTER {"level":"info"}`, nil, 404, "gone", `SetClusterLoggerLevel "a" "info"`},
		{"GET /connector-plugins?connectorsOnly=maybe", nil, 404, "gone", "Plugins false"},
		{"POST /connectors/a/restart?includeTasks=maybe", nil, 404, "gone", `RestartConnector "a"`},
		{"GET /connector-plugins/X/config?version=[1,2)", nil, 404, "gone", `PluginConfig "X" "[1,2)"`},
		{"GET /connector-plugins/X/config?version=latest", nil, 404, "gone", `PluginConfig "X" "latest"`},
		{"GET /connector-plugins/X/config?version=", nil, 404, "gone", `PluginConfig "X" ""`},
		{"GET /metrics", nil, 404, "HTTP 404", ""},
	} {
		f.set(0, "", notFound)
		got := ask(t, s.Addresses()[0], c.line, c.headers...)
		if got.StatusCode != c.status || !strings.Contains(got.text, c.message) || !strings.Contains(got.text, fmt.Sprintf(`"error_code":%d`, c.status)) {
			t.Errorf("%s %v: got %d %s, want %d %s", c.line, c.headers, got.StatusCode, got.text, c.status, c.message)
		}
		if f.calls() != c.asked {
			t.Errorf("%s %v: the herder was asked %q, want %q", c.line, c.headers, f.calls(), c.asked)
		}
	}
}

// What a server and a proxy before it could read in two ways is refused.
func TestAmbiguousPaths(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	for line, problem := range map[string]string{
		"GET //connectors":          "Ambiguous URI empty segment",
		"GET /connectors//":         "Ambiguous URI empty segment",
		"GET /connectors/%2e%2e/x":  "Ambiguous URI path segment",
		"GET /connectors/%2E":       "Ambiguous URI path segment",
		"GET /connectors/.%2e/x":    "Ambiguous URI path segment",
		"GET /connectors/..;/x":     "Ambiguous URI path parameter",
		"GET /connectors/a%25b":     "Ambiguous URI path encoding",
		"POST /connectors/a%2fb":    "Ambiguous URI path separator",
		"GET /connectors/a%5Cb":     "Suspicious Path Character",
		"GET /connectors/%FF":       "Bad UTF-8 encoding",
		"GET /connectors/a%00b":     "Bad Request",
		"DELETE /connectors/a%2Fb":  "",
		"PUT /connectors/a%0Ab/foo": "",
	} {
		got := ask(t, s.Addresses()[0], line)
		if got.StatusCode != 400 || !strings.Contains(got.text, problem) || (problem == "") != (got.text == "") {
			t.Errorf("%s: got %d %s, want 400 %s", line, got.StatusCode, got.text, problem)
		}
	}
	if f.calls() != "" {
		t.Errorf("the herder was asked %s", f.calls())
	}
}

func TestOptions(t *testing.T) {
	s, _ := start(t, &fake{}, nil)
	got := ask(t, s.Addresses()[0], "OPTIONS /connectors", "Accept: */*")
	if got.text != "GET, HEAD, OPTIONS, POST" || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %q of type %s", got.text, got.Header.Get("Content-Type"))
	}
	if allow := ask(t, s.Addresses()[0], "DELETE /connectors").Header.Get("Allow"); allow != "GET,HEAD,OPTIONS,POST" {
		t.Errorf("Allow: %s", allow)
	}
}

// Bad bodies are answered with 400 and a message that tells where and what,
// without the values.
func TestBodies(t *testing.T) {
	f := &fake{}
	s, log := start(t, f, func(c *Config) { c.MaxBody = 500 })
	for _, c := range []struct{ line, message string }{
		{`POST /connectors {"name":"a","config":{"k":{"s3cret":1}}}`, `the property \"k\": a value is an object or an array`},
		{`POST /connectors {"name":"a","config":["s3cret"]}`, `Expected an object with \"name\" and \"config\"`},
		{`POST /connectors {"name":["s3cret"],"config":{}}`, "an object or an array where a string is needed"},
		{`POST /connectors {"name":"a","config":{},"extra":"s3cret"}`, `unknown field \"extra\"`},
		{`POST /connectors {"name":"a","config":{},"Name":"s3cret"}`, `unknown field \"Name\"`},
		{`POST /connectors/a/signals {"id":"i","type":"s3cret","TYPE":"log"}`, `unknown field \"TYPE\"`},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":"s3cret"},"offset":null,"Partition":{"P":1}}]}`, `unknown field \"Partition\"`},
		{`POST /connectors {"name":"a","config":{}} "s3cret"`, "holds more than"},
		{`POST /connectors {"name":"a","config":{"k":"s3cret"}`, "ends too early"},
		{`POST /connectors {"name":"a","config":{"k":s3cret}}`, "not JSON: at byte 27"},
		{`POST /connectors null`, "no body"},
		{`POST /connectors "s3cret"`, "is of another type"},
		{`PUT /connectors/a/config [{"k":"s3cret"}]`, "an object of the connector's properties"},
		{`PUT /connector-plugins/a/config/validate "s3cret"`, "an object of the connector's properties"},
		{`PATCH /connectors/a/offsets {"offsets":"s3cret"}`, "offsets is of another type"},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{},"offset":{},"more":"s3cret"}]}`, `unknown field \"more\"`},
		{`PATCH /connectors/a/offsets {"x":1}`, `unknown field \"x\"`},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":1},"offset":null},null]}`, "Entry 1 of the offsets: null is given"},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":{"s3cret":1}},"offset":null}]}`, "Entry 0 of the offsets: Offsets may only contain primitive types as values, but field p contains MAP"},
		{`PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":1},"offset":{"o":["s3cret"]}}]}`, "field o contains ARRAY"},
	} {
		got := ask(t, s.Addresses()[0], c.line)
		if got.StatusCode != 400 || !strings.Contains(got.text, c.message) {
			t.Errorf("%s:\n got %d %s\nwant 400 %s", c.line, got.StatusCode, got.text, c.message)
		}
		if strings.Contains(got.text, "s3cret") {
			t.Errorf("%s: the answer repeats a value: %s", c.line, got.text)
		}
	}
	got := ask(t, s.Addresses()[0], `PUT /connectors/a/config {"k":"`+strings.Repeat("s3cret", 100)+`"}`)
	if got.StatusCode != 413 || !strings.Contains(got.text, "larger than 500 bytes") {
		t.Errorf("a body that is too large: %d %s", got.StatusCode, got.text)
	}
	if f.calls() != "" {
		t.Errorf("the herder was asked %s", f.calls())
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Error("the log repeats a value")
	}
}

func TestProperties(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	f.set(201, `{"name":"a b","config":{}}`, nil)
	got := ask(t, s.Addresses()[0], `POST /connectors {"name":" a b ","config":{"i":10,"f":1.50,"t":true,"s":"<&>","n":null},"initial_state":"Running"}`)
	want := `PutConnector {"Name":"a b","Config":{"f":"1.50","i":"10","s":"\u003c\u0026\u003e","t":"true"},"Nulls":["n"],"Target":"` +
		string(state.TargetStarted) + `","Replace":false}`
	if f.calls() != want {
		t.Errorf("asked %s\nwant  %s", f.calls(), want)
	}
	if location := got.Header.Get("Location"); location != strings.TrimSuffix(s.Addresses()[0], "/")+"/connectors/a%20b" {
		t.Errorf("Location %s", location)
	}

	f.set(200, `{"name":"x","error_count":0,"groups":[],"configs":[{"definition":null,"value":{"name":"k","value":null,"errors":[],"visible":true}}]}`, nil)
	got = ask(t, s.Addresses()[0], `PUT /connector-plugins/x/config/validate {"k":null,"l":null}`)
	if !strings.Contains(got.text, `"error_count":2`) || strings.Count(got.text, "Null value can not be supplied") != 2 || !strings.Contains(got.text, `"name":"l"`) {
		t.Errorf("validating null: %s", got.text)
	}
}

func TestHealth(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	for status, want := range map[string]int{herder.StatusHealthy: 200, herder.StatusStarting: 503, herder.StatusUnhealthy: 500} {
		f.set(0, `{"status":"`+status+`","message":"m"}`, nil)
		if got := ask(t, s.Addresses()[0], "GET /health"); got.StatusCode != want || got.text != `{"status":"`+status+`","message":"m"}` {
			t.Errorf("%s: %d %s", status, got.StatusCode, got.text)
		}
	}
	f.set(0, "", context.DeadlineExceeded)
	if got := ask(t, s.Addresses()[0], "GET /health"); got.StatusCode != 500 || !strings.Contains(got.text, `"unhealthy"`) {
		t.Errorf("no answer: %d %s", got.StatusCode, got.text)
	}
}

func TestTopicTracking(t *testing.T) {
	f := &fake{}
	off, _ := start(t, f, func(c *Config) { c.NoTopicTracking = true })
	noReset, _ := start(t, f, func(c *Config) { c.NoTopicReset = true })
	for _, c := range []struct {
		s       *Server
		line    string
		status  int
		message string
	}{
		{off, "GET /connectors/a/topics", 403, "Topic tracking is disabled."},
		{off, "PUT /connectors/a/topics/reset", 403, "Topic tracking is disabled."},
		{noReset, "GET /connectors/a/topics", 200, `{"a":{"topics":null}}`},
		{noReset, "PUT /connectors/a/topics/reset", 403, "Topic tracking reset is disabled."},
	} {
		if got := ask(t, c.s.Addresses()[0], c.line); got.StatusCode != c.status || !strings.Contains(got.text, c.message) {
			t.Errorf("%s: %d %s, want %d %s", c.line, got.StatusCode, got.text, c.status, c.message)
		}
	}
}

// A connector that is deleted while the list is made is left out.
func TestExpandOfDeleted(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	f.set(0, `["a"]`, nil)
	f.before = func(context.Context) {
		if strings.Contains(f.calls(), "Connectors") {
			f.mu.Lock()
			f.err = herder.ErrNotFound("a")
			f.mu.Unlock()
		}
	}
	if got := ask(t, s.Addresses()[0], "GET /connectors?expand=info"); got.StatusCode != 200 || got.text != "{}" {
		t.Errorf("got %d %s", got.StatusCode, got.text)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	f := &fake{before: func(context.Context) { panic("s3cret") }}
	s, log := start(t, f, nil)
	if got := ask(t, s.Addresses()[0], "GET /connectors"); got.StatusCode != http.StatusInternalServerError || strings.Contains(got.text, "s3cret") {
		t.Errorf("got %d %s", got.StatusCode, got.text)
	}
	if !strings.Contains(log.String(), "programming error") {
		t.Error("the log does not tell of it")
	}
}

// dial sends the header of a request that promises a body of ten bytes, and the
// first of them.
func dial(t *testing.T, s *Server, line string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.Addresses()[0], "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(line + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A client that promises a body and does not send it is not waited for, whether
// somebody wants to read the body or not.
func TestSlowBody(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, func(c *Config) {
		c.RequestTimeout = 50 * time.Millisecond
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	})
	for line, want := range map[string]string{
		"POST /connectors": "408 Request Timeout", "POST /nothing": "404 Not Found", "POST /": "405 Method Not Allowed", "GET /%2f": "400 Bad Request", "GET /metrics": "200 OK",
	} {
		conn := dial(t, s, line)
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 "+want) {
			t.Errorf("%s: got %q, %v", line, text, err)
		}
	}
	if f.calls() != "" {
		t.Errorf("the herder was asked %s", f.calls())
	}
}

// The body of a stranger, which nobody reads, is not waited for either.
func TestSlowStranger(t *testing.T) {
	s, _ := start(t, &fake{}, func(c *Config) {
		c.RequestTimeout = 50 * time.Millisecond
		c.Access = rules("https://login.example.com")
	})
	conn := dial(t, s, "POST /connectors")
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 401 ") {
		t.Errorf("got %q, %v", text, err)
	}
}

// A client that does not read its answer is not waited for: the answer waits for
// room in the buffers of the connection.
func TestSlowReader(t *testing.T) {
	f := &fake{}
	s, log := start(t, f, func(c *Config) { c.RequestTimeout = 50 * time.Millisecond })
	f.set(200, `["`+strings.Repeat("x", 64<<20)+`"]`, nil)
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.Addresses()[0], "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /connectors HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "uri=/connectors"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the request is still being answered")
		}
	}
}
