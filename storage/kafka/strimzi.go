package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The login of Strimzi's OAuth library (io.strimzi.kafka.oauth.client), which its
// operator, Quarkus and others set up: everything is an option oauth.* of the login
// module.
const (
	strimziHandler   = "io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler"
	strimziPrefix    = "oauth."
	strimziExtension = "oauth.sasl.extension."

	strimziTimeout  = time.Minute // to connect, and for the answer
	strimziFar      = 365 * 24 * time.Hour
	strimziLeastAge = 60 // seconds, of oauth.max.token.expiry.seconds
	strimziJWT      = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// strimziOptions are those of the login module or, when it has none, those of the
// environment (OAUTH_CLIENT_ID). The library mixes the two: the secrets of a worker's
// environment would then go to whatever end point a connector names.
type strimziOptions map[string]string

func (r saslReader) strimziOptions() strimziOptions {
	out := strimziOptions{}
	for name, value := range r.module.Options {
		if strings.HasPrefix(name, strimziPrefix) {
			out[name] = value
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if rest, ok := strings.CutPrefix(name, "OAUTH_"); ok {
			out[strimziPrefix+strings.ToLower(strings.ReplaceAll(rest, "_", "."))] = value
		}
	}
	return out
}

func (o strimziOptions) wrong(option, format string, args ...any) error {
	return propertyError("sasl.jaas.config", "the option %s%s %s", strimziPrefix, option, fmt.Sprintf(format, args...))
}

func (o strimziOptions) get(option string) string { return o[strimziPrefix+option] }

// secret is an option, or what the file holds that it names with .location, read
// each time anew; nil for neither.
func (o strimziOptions) secret(option string) func() (string, error) {
	path, text := o.get(option+".location"), o.get(option)
	switch {
	case path != "":
		return func() (string, error) {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", err // it names the file
			}
			if text := strings.TrimSpace(string(b)); text != "" {
				return text, nil
			}
			return "", fmt.Errorf("%s is empty", path)
		}
	case text != "":
		return func() (string, error) { return text, nil }
	}
	return nil
}

func (o strimziOptions) seconds(option string, otherwise time.Duration) (time.Duration, error) {
	text := strings.TrimSpace(o.get(option))
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, o.wrong(option, "is %q, not a number of seconds", text)
	}
	return time.Duration(n) * time.Second, nil
}

// strimziSource chooses as the library does: a token that is given, then the grants
// by refresh token, password, client secret and assertion.
func (r saslReader) strimziSource(string) (tokenConfig, error) {
	o := r.strimziOptions()
	c := tokenConfig{from: "sasl.jaas.config"}
	if token := o.secret("access.token"); token != nil {
		c.fetch, c.cheap = given(token), true
		return c, nil
	}
	most, err := o.seconds("max.token.expiry.seconds", 0)
	if err == nil && most > 0 && most < strimziLeastAge*time.Second {
		err = o.wrong("max.token.expiry.seconds", "must be at least %d", strimziLeastAge)
	}
	if err != nil {
		return c, err
	}
	g, err := o.grant()
	c.fetch = func(ctx context.Context) (accessToken, error) {
		token, err := g.token(ctx)
		if limit := time.Now().Add(most); most > 0 && limit.Before(token.expires) {
			token.expires = limit
		}
		return token, err
	}
	return c, err
}

// given is a token that needs no asking for.
func given(token func() (string, error)) tokenSource {
	return func(context.Context) (accessToken, error) {
		text, err := token()
		if err != nil {
			return accessToken{}, err
		}
		out := accessToken{text: text}
		if _, out.expires = claimed(text); out.expires.IsZero() {
			out.expires = time.Now().Add(strimziFar)
		}
		return out, nil
	}
}

func (o strimziOptions) grant() (*tokenGrant, error) {
	g := &tokenGrant{advice: "check the options oauth.* of sasl.jaas.config, or OAUTH_* of the environment"}
	u, err := url.Parse(o.get("token.endpoint.uri"))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		return g, o.wrong("token.endpoint.uri", "must be the URL of the token end point, where there is no oauth.access.token")
	case o.get("client.id") == "":
		return g, o.wrong("client.id", "is missing (the environment counts only where the login module has no options oauth.*)")
	}
	g.Endpoint = u
	if err := o.form(g); err != nil {
		return g, err
	}
	return g, o.connect(g)
}

// connect makes the client for the end point, whose certificates are checked by the
// options oauth.ssl.*.
func (o strimziOptions) connect(g *tokenGrant) error {
	connect, err := o.seconds("connect.timeout.seconds", strimziTimeout)
	read, readErr := o.seconds("read.timeout.seconds", strimziTimeout)
	if err = errors.Join(err, readErr); err != nil {
		return err
	}
	ssl := Properties(o).WithPrefix(strimziPrefix)
	maps.DeleteFunc(ssl, func(name, _ string) bool { return !strings.HasPrefix(name, "ssl.") })
	if g.Client, err = tokenClient(ssl, connect, read); err != nil {
		return fmt.Errorf("sasl.jaas.config: %s%w", strimziPrefix, err)
	}
	return nil
}

// form says what the end point is asked, and whether the header names the client.
func (o strimziOptions) form(g *tokenGrant) error {
	form := url.Values{}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("scope", o.get("scope"))
	set("audience", o.get("audience"))
	id, password, user := o.get("client.id"), o.get("client.secret"), o.get("password.grant.username")
	refresh, assertion := o.secret("refresh.token"), o.secret("client.assertion")
	switch {
	case refresh != nil:
		set("grant_type", "refresh_token")
		set("client_id", id)
		g.Form = with(form, "refresh_token", refresh)
		if password == "" {
			return nil // a public client
		}
	case user != "":
		set("grant_type", "password")
		set("username", user)
		set("password", o.get("password.grant.password"))
		if !form.Has("password") {
			return o.wrong("password.grant.password", "is missing, but oauth.password.grant.username is set")
		}
		g.Form = func() (url.Values, error) { return form, nil }
	case password != "":
		set("grant_type", o.clientGrant())
		g.Form = func() (url.Values, error) { return form, nil }
	case assertion != nil:
		set("grant_type", o.clientGrant())
		set("client_id", id)
		set("client_assertion_type", cmp.Or(o.get("client.assertion.type"), strimziJWT))
		g.Form = with(form, "client_assertion", assertion)
		return nil
	default:
		return o.wrong("client.secret", "is missing, and there is no oauth.access.token, oauth.refresh.token, oauth.password.grant.username or oauth.client.assertion either")
	}
	g.ID, g.Secret = id, password
	return nil
}

func (o strimziOptions) clientGrant() string {
	return cmp.Or(o.get("client.credentials.grant.type"), "client_credentials")
}

// with adds to a form what is looked for each time anew.
func with(form url.Values, field string, secret func() (string, error)) func() (url.Values, error) {
	return func() (url.Values, error) {
		text, err := secret()
		if err != nil {
			return nil, err
		}
		whole := maps.Clone(form)
		whole.Set(field, text)
		return whole, nil
	}
}
