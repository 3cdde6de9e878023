package rest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
	"github.com/millrace/millrace/rest/access/oidctest"
	"github.com/millrace/millrace/storage/kafka"
)

// rules for one user of each role; nobody has none.
func rules(issuer string) kafka.Properties {
	return kafka.Properties{
		"rest.oidc.issuer": issuer, "rest.oidc.audience": "connect",
		"rest.access.rules":       "r,o,e,team",
		"rest.access.r.role":      "read",
		"rest.access.r.users":     "reader",
		"rest.access.o.role":      "operate",
		"rest.access.o.users":     "operator",
		"rest.access.e.role":      "edit",
		"rest.access.e.users":     "editor",
		"rest.access.team.role":   "edit",
		"rest.access.team.groups": "team", "rest.access.team.connectors": "team-*",
	}
}

// needed is the least role by method and path, of every route that there is.
var needed = map[string]string{
	"GET /": "reader", "GET /health": "", "GET /connectors": "reader", "POST /connectors": "editor",
	"GET /connectors/{connector}": "reader", "DELETE /connectors/{connector}": "editor",
	"GET /connectors/{connector}/config": "reader", "PUT /connectors/{connector}/config": "editor", "PATCH /connectors/{connector}/config": "editor",
	"GET /connectors/{connector}/status": "reader", "GET /connectors/{connector}/progress": "reader", "POST /connectors/{connector}/signals": "editor",
	"POST /connectors/{connector}/restart": "operator", "PUT /connectors/{connector}/pause": "operator",
	"PUT /connectors/{connector}/resume": "operator", "PUT /connectors/{connector}/stop": "operator",
	"GET /connectors/{connector}/tasks": "reader", "POST /connectors/{connector}/tasks": "a worker",
	"GET /connectors/{connector}/tasks/{task}/status": "reader", "POST /connectors/{connector}/tasks/{task}/restart": "operator",
	"GET /connectors/{connector}/topics": "reader", "PUT /connectors/{connector}/topics/reset": "operator",
	"GET /connectors/{connector}/offsets": "reader", "PATCH /connectors/{connector}/offsets": "editor", "DELETE /connectors/{connector}/offsets": "editor",
	"PUT /connectors/{connector}/fence": "a worker",
	"GET /connector-plugins":            "reader", "GET /connector-plugins/{plugin}/config": "reader", "PUT /connector-plugins/{plugin}/config/validate": "editor",
	"GET /admin/loggers": "reader", "GET /admin/loggers/{logger}": "reader", "PUT /admin/loggers/{logger}": "editor",
	"GET /metrics": "reader",
}

// bodies that handlers take, where it must not be {}.
var bodies = map[string]string{
	"POST /connectors": `{"name":"c","config":{}}`, "PATCH /connectors/{connector}/offsets": `{"offsets":[{"partition":{"p":1},"offset":null}]}`,
	"PUT /admin/loggers/{logger}": `{"level":"INFO"}`, "POST /connectors/{connector}/tasks": "[]",
}

