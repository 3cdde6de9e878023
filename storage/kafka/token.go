package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	oauthModule    = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	oauthHandler   = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
	oauthHandlerV3 = "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler"
)

// tokenSource fetches a token anew; expires is zero when unknown.
type tokenSource func(ctx context.Context) (token string, expires time.Time, err error)

// tokenCache hands out a token until shortly before it expires. The mutex also
// keeps several connections from fetching at the same time.
type tokenCache struct {
	fetch      tokenSource
	extensions map[string]string
	timeout    time.Duration

	mu      sync.Mutex
	token   string
	expires time.Time
}

// Token implements sarama.AccessTokenProvider.
func (t *tokenCache) Token() (*sarama.AccessToken, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const margin = 30 * time.Second
	if t.token == "" || time.Until(t.expires) < margin {
		ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
		defer cancel()
		token, expires, err := t.fetch(ctx)
		if err != nil {
			return nil, fmt.Errorf("fetching an access token: %w", err)
		}
		t.token, t.expires = token, expires
	}
	return &sarama.AccessToken{Token: t.token, Extensions: t.extensions}, nil
}

// advice tells of a token that is over: its source gives no newer one, or the
// clocks differ.
func (t *tokenCache) advice() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case t.token == "" || t.expires.IsZero():
		return ""
	case now.After(t.expires):
		return fmt.Sprintf("; the access token has expired at %s, and this machine's clock says %s: sasl.oauthbearer.token.endpoint.url must give a newer one",
			t.expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return "; is this machine's clock, which says " + now.UTC().Format(time.RFC3339) + ", right?"
}

func (r saslReader) withTokens(fetch tokenSource, extensions map[string]string) func(*sarama.Config) {
	cache := &tokenCache{fetch: fetch, extensions: extensions, timeout: r.settings.RequestTimeout}
	r.sasl.advice = cache.advice
	return func(c *sarama.Config) {
		c.Net.SASL.Mechanism = sarama.SASLTypeOAuth
		c.Net.SASL.TokenProvider = cache
	}
}

// oauth follows Java: with a token end point the client credentials grant or,
// for a file: URL, a token in a file; without a login handler an unsecured
// token, meant for development.
func (r saslReader) oauth() (func(*sarama.Config), error) {
	handler, err := r.callback("sasl.login.callback.handler.class", oauthHandler, oauthHandlerV3, mskOAuth)
	if err != nil {
		return nil, err
	}
	if handler == mskOAuth {
		return r.mskTokens()
	}
	if err := r.wants(oauthModule); err != nil {
		return nil, err
	}
	extensions := map[string]string{}
	for k, v := range r.module.Options {
		for _, prefix := range []string{"extension_", "unsecuredLoginExtension_"} {
			if name, ok := strings.CutPrefix(k, prefix); ok {
				extensions[name] = v
			}
		}
	}
	fetch, err := r.oauthSource(handler)
	if err != nil {
		return nil, err
	}
	return r.withTokens(fetch, extensions), nil
}

