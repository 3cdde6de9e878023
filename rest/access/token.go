package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
)

const (
	oidcPrefix   = "rest.oidc."
	oidcIssuer   = oidcPrefix + "issuer"
	oidcAudience = oidcPrefix + "audience"
	oidcUser     = oidcPrefix + "user.claim"
	oidcGroups   = oidcPrefix + "groups.claim"
	oidcSkew     = oidcPrefix + "clock.skew.ms"

	askTimeout = 10 * time.Second // for an answer of the provider
	// askPause is between two questions to one address of the provider, so that
	// tokens with unknown keys do not make it ask for each.
	askPause = 2 * time.Second
)

// algorithms are those by which only the provider can sign. Neither none nor
// those with a shared secret are among them.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// tokens verifies bearer tokens: JWTs signed by an OpenID provider, whose keys it
// finds by discovery when the first token comes, and again when a token names a
// key that it does not know.
type tokens struct {
	issuer   string
	audience []string // one of which must be the token's
	user     string   // claim
	groups   string   // claim, members of objects parted by dots
	skew     time.Duration
	http     *http.Client
	log      *slog.Logger
	now      func() time.Time

	mu          sync.Mutex            // guards the two below, and is held while discovery lasts
	verifier    *oidc.IDTokenVerifier // nil before discovery
	unreachable bool                  // the log has said so
}

func parseTokens(p kafka.Properties, log *slog.Logger) (*tokens, error) {
	t := &tokens{
		issuer: strings.TrimSpace(p[oidcIssuer]), audience: names(strings.ReplaceAll(p[oidcAudience], ",", ";")),
		user: strings.TrimSpace(p[oidcUser]), groups: strings.TrimSpace(p[oidcGroups]), skew: time.Minute, log: log, now: time.Now,
	}
	if t.user == "" {
		t.user = "sub"
	}
	if t.groups == "" {
		t.groups = "groups"
	}
	if !strings.HasPrefix(t.issuer, "https://") && !strings.HasPrefix(t.issuer, "http://") {
		return nil, invalid(oidcIssuer, fmt.Sprintf("%q is not the URL of an OpenID provider", t.issuer))
	}
	if len(t.audience) == 0 {
		return nil, invalid(oidcAudience, "is missing: without it tokens made for other services would be taken")
	}
	if text := strings.TrimSpace(p[oidcSkew]); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, invalid(oidcSkew, fmt.Sprintf("%q is not a number of milliseconds", text))
		}
		t.skew = time.Duration(n) * time.Millisecond
	}
	return t, t.connect(p.WithPrefix(oidcPrefix))
}

// connect makes the client for the provider, with the ssl.* properties below
// rest.oidc.
func (t *tokens) connect(p kafka.Properties) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	tlsOptions := kafka.Properties{}
	for name, value := range p {
		if strings.HasPrefix(name, "ssl.") {
			tlsOptions[name] = value
		}
	}
	if len(tlsOptions) > 0 {
		cfg, err := kafka.ClientTLS(tlsOptions)
		var wrong *kafka.PropertyError
		if errors.As(err, &wrong) {
			return invalid(oidcPrefix+wrong.Property, wrong.Reason)
		}
		transport.TLSClientConfig = cfg
	}
	t.http = &http.Client{Timeout: askTimeout, CheckRedirect: kafka.NeverDown, Transport: &sparing{next: transport, asked: map[string]time.Time{}, now: func() time.Time { return t.now() }}}
	return nil
}

// identify verifies a token and reads who it stands for.
func (t *tokens) identify(ctx context.Context, raw string) (Identity, error) {
	v, err := t.discovered(ctx)
	if err != nil {
		return Identity{}, err
	}
	failure := &keyFailure{}
	token, err := v.Verify(context.WithValue(ctx, keyFailure{}, failure), raw)
	switch {
	case err != nil && ctx.Err() != nil: // nobody waits for the answer any more
		return Identity{}, ctx.Err()
	case err != nil && failure.err != nil && !errors.Is(failure.err, errAskedJustNow):
		return Identity{}, t.away("asking for the keys of the OpenID provider", failure.err)
	case err != nil:
		return Identity{}, refused("%s", reason(err))
	}
	t.reached()
	if err := t.check(token); err != nil {
		return Identity{}, err
	}
	return t.identity(token)
}