// Every route takes a role: none of them is missing from the table, and each lets in
// who has the role and nobody else.
func TestRolesOfAllRoutes(t *testing.T) {
	issuer := oidctest.Start(t)
	f := &fake{}
	key := herder.SessionKey{Key: []byte("0123456789abcdef"), Algorithm: "HmacSHA256"}
	s, _ := start(t, f, func(c *Config) {
		c.Access, c.SessionKey = rules(issuer.URL), func() herder.SessionKey { return key }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	})
	tokens := map[string]string{}
	for _, user := range []string{"nobody", "reader", "operator", "editor"} {
		tokens[user] = issuer.Token(t, map[string]any{"sub": user, "aud": "connect"})
	}
	seen := map[string]bool{"GET /metrics": true}
	for _, r := range append(s.api(), s.adminAPI()...) {
		for method, op := range r.methods {
			seen[method+" "+r.path] = true
			if op.need == (need{}) {
				t.Errorf("%s %s takes no role", method, r.path)
			}
		}
	}
	for line := range seen {
		role, known := needed[line]
		if !known {
			t.Errorf("%s is in no table of roles", line)
		}
		for _, user := range []string{"", "nobody", "reader", "operator", "editor"} {
			want := map[bool]int{true: 200, false: 403}[allows(role, user)]
			if want == 403 && user == "" && role != "a worker" {
				want = 401
			}
			f.set(200, map[string]string{"GET /connectors": "[]", "GET /health": `{"status":"healthy"}`, "GET /connector-plugins": "[]", "GET /connector-plugins/{plugin}/config": "[]", "PUT /admin/loggers/{logger}": "[]"}[line], nil)
			got := send(t, s, tokens[user], line)
			if strings.HasPrefix(line, "POST /connectors/{connector}/tasks") && role == "a worker" || strings.HasSuffix(line, "/fence") {
				if got.StatusCode >= 400 { // the herder, who knows of signatures, has let it pass
					t.Errorf("%s: %d %s", line, got.StatusCode, got.text)
				}
				continue
			}
			if allowed := got.StatusCode < 400; allowed != (want == 200) || !allowed && got.StatusCode != want {
				t.Errorf("%s as %q: %d %s, want %d", line, user, got.StatusCode, got.text, want)
			}
			if want != 200 && f.calls() != "" {
				t.Errorf("%s as %q: the herder was asked %s", line, user, f.calls())
			}
			if want != 200 && !strings.HasPrefix(got.text, fmt.Sprintf(`{"error_code":%d,"message":"`, want)) {
				t.Errorf("%s as %q: not Java's form of an error: %s", line, user, got.text)
			}
		}
	}
}

func allows(role, user string) bool {
	order := []string{"reader", "operator", "editor"}
	if role == "" {
		return true
	}
	at := func(name string) int {
		for i, o := range order {
			if o == name {
				return i
			}
		}
		return -1
	}
	return at(user) >= at(role) && at(user) >= 0
}

func send(t *testing.T, s *Server, token, line string) reply {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	path = strings.NewReplacer("{connector}", "c", "{task}", "0", "{plugin}", "P", "{logger}", "l").Replace(path)
	body := ""
	if method != http.MethodGet && method != http.MethodDelete {
		if body = bodies[line]; body == "" {
			body = "{}"
		}
	}
	var header []string
	if token != "" {
		header = append(header, "Authorization: Bearer "+token)
	}
	return ask(t, s.Addresses()[0], strings.TrimSpace(method+" "+path+" "+body), header...)
}

