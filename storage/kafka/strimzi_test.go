package kafka

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// quietEnvironment takes what tests may inherit out of the environment.
func quietEnvironment(t *testing.T) {
	t.Helper()
	t.Setenv("KAFKA_OPTS", "")
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OAUTH_") {
			t.Setenv(name, "")
		}
	}
}

func strimziLogin(options string) Properties {
	return Properties{"sasl.mechanism": "OAUTHBEARER", "sasl.login.callback.handler.class": strimziHandler, "sasl.jaas.config": oauthLogin + " " + options + ";"}
}

// What an end point is asked by each of the ways in which Strimzi's clients log in.
func TestStrimziGrants(t *testing.T) {
	quietEnvironment(t)
	file := t.TempDir() + "/token"
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		_ = r.ParseForm()
		asked = id + ":" + password + " " + r.PostForm.Encode()
		fmt.Fprintf(w, `{"access_token":"opaque","expires_in":600}`)
	})
	base := `oauth.token.endpoint.uri="` + url + `" oauth.client.id="me" `
	for name, c := range map[string]struct{ options, want string }{
		"client secret":       {`oauth.client.secret="s&t" oauth.scope="a b" oauth.audience="kafka"`, "me:s&t audience=kafka&grant_type=client_credentials&scope=a+b"},
		"another grant":       {`oauth.client.secret="s" oauth.client.credentials.grant.type="custom"`, "me:s grant_type=custom"},
		"refresh token":       {`oauth.refresh.token="r" oauth.client.secret="s" oauth.password.grant.username="u"`, "me:s client_id=me&grant_type=refresh_token&refresh_token=r"},
		"of a public client":  {`oauth.refresh.token.location="` + file + `"`, ": client_id=me&grant_type=refresh_token&refresh_token=from-file"},
		"password":            {`oauth.password.grant.username="u" oauth.password.grant.password="p" oauth.client.secret="s"`, "me:s grant_type=password&password=p&username=u"},
		"password alone":      {`oauth.password.grant.username="u" oauth.password.grant.password="p"`, "me: grant_type=password&password=p&username=u"},
		"assertion":           {`oauth.client.assertion="j"`, ": client_assertion=j&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=me&grant_type=client_credentials"},
		"assertion in a file": {`oauth.client.assertion="j" oauth.client.assertion.location="` + file + `" oauth.client.assertion.type="x"`, ": client_assertion=from-file&client_assertion_type=x&client_id=me&grant_type=client_credentials"},
	} {
		cfg, err := saslConfig(t, strimziLogin(base+c.options+` oauth.sasl.extension.pool="p1"`))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		token, err := cfg.Net.SASL.TokenProvider.Token()
		if err != nil || token.Token != "opaque" || token.Extensions["pool"] != "p1" || asked != c.want {
			t.Errorf("%s: %+v %v\nasked %s\nwant  %s", name, token, err, asked, c.want)
		}
	}
}

