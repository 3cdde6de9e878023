package kafka

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func saslConfig(t *testing.T, p Properties) (*sarama.Config, error) {
	t.Helper()
	base := Properties{"bootstrap.servers": "b-1.demo.x1y2z3.c4.kafka.eu-west-1.amazonaws.com:9098", "security.protocol": "SASL_PLAINTEXT"}
	s, err := ParseSettings(RoleAdmin, base.With(p))
	if err != nil {
		return nil, err
	}
	c := s.Sarama()
	return c, c.Validate()
}

const oauthLogin = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"

// tokenServer issues tokens that expire after the given time, and counts them.
func tokenServer(t *testing.T, life time.Duration, issued *int) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		if id != "me" || password != "s3cret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		*issued++
		claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(life).Unix()))
		fmt.Fprintf(w, `{"access_token":"h.%s.s%d","expires_in":%d}`, claims, *issued, int(life.Seconds()))
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

// claims is a JWT that says when it was issued and expires.
func claims(t *testing.T, issued, expires time.Time) string {
	t.Helper()
	return "h." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"exp":%d}`, issued.Unix(), expires.Unix())) + ".s"
}

func TestOAuthTokens(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, 10 * time.Second} {
		issued := 0
		c, err := saslConfig(t, Properties{
			"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url": tokenServer(t, life, &issued),
			"sasl.login.callback.handler.class": oauthHandler,
			"sasl.jaas.config":                  oauthLogin + ` clientId="me" clientSecret="s3cret" scope="a b" extension_logicalCluster="lkc-1";`,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			token, err := c.Net.SASL.TokenProvider.Token()
			if err != nil || !strings.HasPrefix(token.Token, "h.") || token.Extensions["logicalCluster"] != "lkc-1" {
				t.Fatalf("token %+v %v", token, err)
			}
		}
		if issued != 1 {
			t.Errorf("tokens valid for %s: %d were fetched for three logins", life, issued)
		}
	}
}

func TestOAuthRefusal(t *testing.T) {
	issued := 0
	c, err := saslConfig(t, Properties{
		"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url": tokenServer(t, time.Hour, &issued),
		"sasl.login.callback.handler.class":                 oauthHandler,
		"sasl.oauthbearer.client.credentials.client.id":     "me",
		"sasl.oauthbearer.client.credentials.client.secret": "hunter2",
		"sasl.jaas.config":                                  oauthLogin + ";",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Net.SASL.TokenProvider.Token()
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a refused secret: %v", err)
	}
}

func TestOtherTokens(t *testing.T) {
	path := t.TempDir() + "/token"
	if err := os.WriteFile(path, []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p    Properties
		want string
	}{
		"file": {Properties{"sasl.oauthbearer.token.endpoint.url": "file://" + path, "sasl.login.callback.handler.class": oauthHandler, "sasl.jaas.config": oauthLogin + ";"}, "a.b.c"},
		// {"alg":"none"} and no signature
		"unsecured": {Properties{"sasl.jaas.config": oauthLogin + ` unsecuredLoginStringClaim_sub="alice";`}, "eyJhbGciOiJub25lIn0."},
	} {
		cfg, err := saslConfig(t, Properties{"sasl.mechanism": "OAUTHBEARER"}.With(c.p))
		if err != nil {
			t.Fatal(err)
		}
		token, err := cfg.Net.SASL.TokenProvider.Token()
		if err != nil || !strings.HasPrefix(token.Token, c.want) {
			t.Errorf("%s: %v %v", name, token, err)
		}
	}
}

func TestSASLRefusals(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	plain := `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hunter2";`
	for want, p := range map[string]Properties{
		"sasl.jaas.config: is missing":                                 {"sasl.mechanism": "PLAIN"},
		"sasl.mechanism: \"MD5\"":                                      {"sasl.mechanism": "MD5", "sasl.jaas.config": plain},
		"does not fit the mechanism":                                   {"sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": plain},
		"contains 2 login modules":                                     {"sasl.mechanism": "PLAIN", "sasl.jaas.config": plain + plain},
		"username and password":                                        {"sasl.mechanism": "PLAIN", "sasl.jaas.config": strings.Replace(plain, `username="u"`, "", 1)},
		"sasl.login.class":                                             {"sasl.mechanism": "PLAIN", "sasl.jaas.config": plain, "sasl.login.class": "com.me.L"},
		"sasl.login.callback.handler.class: com.me.H":                  {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": oauthLogin + ";", "sasl.login.callback.handler.class": "com.me.H"},
		"unsecuredLoginStringClaim_sub":                                {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": oauthLogin + ";"},
		"clientId and clientSecret":                                    {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": oauthLogin + ";", "sasl.oauthbearer.token.endpoint.url": "https://x"},
		"scheme \"ftp\"":                                               {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": oauthLogin + ";", "sasl.oauthbearer.token.endpoint.url": "ftp://x"},
		"AWS region":                                                   {"bootstrap.servers": "b:1", "sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": mskModule + " required;"},
		"sasl.oauthbearer.assertion.file: client assertions":           {"sasl.mechanism": "PLAIN", "sasl.jaas.config": plain, "sasl.oauthbearer.assertion.file": "f"},
		"sasl.kerberos.service.name: is missing":                       {"sasl.jaas.config": krb5Module + " required useKeyTab=true principal=me;"},
		"sasl.kerberos.service.name: \"a\" differs from serviceName=":  {"sasl.jaas.config": krb5Module + " required useKeyTab=true principal=me serviceName=b;", "sasl.kerberos.service.name": "a"},
		"useKeyTab=true with keyTab, or useTicketCache=true":           {"sasl.jaas.config": krb5Module + " required serviceName=a;"},
		"the option principal is missing":                              {"sasl.jaas.config": krb5Module + " required useKeyTab=true serviceName=a;"},
		"delegation tokens":                                            {"sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required tokenauth="true" username="u" password="p";`},
		"sasl.jaas.config: JAAS config entry not terminated":           {"sasl.mechanism": "PLAIN", "sasl.jaas.config": strings.TrimSuffix(plain, ";")},
		"sasl.oauthbearer.token.endpoint.url: must be the URL of the ": {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": oauthLogin + ";", "sasl.oauthbearer.token.endpoint.url": "x"},
	} {
		_, err := saslConfig(t, p)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v, want one with %q and no secret", err, want)
		}
	}
}
