package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
)

// Authenticator adds to a request what proves who asks.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request) error
}

// parseAuth reads basic.auth.* and bearer.auth.*. At most one of them may be set.
func parseAuth(v *configdef.Values, c *ClientConfig) (Authenticator, error) {
	basic, err := parseBasic(v)
	if err != nil {
		return nil, err
	}
	switch source := strings.ToUpper(strings.TrimSpace(v.String(bearerSourceKey))); {
	case source == "":
		return basic, nil
	case basic != nil:
		return nil, configError(bearerSourceKey, "cannot be used together with %s=%s", basicSourceKey, v.String(basicSourceKey))
	case source == "STATIC_TOKEN":
		return parseStatic(v)
	case source == "OAUTHBEARER":
		return parseOAuth(v, c)
	default:
		return nil, configError(bearerSourceKey, "%s is none of STATIC_TOKEN, OAUTHBEARER", source)
	}
}

func parseBasic(v *configdef.Values) (Authenticator, error) {
	switch source := strings.ToUpper(strings.TrimSpace(v.String(basicSourceKey))); source {
	case "", "URL":
		return nil, nil
	case "USER_INFO":
		info := v.Password(userInfoKey).Reveal()
		if info == "" {
			info = v.Password(oldUserInfoKey).Reveal()
		}
		user, password, ok := strings.Cut(info, ":")
		if !ok {
			return nil, configError(userInfoKey, "must be user:password when %s is USER_INFO", basicSourceKey)
		}
		return basicAuth{user, password}, nil
	case "SASL_INHERIT":
		return saslAuth(v.Originals()["sasl.jaas.config"])
	default:
		return nil, configError(basicSourceKey, "%s is none of URL, USER_INFO, SASL_INHERIT", source)
	}
}

// saslAuth takes user and password from a login module, as SaslBasicAuthCredentialProvider does.
func saslAuth(jaas string) (Authenticator, error) {
	modules, err := kafka.ParseLoginModules(jaas)
	if err != nil || len(modules) == 0 {
		return nil, configError("sasl.jaas.config", "must name a login module with username and password when %s is SASL_INHERIT", basicSourceKey)
	}
	options := modules[0].Options
	user, password := options["username"], options["password"]
	if user == "" || password == "" {
		return nil, configError("sasl.jaas.config", "has no username and password, which %s=SASL_INHERIT needs", basicSourceKey)
	}
	return basicAuth{user, password}, nil
}

type basicAuth struct{ user, password string }

func (b basicAuth) Authenticate(_ context.Context, r *http.Request) error {
	r.SetBasicAuth(b.user, b.password)
	return nil
}

// extra are the headers that go with any bearer token.
type extra struct{ cluster, pool string }

func (e extra) set(r *http.Request, token string) {
	r.Header.Set("Authorization", "Bearer "+token)
	if e.cluster != "" {
		r.Header.Set("target-sr-cluster", e.cluster)
	}
	if e.pool != "" {
		r.Header.Set("Confluent-Identity-Pool-Id", e.pool)
	}
}

func parseExtra(v *configdef.Values) extra {
	return extra{v.String("bearer.auth.logical.cluster"), v.String("bearer.auth.identity.pool.id")}
}

type staticToken struct {
	token string
	extra extra
}

func parseStatic(v *configdef.Values) (Authenticator, error) {
	token := v.Password(bearerTokenKey).Reveal()
	if token == "" {
		return nil, configError(bearerTokenKey, "must be set when %s is STATIC_TOKEN", bearerSourceKey)
	}
	return staticToken{token, parseExtra(v)}, nil
}

func (s staticToken) Authenticate(_ context.Context, r *http.Request) error {
	s.extra.set(r, s.token)
	return nil
}

// oauth asks for tokens with client credentials (RFC 6749, section 4.4) and
// keeps each until shortly before it expires.
type oauth struct {
	endpoint, id, secret, scope string
	extra                       extra
	client                      *http.Client

	mu      sync.Mutex
	token   string
	expires time.Time
}

// expiryBuffer is how long before its end a token is replaced (bearer.auth.cache.expiry.buffer.seconds).
const expiryBuffer = 5 * time.Minute

func parseOAuth(v *configdef.Values, c *ClientConfig) (Authenticator, error) {
	o := &oauth{
		endpoint: v.String("bearer.auth.issuer.endpoint.url"), id: v.String("bearer.auth.client.id"),
		secret: v.Password("bearer.auth.client.secret").Reveal(), scope: v.String("bearer.auth.scope"),
		extra: parseExtra(v), client: httpClient(*c),
	}
	for name, value := range map[string]string{
		"bearer.auth.issuer.endpoint.url": o.endpoint, "bearer.auth.client.id": o.id, "bearer.auth.client.secret": o.secret,
	} {
		if value == "" {
			return nil, configError(name, "must be set when %s is OAUTHBEARER", bearerSourceKey)
		}
	}
	return o, nil
}

func (o *oauth) Authenticate(ctx context.Context, r *http.Request) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Until(o.expires) <= 0 {
		if err := o.fetch(ctx); err != nil {
			return fmt.Errorf("asking for a token: %w", err)
		}
	}
	o.extra.set(r, o.token)
	return nil
}

func (o *oauth) fetch(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.scope != "" {
		form.Set("scope", o.scope)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return withoutURL(err, "bearer.auth.issuer.endpoint.url")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(o.id), url.QueryEscape(o.secret))
	answer, err := o.client.Do(r)
	if err != nil {
		return withoutURL(err, "bearer.auth.issuer.endpoint.url")
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	var t struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"` // some write the number as text
	}
	if answer.StatusCode != http.StatusOK || json.Unmarshal(body, &t) != nil || t.AccessToken == "" {
		return fmt.Errorf("the token endpoint answered %s without a token", answer.Status)
	}
	seconds, err := strconv.ParseInt(strings.Trim(string(t.ExpiresIn), `"`), 10, 32)
	if err != nil {
		seconds = 0 // it does not say: the next request asks again
	}
	life := time.Duration(seconds) * time.Second
	o.token, o.expires = t.AccessToken, time.Now().Add(max(life-expiryBuffer, life/2))
	return nil
}

// withoutURL names the property instead of the URL, in which secrets may stand.
func withoutURL(err error, property string) error {
	var withURL *url.Error
	switch {
	case !errors.As(err, &withURL):
		return err
	case withURL.Op == "parse": // what is wrong with it is quoted
		return fmt.Errorf("%s is not a URL", property)
	}
	return fmt.Errorf("%s: %w", property, withURL.Err)
}
