//go:build real

package security

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/rest/access/oidctest"
)

// jwtBroker is an Apache Kafka that takes signed JWTs, and ends sessions when they end.
type jwtBroker struct {
	*peer.Kafka
	address string // of the listener that wants tokens
}

func startJWTBroker(t *testing.T, keys *oidctest.Issuer) *jwtBroker {
	t.Helper()
	dir := rig.Dir(t)
	response, err := http.Get(keys.URL + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	jwks, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, jwks, 0o600); err != nil {
		t.Fatal(err)
	}
	open, controller, port := rig.FreePort(t), rig.FreePort(t), rig.FreePort(t)
	listen := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,JWT://127.0.0.1:%d", open, port)
	const oauth = "org.apache.kafka.common.security.oauthbearer."
	k, err := peer.StartKafka(t.Context(), peer.KafkaConfig{
		Home: rig.Home(t), Dir: dir, Port: open, ControllerPort: controller,
		JVM: []string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://" + file, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.files=" + file},
		Properties: map[string]string{
			"listeners":                      listen + fmt.Sprintf(",CONTROLLER://127.0.0.1:%d", controller),
			"advertised.listeners":           listen,
			"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,JWT:SASL_PLAINTEXT",

			"listener.name.jwt.sasl.enabled.mechanisms":                         "OAUTHBEARER",
			"listener.name.jwt.oauthbearer.sasl.jaas.config":                    oauth + "OAuthBearerLoginModule required;",
			"listener.name.jwt.oauthbearer.sasl.server.callback.handler.class":  oauth + "OAuthBearerValidatorCallbackHandler",
			"listener.name.jwt.oauthbearer.sasl.oauthbearer.jwks.endpoint.url":  "file://" + file,
			"listener.name.jwt.sasl.oauthbearer.jwks.endpoint.url":              "file://" + file,
			"listener.name.jwt.sasl.oauthbearer.clock.skew.seconds":             "1",
			"listener.name.jwt.oauthbearer.sasl.oauthbearer.clock.skew.seconds": "1",
			"listener.name.jwt.oauthbearer.connections.max.reauth.ms":           "60000",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	rig.KillAtEnd(t, k.Process)
	return &jwtBroker{k, fmt.Sprintf("127.0.0.1:%d", port)}
}

// Tokens that live for seconds: they are renewed while a source and a sink run, and when their source fails, or the
// clocks differ, one line says what to look at, and all goes on by itself once it is put right.
func TestTokensOnApacheKafka(t *testing.T) {
	keys := oidctest.Start(t)
	b := startJWTBroker(t, keys)
	t.Run("endpoint", func(t *testing.T) { t.Parallel(); tokensOfEndpoint(t, b, keys) })
	t.Run("file", func(t *testing.T) { t.Parallel(); tokensOfFile(t, b, keys) })
	t.Run("strimzi", func(t *testing.T) { t.Parallel(); tokensOfStrimzi(t, b, keys) })
	t.Run("clocks", func(t *testing.T) { t.Parallel(); tokensOfOtherClocks(t, b, keys) })
}

func tokensOfEndpoint(t *testing.T, b *jwtBroker, keys *oidctest.Issuer) {
	const setting = "sasl.oauthbearer.token.endpoint.url"
	e := newTokenEndpoint(t, keys, tokenLife)
	s := startStream(t, "endpoint", b.address, b.Bootstrap(), e.properties())
	_, from := s.complains(t, 0)
	began, asked := time.Now(), e.set(func(*tokenEndpoint) {})
	time.Sleep(2*tokenLife + time.Second)
	s.flows(t)
	if lines, _ := s.complains(t, from); len(lines) > 0 {
		t.Errorf("renewing tokens is told of:\n%s", strings.Join(lines, ""))
	}
	clients := 15 // at most, of which each renews its token every four seconds or so
	if n, most := e.set(func(*tokenEndpoint) {})-asked, clients*(int(time.Since(began)/(4*time.Second))+1); n > most || n < 2 {
		t.Errorf("%d tokens in %s", n, time.Since(began))
	}
	for does, says := range map[string]string{
		"down": "asking the token end point " + e.URL + "/token",
		"401":  "answered 401 Unauthorized (invalid_client): check sasl.oauthbearer.client.credentials.client.id",
	} {
		_, from := s.complains(t, 0)
		asked := e.set(func(e *tokenEndpoint) { e.does = does })
		s.says(t, from, setting, says)
		time.Sleep(tokenLife + time.Second) // all tokens end
		if n := e.set(func(e *tokenEndpoint) { e.does = "" }) - asked; n > clients*20 {
			t.Errorf("%s: it was asked %d times", does, n)
		}
		s.flows(t)
		s.noFlood(t, from, 3*clients)
	}
	s.neverFailed(t)
	s.complete(t, true)
	noSecrets(t, s.Worker)
}

// The login that Strimzi's operator sets up, over the lives of some tokens and a failure of their end point.
func tokensOfStrimzi(t *testing.T, b *jwtBroker, keys *oidctest.Issuer) {
	e := newTokenEndpoint(t, keys, tokenLife)
	s := startStream(t, "strimzi", b.address, b.Bootstrap(), map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "sasl.login.retry.backoff.max.ms": "2000",
		"sasl.login.callback.handler.class": "io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler",
		"sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required oauth.client.id="me"` +
			` oauth.token.endpoint.uri="` + e.URL + "/token?key=" + tokenQuery + `" oauth.client.secret="` + tokenSecret + `" oauth.scope="kafka" ;`,
	})
	time.Sleep(2*tokenLife + time.Second)
	s.flows(t)
	_, from := s.complains(t, 0)
	e.set(func(e *tokenEndpoint) { e.does = "401" })
	s.says(t, from, "sasl.jaas.config", "answered 401 Unauthorized (invalid_client): check the options oauth.*")
	e.set(func(e *tokenEndpoint) { e.does = "" })
	s.flows(t)
	s.neverFailed(t)
	s.complete(t, true)
	noSecrets(t, s.Worker)
}

func tokensOfFile(t *testing.T, b *jwtBroker, keys *oidctest.Issuer) {
	e := newTokenEndpoint(t, keys, tokenLife) // its tokens come by file
	file := filepath.Join(rig.Dir(t), "token")
	renew := func() {
		if err := os.WriteFile(file+".new", []byte(e.token()+"\n"), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Error(err)
		}
	}
	renew()
	stop := during(t, 2*time.Second, renew)
	s := startStream(t, "file", b.address, b.Bootstrap(), oauthProperties("file://"+file, ""))
	_, from := s.complains(t, 0)
	time.Sleep(2*tokenLife + time.Second)
	s.flows(t)
	if lines, _ := s.complains(t, from); len(lines) > 0 {
		t.Errorf("reading the file again is told of:\n%s", strings.Join(lines, ""))
	}
	_, from = s.complains(t, 0)
	stop()
	s.says(t, from, "sasl.oauthbearer.token.endpoint.url", "the access token has expired at")
	time.Sleep(2 * time.Second)
	stop = during(t, 2*time.Second, renew)
	s.flows(t)
	s.noFlood(t, from, 30)
	s.neverFailed(t)
	s.complete(t, true)
	stop()
	noSecrets(t, s.Worker)
}

// Who makes the tokens has a clock that is wrong by ten minutes. Brokers refuse them, and so tasks fail, as with Java.
func tokensOfOtherClocks(t *testing.T, b *jwtBroker, keys *oidctest.Issuer) {
	e := newTokenEndpoint(t, keys, tokenLife)
	s := startStream(t, "clocks", b.address, b.Bootstrap(), e.properties())
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		_, from := s.complains(t, 0)
		e.set(func(e *tokenEndpoint) { e.ahead = ahead })
		s.says(t, from, "sasl.oauthbearer.token.endpoint.url", "10m0s", "by this machine's clock: set the clocks")
		time.Sleep(time.Second)
		e.set(func(e *tokenEndpoint) { e.ahead = 0 })
		time.Sleep(tokenLife + time.Second) // a task may still fail with such a token as long as it lives
		rig.Eventually(t, "the tasks run again", func() error {
			_, text, err := rig.Ask(t.Context(), http.MethodGet, s.URL()+"/connectors?expand=status", "")
			if err == nil && strings.Count(string(text), `"RUNNING"`) != 4 {
				err = fmt.Errorf("%s", text)
			}
			return err
		})
		s.flows(t)
		s.noFlood(t, from, 60)
	}
	s.complete(t, false)
	noSecrets(t, s.Worker)
}
