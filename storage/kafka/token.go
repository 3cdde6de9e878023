package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
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
		c.Net.TLS.Enable = false // the dialler does it
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
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope := r.either("sasl.oauthbearer.scope", "scope"); scope != "" {
		form.Set("scope", scope)
	}
	if strings.EqualFold(strings.TrimSpace(r.properties["sasl.oauthbearer.header.urlencode"]), "true") {
		id, password = url.QueryEscape(id), url.QueryEscape(password)
	}
	g := tokenGrant{
		endpoint: endpoint.String(), shown: shown(endpoint), id: id, password: password, http: client,
		form:   func() (url.Values, error) { return form, nil },
		advice: "check sasl.oauthbearer.client.credentials.client.id and .client.secret, or clientId and clientSecret of sasl.jaas.config",
	}
	return g.token, nil
}

// tokenClient asks a token end point, with the given ssl.* properties. It follows no
// redirection: what is asked holds a secret, and is meant for the end point alone.
func tokenClient(ssl Properties, connect, read time.Duration) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connect}).DialContext
	transport.ResponseHeaderTimeout = read
	if len(ssl) > 0 {
		cfg, err := ClientTLS(ssl)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = cfg
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// shown is a URL without what may be secret in it: user, password, parameters.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
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

// tokenGrant asks an end point for tokens (RFC 6749, 4): that of client credentials
// (4.4) has nothing but its type in the form.
type tokenGrant struct {
	endpoint, shown string
	id, password    string // of the client, in the header; none without an id
	form            func() (url.Values, error)
	advice          string // what to look at when the end point refuses
	http            *http.Client
}

func (c tokenGrant) token(ctx context.Context) (accessToken, error) {
	rq, err := c.request(ctx)
	if err != nil {
		return accessToken{}, err
	}
	rs, err := c.http.Do(rq)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			err = withURL.Err // the URL may hold secrets
		}
		return accessToken{}, fmt.Errorf("asking the token end point %s: %w", c.shown, err)
	}
	defer rs.Body.Close()
	body, err := io.ReadAll(io.LimitReader(rs.Body, 1<<20))
	if err != nil {
		return accessToken{}, fmt.Errorf("reading the answer of the token end point %s: %w", c.shown, err)
	}
	if rs.StatusCode/100 != 2 {
		return accessToken{}, c.refusal(rs, body)
	}
	var answer struct {
		Token     string          `json:"access_token"`
		ExpiresIn json.RawMessage `json:"expires_in"` // some write the number as text
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return accessToken{}, fmt.Errorf("the answer of the token end point %s holds no access_token", c.shown)
	}
	seconds, err := strconv.ParseFloat(strings.Trim(string(answer.ExpiresIn), `"`), 64)
	if err != nil || seconds < 0 || seconds > 1e9 {
		seconds = 0
	}
	return freshToken(answer.Token, time.Duration(seconds*float64(time.Second))), nil
}

func (c tokenGrant) request(ctx context.Context) (*http.Request, error) {
	form, err := c.form()
	if err != nil {
		return nil, err
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if c.id != "" {
		rq.SetBasicAuth(c.id, c.password)
	}
	rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rq.Header.Set("Accept", "application/json")
	return rq, nil
}

// refusal says what the end point does not like: by the error code of RFC 6749, 5.2,
// and by none of its other words, which may hold secrets.
func (c tokenGrant) refusal(rs *http.Response, body []byte) error {
	var answer struct {
		Error string `json:"error"`
	}
	said := ""
	if json.Unmarshal(body, &answer) == nil && slices.Contains(grantErrors, answer.Error) {
		said = " (" + answer.Error + ")"
	}
	err := fmt.Errorf("the token end point %s answered %d %s%s", c.shown, rs.StatusCode, http.StatusText(rs.StatusCode), said)
	switch code := rs.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusBadRequest:
		return finalError{fmt.Errorf("%w: %s", err, c.advice)}
	case code/100 == 3:
		return finalError{fmt.Errorf("%w: it redirects, and secrets are sent to no other address than the one that is set", err)}
	case code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests, code == http.StatusNotImplemented:
		return finalError{err}
	}
	return err
}

var grantErrors = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

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
