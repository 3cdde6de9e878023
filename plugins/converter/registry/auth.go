package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/oauth"
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

// tokens asks for tokens with client credentials and keeps each until shortly before it expires.
type tokens struct {
	grant oauth.Grant
	extra extra

	mu      sync.Mutex
	token   string
	expires time.Time
}

// expiryBuffer is how long before its end a token is replaced (bearer.auth.cache.expiry.buffer.seconds).
const expiryBuffer = 5 * time.Minute

func parseOAuth(v *configdef.Values, c *ClientConfig) (Authenticator, error) {
	issuer, id, secret := v.String(issuerKey), v.String(clientIDKey), v.Password(clientSecretKey).Reveal()
	for _, p := range []struct{ name, value string }{{issuerKey, issuer}, {clientIDKey, id}, {clientSecretKey, secret}} {
		if p.value == "" {
			return nil, configError(p.name, "must be set when %s is OAUTHBEARER", bearerSourceKey)
		}
	}
	endpoint, err := url.Parse(issuer)
	if err != nil {
		return nil, configError(issuerKey, "is not a URL") // which is not shown: secrets may stand in it
	}
	return &tokens{extra: parseExtra(v), grant: oauth.Grant{
		Endpoint: endpoint, ID: url.QueryEscape(id), Secret: url.QueryEscape(secret), Form: oauth.ClientCredentials(v.String("bearer.auth.scope")), Client: httpClient(*c),
	}}, nil
}

func (t *tokens) Authenticate(ctx context.Context, r *http.Request) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Until(t.expires) <= 0 {
		token, err := t.grant.Token(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", issuerKey, err)
		}
		t.token, t.expires = token.Text, time.Now().Add(max(token.Life-expiryBuffer, token.Life/2)) // at once where no life is known
	}
	t.extra.set(r, t.token)
	return nil
}