func TestTokens(t *testing.T) {
	issuer := oidctest.Start(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	s, log := start(t, f, func(c *Config) { c.Access = rules(issuer.URL) })
	now := time.Now()
	claims := func(more map[string]any) map[string]any {
		all := map[string]any{"sub": "reader", "aud": "connect"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	plain, err := json.Marshal(claims(map[string]any{"iss": issuer.URL, "exp": now.Add(time.Hour).Unix()}))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	none := encode([]byte(`{"alg":"none"}`)) + "." + encode(plain) + "."
	for _, c := range []struct {
		what, token string
		status      int
		says        string
	}{
		{"a good one", issuer.Token(t, claims(nil)), 200, ""},
		{"one of several audiences", issuer.Token(t, claims(map[string]any{"aud": []string{"x", "connect"}})), 200, ""},
		{"another audience", issuer.Token(t, claims(map[string]any{"aud": "other"})), 401, "rest.oidc.audience"},
		{"expired within the tolerance", issuer.Token(t, claims(map[string]any{"exp": now.Add(-30 * time.Second).Unix()})), 200, ""},
		{"expired", issuer.Token(t, claims(map[string]any{"exp": now.Add(-10 * time.Minute).Unix()})), 401, "expired"},
		{"without an end", issuer.Token(t, claims(map[string]any{"exp": nil})), 401, "expired"},
		{"not valid yet", issuer.Token(t, claims(map[string]any{"nbf": now.Add(10 * time.Minute).Unix()})), 401, "not valid yet"},
		{"another issuer", issuer.Token(t, claims(map[string]any{"iss": "https://elsewhere"})), 401, "rest.oidc.issuer"},
		{"without the user's claim", issuer.Token(t, claims(map[string]any{"sub": nil})), 401, "rest.oidc.user.claim"},
		{"an unknown key", oidctest.Sign(t, stranger, "unknown", claims(map[string]any{"iss": issuer.URL, "exp": now.Add(time.Hour).Unix()})), 401, "fits no key"},
		{"a forged key of a known name", oidctest.Sign(t, stranger, issuer.KeyID(), claims(map[string]any{"iss": issuer.URL, "exp": now.Add(time.Hour).Unix()})), 401, "fits no key"},
		{"no signature", none, 401, "not signed with a key of the provider"},
		{"a shared secret", oidctest.SignHMAC(t, issuer.PublicPEM(t), claims(map[string]any{"iss": issuer.URL, "exp": now.Add(time.Hour).Unix()})), 401, "not signed with a key of the provider"},
		{"no JWT", "MARKED-token", 401, "not a JWT"},
	} {
		f.set(200, "[]", nil)
		got := ask(t, s.Addresses()[0], "GET /connectors", "Authorization: Bearer "+c.token)
		if got.StatusCode != c.status || !strings.Contains(got.text, c.says) {
			t.Errorf("%s: %d %s", c.what, got.StatusCode, got.text)
		}
		if got.StatusCode == 401 && got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", c.what)
		}
		if strings.Contains(got.text, c.token) || strings.Contains(log.String(), c.token) {
			t.Errorf("%s: the token shows", c.what)
		}
	}
}

// A provider may change its keys, and may be out of reach for a while.
func TestKeysOfTheProvider(t *testing.T) {
	issuer := oidctest.Start(t)
	f := &fake{}
	s, log := start(t, f, func(c *Config) { c.Access = rules(issuer.URL) })
	get := func() int {
		f.set(200, "[]", nil)
		return ask(t, s.Addresses()[0], "GET /connectors", "Authorization: Bearer "+issuer.Token(t, map[string]any{"sub": "reader", "aud": "connect"})).StatusCode
	}
	eventually := func(what string, want int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); get() != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: no status %d", what, want)
			}
		}
	}
	issuer.Down(true)
	if got := get(); got != 503 {
		t.Errorf("without the provider: %d", got)
	}
	issuer.Down(false)
	eventually("the provider is back", 200)
	issuer.Rotate(t)
	eventually("a new key", 200)
	asked := issuer.Asked()
	for range 20 {
		ask(t, s.Addresses()[0], "GET /connectors", "Authorization: Bearer "+oidctest.Sign(t, issuer.Key(), "unknown", map[string]any{"iss": issuer.URL}))
	}
	if more := issuer.Asked() - asked; more > 3 {
		t.Errorf("20 unknown keys made the worker ask %d times", more)
	}
	if !strings.Contains(log.String(), "OpenID provider") {
		t.Error("the log does not say that the provider was out of reach")
	}
}

// Who has a role for some connectors sees those, and creates or checks no others,
// whatever the body calls them.
func TestPatterns(t *testing.T) {
	issuer := oidctest.Start(t)
	f := &fake{}
	s, _ := start(t, f, func(c *Config) { c.Access = rules(issuer.URL) })
	token := "Authorization: Bearer " + issuer.Token(t, map[string]any{"sub": "x", "aud": "connect", "groups": []string{"team"}})
	for _, c := range []struct {
		line, result string
		status       int
	}{
		{`POST /connectors {"name":"team-a","config":{}}`, `{"name":"team-a","config":{},"tasks":[],"type":"sink"}`, 201},
		{`POST /connectors {"name":"b","config":{}}`, "{}", 403},
		{`POST /connectors {"name":"team-a","config":{},"NAME":"b"}`, "{}", 400},
		{`POST /connectors {"name":"team-a","config":{},"name":"b"}`, "{}", 403},
		{`PUT /connectors/team-a/config {"name":"b"}`, `{"name":"team-a","config":{},"tasks":[],"type":"sink"}`, 200},
		{`PUT /connectors/b/config {"name":"team-a"}`, "{}", 403},
		{"PUT /connectors/xteam-a/pause {}", "", 403},
		{"DELETE /connectors/team-%20x", "", 204},
		{`PUT /connector-plugins/P/config/validate {"name":"b"}`, "{}", 403},
		{`PUT /connector-plugins/P/config/validate {"name":"team-b"}`, `{"name":"P","error_count":0,"groups":[],"configs":[]}`, 200},
		{"GET /admin/loggers", "{}", 403},
	} {
		f.set(c.status, c.result, nil)
		if got := ask(t, s.Addresses()[0], c.line, token); got.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.line, got.StatusCode, got.text, c.status)
		}
	}
	f.set(200, `["a","team-a","team-b","xteam-"]`, nil)
	if got := ask(t, s.Addresses()[0], "GET /connectors", token); got.text != `["team-a","team-b"]` {
		t.Errorf("the list is %s", got.text)
	}
}

