//go:build servers || real

package security

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/rest/access/oidctest"
)

// tokenSecret is what the clients of a tokenEndpoint know, and tokenQuery a parameter of its URL.
const (
	tokenSecret = "marked-client-secret"
	tokenQuery  = "marked-query"
)

// tokenLife is that of a token, unless a test wants another.
const tokenLife = 6 * time.Second

// tokenEndpoint gives tokens for client credentials, as the test wants.
type tokenEndpoint struct {
	*httptest.Server
	keys *oidctest.Issuer
	t    *testing.T

	mu    sync.Mutex
	does  string        // "": give tokens; "down", "garbage", or a status
	life  time.Duration // of a token
	ahead time.Duration // of its clock
	asked int
}

func newTokenEndpoint(t *testing.T, keys *oidctest.Issuer, life time.Duration) *tokenEndpoint {
	t.Helper()
	e := &tokenEndpoint{keys: keys, t: t, life: life}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// set changes what it does and returns how often it was asked.
func (e *tokenEndpoint) set(change func(*tokenEndpoint)) (asked int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
	return e.asked
}

func (e *tokenEndpoint) token() string {
	now := time.Now().Add(e.ahead)
	return e.keys.Token(e.t, map[string]any{
		"sub": "dave", "scope": "kafka", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(e.life).Unix(), "note": "marked-token",
	})
}

// properties are those of a client that fetches its tokens here.
func (e *tokenEndpoint) properties() map[string]string {
	return oauthProperties(e.URL+"/token?key="+tokenQuery, ` clientId="me" clientSecret="`+tokenSecret+`"`)
}

func oauthProperties(url, options string) map[string]string {
	return map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
		"sasl.login.callback.handler.class":   "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
		"sasl.oauthbearer.token.endpoint.url": url, "sasl.login.retry.backoff.max.ms": "2000",
		"sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required" + options + ";",
	}
}

func (e *tokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	id, secret, _ := r.BasicAuth()
	switch {
	case e.does == "down":
		panic(http.ErrAbortHandler) // closes the connection
	case e.does == "garbage":
		fmt.Fprint(w, `<html>`+tokenSecret)
	case e.does == "500":
		http.Error(w, "cannot serve "+tokenSecret, http.StatusInternalServerError)
	case e.does == "401", id != "me", secret != tokenSecret, r.FormValue("key") != tokenQuery:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not with %s"}`, tokenSecret)
	default:
		body, _ := json.Marshal(map[string]any{"access_token": e.token(), "token_type": "Bearer", "expires_in": int(e.life.Seconds())})
		_, _ = w.Write(body) // a client that has gone cannot be told
	}
}