// check compares what the library leaves to us: audience and times, the same
// tolerance on both sides.
func (t *tokens) check(token *oidc.IDToken) error {
	var claims struct {
		NotBefore *float64 `json:"nbf"`
	}
	if err := token.Claims(&claims); err != nil {
		return refused("its claims cannot be read")
	}
	now := t.now()
	switch {
	case !slices.ContainsFunc(token.Audience, func(a string) bool { return slices.Contains(t.audience, a) }):
		return refused("it is not meant for this worker (%s)", oidcAudience)
	case !now.Add(-t.skew).Before(token.Expiry):
		return refused("it has expired at %s; this worker's clock says %s", token.Expiry.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case claims.NotBefore != nil && now.Add(t.skew).Before(time.Unix(int64(*claims.NotBefore), 0)):
		return refused("it is not valid yet; this worker's clock says %s", now.UTC().Format(time.RFC3339))
	}
	return nil
}

func (t *tokens) identity(token *oidc.IDToken) (Identity, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Identity{}, refused("its claims cannot be read")
	}
	name, ok := claims[t.user].(string)
	if !ok || name == "" {
		return Identity{}, refused("it has no claim %s (%s)", t.user, oidcUser)
	}
	return Identity{Name: name, Groups: texts(member(claims, t.groups))}, nil
}

// member finds a claim by its name or, with dots, inside objects, as in
// realm_access.roles.
func member(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	head, rest, nested := strings.Cut(path, ".")
	inner, ok := claims[head].(map[string]any)
	if !nested || !ok {
		return nil
	}
	return member(inner, rest)
}

// texts reads a list of strings, or one string of words such as scope.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// discovered asks the provider where its keys are, once: for all requests, not
// only as long as the one that happens to be the first is waited for.
func (t *tokens) discovered(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verifier != nil {
		return t.verifier, nil
	}
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), t.http)
	provider, err := oidc.NewProvider(ctx, t.issuer)
	var said struct {
		Keys string `json:"jwks_uri"`
	}
	if err == nil {
		err = provider.Claims(&said)
	}
	switch {
	case err != nil:
	case said.Keys == "":
		err = errors.New("its answer names no jwks_uri")
	case strings.HasPrefix(t.issuer, "https:") && !strings.HasPrefix(said.Keys, "https:"):
		err = fmt.Errorf("jwks_uri: %w", kafka.ErrDown)
	}
	if err != nil {
		return nil, t.awayLocked("asking the OpenID provider for its configuration", err)
	}
	keys := keySet{oidc.NewRemoteKeySet(ctx, said.Keys)}
	t.verifier = oidc.NewVerifier(t.issuer, keys, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithms, // see check
	})
	return t.verifier, nil
}

func (t *tokens) away(doing string, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.awayLocked(doing, err)
}

// awayLocked logs once that the provider cannot be asked; the client is told to
// come again.
func (t *tokens) awayLocked(doing string, err error) error {
	if !t.unreachable {
		t.log.Warn(doing+" failed: users with tokens are refused until it answers", "property", oidcIssuer, "issuer", t.issuer, "error", err)
	}
	t.unreachable = true
	return herder.Errorf(herder.Unavailable, "The OpenID provider of this worker (%s) cannot be asked; try again", oidcIssuer)
}

func (t *tokens) reached() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unreachable {
		t.log.Info("the OpenID provider answers again", "issuer", t.issuer)
	}
	t.unreachable = false
}

func refused(format string, args ...any) error {
	return herder.Errorf(herder.Unauthorised, "The bearer token is refused: %s", fmt.Sprintf(format, args...))
}

// reason is what is wrong with a token, without any of its text.
func reason(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "unexpected signature algorithm"):
		return "it is not signed with a key of the provider (its alg must be one of " + strings.Join(algorithms, ", ") + ")"
	case strings.Contains(text, "malformed jwt"):
		return "it is not a JWT"
	case strings.Contains(text, "different provider"):
		return "another issuer has made it (" + oidcIssuer + ")"
	case strings.Contains(text, "verify signature"):
		return "its signature fits no key of the provider"
	}
	return "it is malformed"
}

// keySet tells by the context when keys could not be had: the library's verifier
// turns errors into text.
type keySet struct{ oidc.KeySet }

type keyFailure struct{ err error }

func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if failure, ok := ctx.Value(keyFailure{}).(*keyFailure); ok && err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		failure.err = err
	}
	return payload, err
}

var errAskedJustNow = errors.New("asked moments ago")

// sparing asks each address at most once in askPause.
type sparing struct {
	next  http.RoundTripper
	now   func() time.Time
	mu    sync.Mutex
	asked map[string]time.Time
}

func (s *sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	address, now := r.URL.String(), s.now()
	if last, ok := s.asked[address]; ok && now.Sub(last) < askPause {
		s.mu.Unlock()
		return nil, errAskedJustNow
	}
	s.asked[address] = now
	s.mu.Unlock()
	return s.next.RoundTrip(r)
}
