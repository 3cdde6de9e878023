// Package oidctest is an OpenID provider for tests: discovery, keys that change,
// and the tokens that it signs.
package oidctest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Issuer is a provider with one key at a time.
type Issuer struct {
	*httptest.Server

	mu    sync.Mutex
	key   *rsa.PrivateKey
	id    int
	down  bool
	asked int
}

// Start starts a provider that ends with the test.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{}
	i.Rotate(t)
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

// Rotate replaces the key.
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.id = key, i.id+1
}

// Down has the provider answer 503, or serve again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Asked counts the requests that there have been.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Key is the present key, and KeyID its name.
func (i *Issuer) Key() *rsa.PrivateKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.key
}

// KeyID names the present key.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fmt.Sprint("key-", i.id)
}

// PublicPEM is the public key as text.
func (i *Issuer) PublicPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&i.Key().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// ServeHTTP answers discovery and gives the keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	var body any
	switch {
	case i.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case r.URL.Path == "/.well-known/openid-configuration":
		body = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t"}
	case r.URL.Path == "/keys":
		public := i.key.PublicKey
		body = map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": fmt.Sprint("key-", i.id),
			"n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes()),
		}}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a client that has gone cannot be told
}

// Token signs claims; iss and exp are added unless they are given, and a claim of
// nil is left out.
func (i *Issuer) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": i.URL, "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return Sign(t, i.Key(), i.KeyID(), all)
}

// Sign makes a token with any key (RS256).
func Sign(t testing.TB, key *rsa.PrivateKey, id string, claims map[string]any) string {
	t.Helper()
	return sign(t, map[string]any{"alg": "RS256", "typ": "JWT", "kid": id}, claims, func(text []byte) []byte {
		sum := sha256.Sum256(text)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	})
}

// SignHMAC makes a token with a shared secret (HS256), which may be the text of a
// public key: so one deceives verifiers that let the token choose.
func SignHMAC(t testing.TB, secret []byte, claims map[string]any) string {
	t.Helper()
	return sign(t, map[string]any{"alg": "HS256", "typ": "JWT"}, claims, func(text []byte) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write(text)
		return m.Sum(nil)
	})
}

func sign(t testing.TB, header, claims map[string]any, by func([]byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := encode(h) + "." + encode(c)
	return text + "." + encode(by([]byte(text)))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