// The worker that a request is forwarded to knows who has made it, by the signature
// of the first.
func TestForwardedIdentity(t *testing.T) {
	issuer := oidctest.Start(t)
	key := herder.SessionKey{Key: []byte("0123456789abcdef"), Algorithm: "HmacSHA256"}
	leader, follower := &fake{}, &fake{}
	audits := &logText{}
	with := func(c *Config) {
		c.Access, c.SessionKey = rules(issuer.URL), func() herder.SessionKey { return key }
		c.Audit = slog.New(slog.NewTextHandler(audits, nil))
	}
	a, _ := start(t, follower, with)
	b, _ := start(t, leader, with)
	follower.err = &herder.NotTarget{URL: b.Addresses()[0]}
	editor := "Authorization: Bearer " + issuer.Token(t, map[string]any{"sub": "editor", "aud": "connect"})
	leader.set(201, `{"name":"a b","config":{},"tasks":[],"type":"source"}`, nil)
	if got := ask(t, a.Addresses()[0], `POST /connectors {"name":"a b","config":{"password":"MARKED"}}`, editor); got.StatusCode != 201 {
		t.Errorf("forwarded: %d %s", got.StatusCode, got.text)
	}
	leader.set(200, "", nil)
	if got := ask(t, a.Addresses()[0], "PUT /connectors/a%20b/stop?x=%20y", editor); got.StatusCode != 204 {
		t.Errorf("forwarded: %d %s", got.StatusCode, got.text)
	}
	if n := strings.Count(audits.String(), "msg=change"); n != 2 || !strings.Contains(audits.String(), `user=editor`) ||
		!strings.Contains(audits.String(), `connector="a b" result=done status=201 forwarded=true`) || strings.Contains(audits.String(), "MARKED") {
		t.Errorf("the audit log is\n%s", audits)
	}
	// A header of a stranger, or of another request, is worth nothing.
	forged := http.Header{}
	if err := access.Vouch(forged, access.Identity{Name: "editor"}, "PUT", "/connectors/c/stop?forward=true", nil, key, time.Now()); err != nil {
		t.Fatal(err)
	}
	lines := func(h http.Header) (out []string) {
		for name, values := range h {
			out = append(out, name+": "+values[0])
		}
		return out
	}
	for line, status := range map[string]int{"PUT /connectors/c/stop?forward=true": 204, "PUT /connectors/d/stop?forward=true": 401, "DELETE /connectors/c": 401, "PUT /connectors/c/stop?forward=true {}": 401} {
		if got := ask(t, b.Addresses()[0], line, lines(forged)...); got.StatusCode != status {
			t.Errorf("%s with the signature of another request: %d %s, want %d", line, got.StatusCode, got.text, status)
		}
	}
	old := http.Header{}
	if err := access.Vouch(old, access.Identity{Name: "editor"}, "PUT", "/connectors/c/stop", nil, key, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, b.Addresses()[0], "PUT /connectors/c/stop", lines(old)...); got.StatusCode != 401 {
		t.Errorf("an old signature: %d", got.StatusCode)
	}
	key = herder.SessionKey{}
	if got := ask(t, a.Addresses()[0], "PUT /connectors/c/stop", editor); got.StatusCode != 503 {
		t.Errorf("without a session key: %d %s", got.StatusCode, got.text)
	}
	if got := ask(t, b.Addresses()[0], "POST /connectors/c/tasks []"); got.StatusCode != 503 {
		t.Errorf("a request between workers without a session key: %d %s", got.StatusCode, got.text)
	}
}

