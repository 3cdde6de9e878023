package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka/oauth"
)

const (
	oauthModule    = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	oauthHandler   = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
	oauthHandlerV3 = "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler"
)

func (r saslReader) withTokens(c tokenConfig) func(*sarama.Config) {
	s := r.settings
	c.login, c.timeout = s.Login, s.RequestTimeout
	cache := &tokenCache{tokenConfig: c}
	r.sasl.advice = cache.advice
	return func(c *sarama.Config) {
		c.Net.SASL.Mechanism = sarama.SASLTypeOAuth
		c.Net.SASL.TokenProvider = cache
		c.Net.Proxy.Enable = true
		c.Net.Proxy.Dialer = &loginDialer{net: net.Dialer{Timeout: s.ConnectTimeout}, tls: s.TLS, heard: cache.heard}
	}
}

// oauth follows Java: with a token end point the client credentials grant or,
// for a file: URL, a token in a file; without a login handler an unsecured
// token, meant for development.
func (r saslReader) oauth() (func(*sarama.Config), error) {
	handler, err := r.callback("sasl.login.callback.handler.class", oauthHandler, oauthHandlerV3, mskOAuth, strimziHandler)
	if err != nil {
		return nil, err
	}
	if handler == mskOAuth {
		return r.mskTokens()
	}
	if err := r.wants(oauthModule); err != nil {
		return nil, err
	}
	source := r.oauthSource
	if handler == strimziHandler {
		source = r.strimziSource
	}
	c, err := source(handler)
	if err != nil {
		return nil, err
	}
	c.extensions = map[string]string{}
	for k, v := range r.module.Options {
		for _, prefix := range []string{"extension_", "unsecuredLoginExtension_", strimziExtension} {
			if name, ok := strings.CutPrefix(k, prefix); ok {
				c.extensions[name] = v
			}
		}
	}
	return r.withTokens(c), nil
}

const tokenEndpoint = "sasl.oauthbearer.token.endpoint.url"

func (r saslReader) oauthSource(handler string) (c tokenConfig, err error) {
	endpoint := strings.TrimSpace(r.properties[tokenEndpoint])
	if endpoint == "" && handler == "" {
		c.from = "sasl.jaas.config"
		c.fetch, err = unsecuredToken(r.module.Options)
		return c, err
	}
	c.from = tokenEndpoint
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme == "" {
		return c, propertyError(tokenEndpoint, "must be the URL of the token end point, or a file: URL")
	}
	if err := endpointAllowed(endpoint); err != nil {
		return c, err
	}
	switch u.Scheme {
	case "file":
		c.fetch, c.cheap = fileToken(u.Path), true
	case "http", "https":
		c.fetch, err = r.clientCredentials(u)
	default:
		err = propertyError(tokenEndpoint, "the scheme %q is none of https, http, file", u.Scheme)
	}
	return c, err
}

func (r saslReader) clientCredentials(endpoint *url.URL) (tokenSource, error) {
	id := r.either("sasl.oauthbearer.client.credentials.client.id", "clientId")
	password := r.either("sasl.oauthbearer.client.credentials.client.secret", "clientSecret")
	if id == "" || password == "" {
		return nil, propertyError("sasl.jaas.config", "clientId and clientSecret must both be given")
	}
	client, err := tokenClient(r.ssl(), r.settings.Login.ConnectTimeout, r.settings.Login.ReadTimeout)
	if err != nil {
		return nil, fmt.Errorf("sasl.jaas.config: %w", err)
	}
	if strings.EqualFold(strings.TrimSpace(r.properties["sasl.oauthbearer.header.urlencode"]), "true") {
		id, password = url.QueryEscape(id), url.QueryEscape(password)
	}
	g := tokenGrant{
		Grant:  oauth.Grant{Endpoint: endpoint, ID: id, Secret: password, Form: oauth.ClientCredentials(r.either("sasl.oauthbearer.scope", "scope")), Client: client},
		advice: "check sasl.oauthbearer.client.credentials.client.id and .client.secret, or clientId and clientSecret of sasl.jaas.config",
	}
	return g.token, nil
}

// tokenClient asks a token end point, with the given ssl.* properties.
func tokenClient(ssl Properties, connect, read time.Duration) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connect}).DialContext
	transport.ResponseHeaderTimeout = read
	var err error
	transport.TLSClientConfig, err = ClientTLS(ssl)
	return &http.Client{Transport: transport}, err
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

// tokenGrant asks an end point for tokens.
type tokenGrant struct {
	oauth.Grant
	advice string // what to look at when the end point refuses
}

func (g *tokenGrant) token(ctx context.Context) (accessToken, error) {
	token, err := g.Token(ctx)
	var refused *oauth.Refused
	switch {
	case err == nil:
		return freshToken(token.Text, token.Life), nil
	case !errors.As(err, &refused) || refused.Passing():
		return accessToken{}, err
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
		err = fmt.Errorf("%w: %s", err, g.advice)
	}
	return accessToken{}, finalError{err}
}

// freshToken is a token that its maker has just sent. What its maker says of its life
// counts from now, since the clocks may differ; life is 0 when unknown.
func freshToken(text string, life time.Duration) accessToken {
	issued, expires := claimed(text)
	now := time.Now()
	// Whole seconds make a difference to short lives; a greater one is that of clocks.
	if left := expires.Sub(now); life <= 0 || left > 0 && left < life && life-left < 5*time.Second {
		life = left
	}
	if life <= 0 && !issued.IsZero() {
		life = expires.Sub(issued)
	}
	if life <= 0 {
		life = assumedLife
	}
	return accessToken{text: text, issued: issued, expires: now.Add(life)}
}

// assumedLife is that of a token of which nobody says how long it holds.
const assumedLife = time.Minute

// claimed reads the times that a JWT claims; zero where it does not, or is none.
func claimed(token string) (issued, expires time.Time) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return issued, expires
	}
	var claims struct{ Iat, Exp float64 }
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(b, &claims) != nil {
		return issued, expires
	}
	return claimedTime(claims.Iat), claimedTime(claims.Exp)
}

func claimedTime(seconds float64) time.Time {
	if !(seconds > 0 && seconds < 1e11) {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}

// fileToken reads a token from a file that another program keeps fresh.
func fileToken(path string) tokenSource {
	return func(context.Context) (accessToken, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return accessToken{}, err
		}
		token := accessToken{text: strings.TrimSpace(string(b))}
		if token.text == "" {
			return token, fmt.Errorf("%s is empty", path)
		}
		if _, token.expires = claimed(token.text); token.expires.IsZero() {
			token.expires = time.Now().Add(assumedLife)
		}
		return token, nil
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
	return func(context.Context) (accessToken, error) {
		now := time.Now()
		expires := now.Add(time.Hour)
		claims["iat"], claims["exp"] = float64(now.UnixMilli())/1000, float64(expires.UnixMilli())/1000
		b, err := json.Marshal(claims)
		if err != nil {
			return accessToken{}, err
		}
		enc := base64.RawURLEncoding.EncodeToString
		return accessToken{text: enc([]byte(`{"alg":"none"}`)) + "." + enc(b) + ".", expires: expires}, nil
	}, nil
}