func (r saslReader) oauthSource(handler string) (tokenSource, error) {
	const property = "sasl.oauthbearer.token.endpoint.url"
	endpoint := strings.TrimSpace(r.properties[property])
	if endpoint == "" && handler == "" {
		return unsecuredToken(r.module.Options)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme == "" {
		return nil, propertyError(property, "must be the URL of the token end point, or a file: URL")
	}
	switch u.Scheme {
	case "file":
		return fileToken(u.Path), nil
	case "http", "https":
	default:
		return nil, propertyError(property, "the scheme %q is none of https, http, file", u.Scheme)
	}
	id := r.either("sasl.oauthbearer.client.credentials.client.id", "clientId")
	password := r.either("sasl.oauthbearer.client.credentials.client.secret", "clientSecret")
	if id == "" || password == "" {
		return nil, propertyError("sasl.jaas.config", "clientId and clientSecret must both be given")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if tlsOptions := r.ssl(); len(tlsOptions) > 0 {
		if transport.TLSClientConfig, err = ClientTLS(tlsOptions); err != nil {
			return nil, fmt.Errorf("sasl.jaas.config: %w", err)
		}
	}
	c := clientCredentials{
		endpoint: endpoint, id: id, password: password,
		scope:  r.either("sasl.oauthbearer.scope", "scope"),
		escape: strings.EqualFold(strings.TrimSpace(r.properties["sasl.oauthbearer.header.urlencode"]), "true"),
		http:   &http.Client{Transport: transport},
	}
	return c.token, nil
}

// either reads a client property or, without it, a login module's option.
func (r saslReader) either(property, option string) string {
	if v := strings.TrimSpace(r.properties[property]); v != "" {
		return v
	}
	return r.module.Options[option]
}

// ssl returns the login module's options for TLS to the token end point.
func (r saslReader) ssl() Properties {
	out := Properties{}
	for k, v := range r.module.Options {
		if strings.HasPrefix(k, "ssl.") {
			out[k] = v
		}
	}
	return out
}

type clientCredentials struct {
	endpoint, id, password, scope string
	escape                        bool // sasl.oauthbearer.header.urlencode
	http                          *http.Client
}

func (c clientCredentials) token(ctx context.Context) (string, time.Time, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.scope != "" {
		form.Set("scope", c.scope)
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", time.Time{}, err
	}
	id, password := c.id, c.password
	if c.escape {
		id, password = url.QueryEscape(id), url.QueryEscape(password)
	}
	rq.SetBasicAuth(id, password)
	rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rq.Header.Set("Accept", "application/json")
	rs, err := c.http.Do(rq)
	if err != nil {
		return "", time.Time{}, err
	}
	defer rs.Body.Close()
	body, err := io.ReadAll(io.LimitReader(rs.Body, 1<<20))
	if err != nil {
		return "", time.Time{}, err
	}
	if rs.StatusCode/100 != 2 {
		return "", time.Time{}, fmt.Errorf("the token end point %s answered %s", c.endpoint, rs.Status)
	}
	var answer struct {
		Token     string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", time.Time{}, fmt.Errorf("the answer of the token end point %s holds no access_token", c.endpoint)
	}
	return answer.Token, expiry(answer.Token, answer.ExpiresIn), nil
}

// expiry is when a token ends: by its own claim, else by expires_in seconds.
func expiry(token string, expiresIn int64) time.Time {
	if parts := strings.Split(token, "."); len(parts) == 3 {
		var claims struct {
			Exp float64 `json:"exp"`
		}
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
		if err == nil && json.Unmarshal(b, &claims) == nil && claims.Exp > 0 {
			return time.Unix(int64(claims.Exp), 0)
		}
	}
	return time.Now().Add(time.Duration(expiresIn) * time.Second)
}

// fileToken reads a token from a file that another program keeps fresh.
func fileToken(path string) tokenSource {
	return func(context.Context) (string, time.Time, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", time.Time{}, err
		}
		token := strings.TrimSpace(string(b))
		if token == "" {
			return "", time.Time{}, fmt.Errorf("%s is empty", path)
		}
		return token, expiry(token, 0), nil
	}
}

// unsecuredToken makes the unsigned JWT of OAuthBearerUnsecuredLoginCallbackHandler.
func unsecuredToken(options map[string]string) (tokenSource, error) {
	claims := map[string]any{}
	for k, v := range options {
		if name, ok := strings.CutPrefix(k, "unsecuredLoginStringClaim_"); ok {
			claims[name] = v
		}
	}
	if _, ok := claims["sub"]; !ok {
		return nil, propertyError("sasl.jaas.config", "the option unsecuredLoginStringClaim_sub must be given, or sasl.oauthbearer.token.endpoint.url with sasl.login.callback.handler.class")
	}
	return func(context.Context) (string, time.Time, error) {
		now := time.Now()
		expires := now.Add(time.Hour)
		claims["iat"], claims["exp"] = float64(now.UnixMilli())/1000, float64(expires.UnixMilli())/1000
		b, err := json.Marshal(claims)
		if err != nil {
			return "", time.Time{}, err
		}
		enc := base64.RawURLEncoding.EncodeToString
		return enc([]byte(`{"alg":"none"}`)) + "." + enc(b) + ".", expires, nil
	}, nil
}