// Workers read a new session key one after the other: meanwhile no user is taken for a stranger.
func TestForwardedIdentityWhileTheKeyChanges(t *testing.T) {
	issuer := oidctest.Start(t)
	key := func(text string) herder.SessionKey {
		return herder.SessionKey{Key: []byte(text), Algorithm: "HmacSHA256"}
	}
	for what, late := range map[string]struct{ follower, leader int32 }{"the follower": {1, 0}, "the leader": {0, 1}} {
		with := func(old int32) func(c *Config) {
			var left atomic.Int32
			left.Store(old)
			return func(c *Config) {
				c.Access, c.SessionKey = rules(issuer.URL), func() herder.SessionKey {
					if left.Add(-1) >= 0 {
						return key("old")
					}
					return key("new")
				}
			}
		}
		leader := &fake{}
		b, _ := start(t, leader, with(late.leader))
		a, _ := start(t, &fake{err: &herder.NotTarget{URL: b.Addresses()[0]}}, with(late.follower))
		got := ask(t, a.Addresses()[0], "PUT /connectors/c/stop", "Authorization: Bearer "+issuer.Token(t, map[string]any{"sub": "editor", "aud": "connect"}))
		if got.StatusCode != http.StatusNoContent || strings.Count(leader.calls(), "StopConnector") != 1 {
			t.Errorf("%s is late: %d %s, the leader was asked %s", what, got.StatusCode, got.text, leader.calls())
		}
	}
}

// Changes are written down: by whom, what and with which result, refusals too.
func TestAudit(t *testing.T) {
	issuer := oidctest.Start(t)
	f, audits := &fake{}, &logText{}
	s, _ := start(t, f, func(c *Config) {
		c.Access, c.Audit = rules(issuer.URL), slog.New(slog.NewTextHandler(audits, nil))
	})
	for _, c := range []struct{ user, line, want string }{
		{"editor", "DELETE /connectors/c", `level=INFO msg=change user=editor client=`},
		{"editor", "DELETE /connectors/c?forward=true", `connector=c result=done status=204`},
		{"reader", "DELETE /connectors/c", `connector=c result=denied status=403`},
		{"outsider", `POST /connectors {"name":"n","config":{}}`, `method=POST path=/connectors connector=n result=denied status=403`},
		{"outsider", `PUT /connector-plugins/P/config/validate {"name":"n"}`, `method=PUT path=/connector-plugins/P/config/validate connector=n result=denied status=403`},
		{"", "GET /connectors", `level=WARN msg=request user="" client=`},
		{"reader", "GET /connectors", ""},
		{"editor", `PUT /connector-plugins/P/config/validate {}`, ""},
		{"operator", "PUT /connectors/c/pause", `method=PUT path=/connectors/c/pause connector=c result=done status=202`},
	} {
		audits.reset()
		f.set(200, map[string]string{"GET": "[]"}[c.line[:3]], nil)
		var header []string
		if c.user != "" {
			groups := map[bool][]string{true: {"team"}}[c.user == "outsider"] // who may edit team-*
			header = append(header, "Authorization: Bearer "+issuer.Token(t, map[string]any{"sub": c.user, "aud": "connect", "groups": groups}))
		}
		ask(t, s.Addresses()[0], c.line, header...)
		if got := audits.String(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") || strings.Contains(got, "Bearer") {
			t.Errorf("%s as %q: %s", c.line, c.user, got)
		}
	}
	f.err = herder.ErrNotFound("c")
	audits.reset()
	ask(t, s.Addresses()[0], "DELETE /connectors/c", "Authorization: Bearer "+issuer.Token(t, map[string]any{"sub": "editor", "aud": "connect"}))
	if got := audits.String(); !strings.Contains(got, "result=failed status=404") {
		t.Errorf("a failure: %s", got)
	}
}
