package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access/oidctest"
	"github.com/millrace/millrace/storage/kafka"
)

func TestPolicy(t *testing.T) {
	p, err := parsePolicy(kafka.Properties{
		"rest.access.rules":    "all, dba ,x",
		"rest.access.all.role": "read", "rest.access.all.users": "*", "rest.access.all.connectors": "public-*; a?c",
		"rest.access.dba.role": "EDIT", "rest.access.dba.users": "CN=ann,O=x; bob", "rest.access.dba.groups": "dba",
		"rest.access.x.role": "operate", "rest.access.x.groups": "ops", "rest.access.x.connectors": "*",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id                     Identity
		connector              string
		role, everywhere, some Role
	}{
		{Identity{Name: "x"}, "public-1", Read, None, Read},
		{Identity{Name: "x"}, "abc", Read, None, Read},
		{Identity{Name: "x"}, "abbc", None, None, Read},
		{Identity{Name: "x"}, "not-public-1", None, None, Read},
		{Identity{Name: "x"}, "public-\n", Read, None, Read},
		{Identity{Name: "x", Groups: []string{"ops"}}, "b", Operate, Operate, Operate},
		{Identity{Name: "x", Groups: []string{"ops", "dba"}}, "b", Edit, Edit, Edit},
		{Identity{Name: "CN=ann,O=x"}, "b", Edit, Edit, Edit},
		{Identity{Name: "dba"}, "b", None, None, Read},
		{Identity{Name: "y", Groups: []string{"bob", "*"}}, "b", None, None, Read},
	} {
		if r, e, s := p.For(c.id, c.connector), p.Everywhere(c.id), p.Somewhere(c.id); r != c.role || e != c.everywhere || s != c.some {
			t.Errorf("%+v for %q: %s, %s, %s", c.id, c.connector, r, e, s)
		}
	}
}

func TestProperties(t *testing.T) {
	good := kafka.Properties{
		"rest.access.rules": "a", "rest.access.a.role": "read", "rest.access.a.users": "x",
		"rest.oidc.issuer": "https://issuer", "rest.oidc.audience": "connect",
	}
	if c, err := New(Config{Properties: good}); err != nil || c == nil {
		t.Fatalf("%v, %v", c, err)
	}
	if c, err := New(Config{Properties: kafka.Properties{"rest.mtls.enable": "false"}}); c != nil || err != nil {
		t.Errorf("nothing is on: %v, %v", c, err)
	}
	for _, c := range []struct{ name, value, blamed string }{
		{"rest.access.rules", " ", "rest.access.a.role"},
		{"rest.access.a.role", "admin", "rest.access.a.role"},
		{"rest.access.a.role", "none", "rest.access.a.role"},
		{"rest.access.a.users", "", "rest.access.a.users"},
		{"rest.access.a.connectors", ";", "rest.access.a.connectors"},
		{"rest.access.a.user", "x", "rest.access.a.user"},
		{"rest.access.b.role", "read", "rest.access.b.role"},
		{"rest.oidc.issuer", "issuer", "rest.oidc.issuer"},
		{"rest.oidc.audience", "", "rest.oidc.audience"},
		{"rest.oidc.clock.skew.ms", "-1", "rest.oidc.clock.skew.ms"},
		{"rest.oidc.client", "x", "rest.oidc.client"},
		{"rest.oidc.ssl.truststore.location", "/no/such", "rest.oidc.ssl.truststore.location"},
		{"rest.mtls.enable", "true", "rest.mtls.enable"},
		{"connect.protocol", "compatible", "connect.protocol"},
	} {
		_, err := New(Config{Properties: good.With(kafka.Properties{c.name: c.value})})
		var wrong *kafka.PropertyError
		if !errors.As(err, &wrong) || wrong.Property != c.blamed {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
	for name, p := range map[string]kafka.Properties{
		"rules alone":        {"rest.access.rules": "a", "rest.access.a.role": "read", "rest.access.a.users": "x"},
		"a provider alone":   {"rest.oidc.issuer": "https://issuer", "rest.oidc.audience": "connect"},
		"certificates alone": {"rest.mtls.enable": "true"},
	} {
		if _, err := New(Config{Properties: p, AsksCertificates: true}); err == nil {
			t.Errorf("%s are taken", name)
		}
	}
}

func TestCertificates(t *testing.T) {
	subject, err := asn1.Marshal(pkix.Name{CommonName: "Ann.Ops", OrganizationalUnit: []string{"ops"}, Country: []string{"DE"}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := url.Parse("spiffe://cluster/ns/a")
	cert := &x509.Certificate{RawSubject: subject, DNSNames: []string{"other", "a.example"}, EmailAddresses: []string{"ann@example"}, URIs: []*url.URL{uri}}
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	for _, c := range []struct{ from, rules, want string }{
		{"", "", "CN=Ann.Ops,OU=ops,C=DE"},
		{"subject", "RULE:^CN=(.*?),OU=ops.*$/$1/L, DEFAULT", "ann.ops"},
		{"subject", "RULE:^CN=(.*?),OU=dev.*$/$1/L,RULE:^CN=([^,]*).*$/$1x/U", "ANN.OPSX"},
		{"subject", "RULE:^CN=bob$/bob/", ""},
		{"san.dns", "", "other"},
		{"san.dns", `RULE:(.*)\.example/$1/`, "a"},
		{"san.email", "", "ann@example"},
		{"san.uri", `RULE:spiffe:\/\/cluster\/ns\/(.*)/$1/`, "a"},
	} {
		certs, err := parseCertificates(kafka.Properties{mtlsName: c.from, mtlsRules: c.rules})
		if err != nil {
			t.Errorf("%s %s: %v", c.from, c.rules, err)
			continue
		}
		id, known, err := certs.identify(state)
		if id.Name != c.want || known != (c.want != "") || (err != nil) != (c.want == "") {
			t.Errorf("%s %s: %q, %v", c.from, c.rules, id.Name, err)
		}
	}
	for _, rules := range []string{"RULE:a", "RULE:(/x/", "DEFAULT DEFAULT", "default"} {
		if _, err := parseCertificates(kafka.Properties{mtlsRules: rules}); err == nil {
			t.Errorf("%s is taken", rules)
		}
	}
	unverified := &tls.ConnectionState{PeerCertificates: state.PeerCertificates}
	certs, err := parseCertificates(kafka.Properties{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*tls.ConnectionState{nil, unverified} {
		if _, known, err := certs.identify(s); known || err != nil {
			t.Errorf("a certificate that nobody has verified: %v, %v", known, err)
		}
	}
}

// A request that says nothing, or something that the worker does not take, is refused;
// a password door names its users.
func TestIdentify(t *testing.T) {
	rules := kafka.Properties{"rest.access.rules": "a", "rest.access.a.role": "read", "rest.access.a.users": "x"}
	password := func(r *http.Request) (string, bool) {
		name, word, _ := r.BasicAuth()
		return name, word == "right"
	}
	c, err := New(Config{Properties: rules, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ user, password, want string }{{"ann", "right", "ann"}, {"ann", "MARKED", ""}, {"", "", ""}} {
		r := &http.Request{Header: http.Header{}}
		if x.user != "" {
			r.SetBasicAuth(x.user, x.password)
		}
		id, err := c.Identify(t.Context(), r)
		if id.Name != x.want || (err == nil) != (x.want != "") || err != nil && herder.KindOf(err) != herder.Unauthorised {
			t.Errorf("%+v: %+v, %v", x, id, err)
		}
	}
	if r := (&http.Request{Header: http.Header{"Authorization": {"Bearer MARKED"}}}); c.Challenge() != `Basic realm="connect"` {
		t.Error(c.Challenge())
	} else if _, err := c.Identify(t.Context(), r); herder.KindOf(err) != herder.Unauthorised {
		t.Error(err)
	}
}

func FuzzMappings(f *testing.F) {
	f.Add("RULE:^CN=(.*?),.*$/$1/L,DEFAULT", "CN=a,O=b")
	f.Add(`RULE:a\/(b)/\$1$9/U`, "a/b")
	f.Fuzz(func(t *testing.T, rules, name string) {
		parsed, err := parseMappings(rules)
		if err == nil && len(parsed) == 0 {
			t.Fatal("no rule and no error")
		}
		for _, m := range parsed {
			if mapped, fits := m.apply(name); fits && mapped == "" && name != "" {
				t.Fatalf("%q becomes nobody", name)
			}
		}
	})
}

func TestNestedClaims(t *testing.T) {
	claims := map[string]any{"scope": "a b", "realm_access": map[string]any{"roles": []any{"x", 1, "y"}}, "a.b": []any{"z"}}
	for path, want := range map[string]int{"scope": 2, "realm_access.roles": 2, "a.b": 1, "realm_access": 0, "none.at.all": 0} {
		if got := texts(member(claims, path)); len(got) != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func withTokens(t *testing.T, issuer string, more kafka.Properties) *Control {
	t.Helper()
	c, err := New(Config{Logger: slog.New(slog.DiscardHandler), Properties: kafka.Properties{
		"rest.oidc.issuer": issuer, "rest.oidc.audience": "connect", "rest.access.rules": "a", "rest.access.a.role": "read", "rest.access.a.users": "*",
	}.With(more)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bearer(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// Who sends a token and hangs up keeps nobody else out.
func TestStrangersThatHangUp(t *testing.T) {
	issuer := oidctest.Start(t)
	c := withTokens(t, issuer.URL, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Identify(gone, bearer("some token")); err == nil {
		t.Error("a stranger is known")
	}
	r := bearer(issuer.Token(t, map[string]any{"sub": "ann", "aud": "connect"}))
	if _, err := c.Identify(gone, r); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if id, err := c.Identify(t.Context(), r); err != nil || id.Name != "ann" {
		t.Errorf("%v, %v", id, err)
	}
}

// Keys that come over http count for nothing when the provider's address begins
// with https, whether it names such an address itself or redirects to it.
func TestKeysOverPlainHTTP(t *testing.T) {
	keys := oidctest.Start(t)
	var answer func(w http.ResponseWriter, r *http.Request, self string)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, server.URL) })
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	t.Cleanup(server.Close)
	discovery := func(w http.ResponseWriter, self, jwks string) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":"x","token_endpoint":"x"}`, self, jwks)
	}
	trust := kafka.Properties{
		"rest.oidc.ssl.truststore.type":         "PEM",
		"rest.oidc.ssl.truststore.certificates": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
	r := bearer(keys.Token(t, map[string]any{"sub": "ann", "aud": "connect", "iss": server.URL}))
	for what, how := range map[string]func(w http.ResponseWriter, r *http.Request, self string){
		"named": func(w http.ResponseWriter, _ *http.Request, self string) { discovery(w, self, keys.URL+"/keys") },
		"redirected": func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == "/keys" {
				http.Redirect(w, r, keys.URL+"/keys", http.StatusFound)
				return
			}
			discovery(w, self, self+"/keys")
		},
		"the whole of it": func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, keys.URL+r.URL.Path, http.StatusFound)
		},
	} {
		answer = how
		if id, err := withTokens(t, server.URL, trust).Identify(t.Context(), r); herder.KindOf(err) != herder.Unavailable {
			t.Errorf("%s: %v, %v", what, id, err)
		}
	}
	answer = func(w http.ResponseWriter, r *http.Request, self string) {
		if r.URL.Path == "/keys" {
			keys.ServeHTTP(w, r)
			return
		}
		discovery(w, self, self+"/keys")
	}
	if id, err := withTokens(t, server.URL, trust).Identify(t.Context(), r); err != nil || id.Name != "ann" {
		t.Errorf("over https: %v, %v", id, err)
	}
}