func TestStrimziTokensThatAreGiven(t *testing.T) {
	quietEnvironment(t)
	file := t.TempDir() + "/token"
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for options, want := range map[string]string{`oauth.access.token="` + text + `"`: text, `oauth.access.token="x" oauth.access.token.location="` + file + `"`: text} {
			cfg, err := saslConfig(t, strimziLogin(options))
			if err != nil {
				t.Fatal(err)
			}
			if token, err := cfg.Net.SASL.TokenProvider.Token(); err != nil || token.Token != want {
				t.Errorf("%s: %v %v", options, token, err)
			}
		}
	}
	expired := claims(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	cfg, err := saslConfig(t, strimziLogin(`oauth.access.token="`+expired+`"`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Net.SASL.TokenProvider.Token(); err == nil || !strings.Contains(err.Error(), "has expired") || strings.Contains(err.Error(), expired) {
		t.Errorf("an expired token: %v", err)
	}
}

// The environment is asked only where the login module says nothing: otherwise its
// secrets would go wherever a connector wants them.
func TestStrimziEnvironment(t *testing.T) {
	quietEnvironment(t)
	secret := ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ = r.BasicAuth()
		fmt.Fprint(w, `{"access_token":"t","expires_in":600}`)
	})
	t.Setenv("OAUTH_TOKEN_ENDPOINT_URI", url)
	t.Setenv("OAUTH_CLIENT_ID", "me")
	t.Setenv("OAUTH_CLIENT_SECRET", "of the environment")
	cfg, err := saslConfig(t, strimziLogin(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Net.SASL.TokenProvider.Token(); err != nil || secret != "of the environment" {
		t.Errorf("asked with %q: %v", secret, err)
	}
	if _, err := saslConfig(t, strimziLogin(`oauth.token.endpoint.uri="http://evil" oauth.client.id="x"`)); err == nil || !strings.Contains(err.Error(), "oauth.client.secret is missing") {
		t.Errorf("a secret for somebody else: %v", err)
	}
}

func TestStrimziTLS(t *testing.T) {
	quietEnvironment(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"access_token":"t","expires_in":600}`) }))
	t.Cleanup(s.Close)
	ca := t.TempDir() + "/ca.crt"
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	base := `oauth.token.endpoint.uri="` + s.URL + `" oauth.client.id="me" oauth.client.secret="hunter2" `
	for options, want := range map[string]string{
		`oauth.ssl.truststore.type="PEM" oauth.ssl.truststore.location="` + ca + `"`: "",
		"": "certificate",
	} {
		cfg, err := saslConfig(t, strimziLogin(base+options).With(Properties{"sasl.login.retry.backoff.max.ms": "3000"}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = cfg.Net.SASL.TokenProvider.Token()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", options, err, want)
		}
	}
}

func TestStrimziRefusals(t *testing.T) {
	quietEnvironment(t)
	const base = `oauth.token.endpoint.uri="https://idp/token" oauth.client.id="me" `
	for options, want := range map[string]string{
		"":                             "oauth.token.endpoint.uri must be the URL",
		`oauth.token.endpoint.uri="x"`: "oauth.token.endpoint.uri must be the URL",
		`oauth.token.endpoint.uri="https://idp/hunter2" oauth.client.secret="hunter2"`: "oauth.client.id is missing",
		base: "oauth.client.secret is missing",
		base + `oauth.password.grant.username="u"`:                                                "oauth.password.grant.password is missing",
		base + `oauth.client.secret="hunter2" oauth.max.token.expiry.seconds="59"`:                "must be at least 60",
		base + `oauth.client.secret="hunter2" oauth.read.timeout.seconds="soon"`:                  "not a number of seconds",
		base + `oauth.client.secret="hunter2" oauth.ssl.truststore.location="/nowhere/store.p12"`: "oauth.ssl.truststore.location: open /nowhere/store.p12",
	} {
		_, err := saslConfig(t, strimziLogin(options))
		if err == nil || !strings.HasPrefix(err.Error(), "sasl.jaas.config: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", options, err, want)
		}
	}
}

// An end point that redirects gets no second request: it would hold the secret.
func TestTokenEndpointsDoNotRedirect(t *testing.T) {
	quietEnvironment(t)
	followed := false
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		followed = true
		fmt.Fprint(w, `{"access_token":"t","expires_in":600}`)
	})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) })
	for _, p := range []Properties{
		strimziLogin(`oauth.token.endpoint.uri="` + url + `" oauth.client.id="me" oauth.refresh.token="hunter2"`),
		{"sasl.mechanism": "OAUTHBEARER", "sasl.login.callback.handler.class": oauthHandler, tokenEndpoint: url, "sasl.jaas.config": oauthLogin + ` clientId="me" clientSecret="hunter2";`},
	} {
		cfg, err := saslConfig(t, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cfg.Net.SASL.TokenProvider.Token(); followed || err == nil || !strings.Contains(err.Error(), "it redirects") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("followed: %v, %v", followed, err)
		}
	}
}
