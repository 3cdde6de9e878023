package access

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
)

// Config is what a Control is made of.
type Config struct {
	// Properties are the worker's. Without rest.access.rules there is no control.
	Properties kafka.Properties
	// Password names the user of a request that carries a name and a password
	// which another door knows; nil when there is no such door.
	Password func(r *http.Request) (name string, known bool)
	// AsksCertificates says that a listener asks clients for certificates.
	AsksCertificates bool
	Logger           *slog.Logger
}

// Control tells who makes a request and what role that gives. Any goroutine may
// use it.
type Control struct {
	Policy   *Policy
	tokens   *tokens       // nil without a provider
	certs    *certificates // nil without mutual TLS
	password func(r *http.Request) (string, bool)
}

// New reads the rest.access.*, rest.oidc.* and rest.mtls.* properties; nil
// without any of them. Errors are kafka.PropertyErrors.
func New(cfg Config) (*Control, error) {
	p := cfg.Properties
	if err := unknown(p); err != nil {
		return nil, err
	}
	oidc, mtls := len(p.WithPrefix(oidcPrefix)) > 0, strings.EqualFold(strings.TrimSpace(p[mtlsSwitch]), "true")
	if _, given := p[rulesProperty]; !given {
		if oidc || mtls {
			return nil, invalid(rulesProperty, "is missing: it names the rules that give users their roles")
		}
		return nil, nil
	}
	c := &Control{password: cfg.Password}
	var err error
	if c.Policy, err = parsePolicy(p); err != nil {
		return nil, err
	}
	if err := c.sources(cfg, oidc, mtls); err != nil {
		return nil, err
	}
	return c, nil
}

// sources sets up what tells who somebody is.
func (c *Control) sources(cfg Config, oidc, mtls bool) (err error) {
	switch p := strings.ToLower(strings.TrimSpace(cfg.Properties["connect.protocol"])); {
	case p != "" && p != "sessioned":
		return invalid("connect.protocol", fmt.Sprintf("must be sessioned with %s: with %s requests between workers are not signed", rulesProperty, p))
	case mtls && !cfg.AsksCertificates:
		return invalid(mtlsSwitch, "needs an https listener with ssl.client.auth=required or requested")
	case !oidc && !mtls && cfg.Password == nil:
		return invalid(rulesProperty, "nobody can say who they are: set "+oidcIssuer+", "+mtlsSwitch+" or rest.extension.classes")
	}
	if oidc {
		if c.tokens, err = parseTokens(cfg.Properties, cfg.Logger); err != nil {
			return err
		}
	}
	if mtls {
		c.certs, err = parseCertificates(cfg.Properties)
	}
	return err
}

// unknown refuses misspelt properties: a rule that is not read might let somebody
// in or keep somebody out.
func unknown(p kafka.Properties) error {
	for _, name := range p.Names() {
		switch name {
		case oidcIssuer, oidcAudience, oidcUser, oidcGroups, oidcSkew, mtlsSwitch, mtlsName, mtlsRules, rulesProperty:
			continue
		}
		switch {
		case strings.HasPrefix(name, oidcPrefix+"ssl."):
		case strings.HasPrefix(name, oidcPrefix), strings.HasPrefix(name, "rest.mtls."):
			return invalid(name, "is not a property of the worker: see docs/security.md")
		case strings.HasPrefix(name, "rest.access.") && !ofRule(p, strings.TrimPrefix(name, "rest.access.")):
			return invalid(name, "belongs to no rule that "+rulesProperty+" names, or is no property of one")
		}
	}
	return nil
}

func ofRule(p kafka.Properties, name string) bool {
	for rule := range strings.SplitSeq(p[rulesProperty], ",") {
		switch strings.TrimPrefix(name, strings.TrimSpace(rule)) {
		case ".role", ".users", ".groups", ".connectors":
			return true
		}
	}
	return false
}

// Identify tells who makes a request. A bearer token counts before a password,
// and that before a certificate.
func (c *Control) Identify(ctx context.Context, r *http.Request) (Identity, error) {
	method, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(method, "bearer") && c.tokens != nil:
		return c.tokens.identify(ctx, strings.TrimSpace(credentials))
	case method != "" && c.password != nil:
		if name, known := c.password(r); known {
			return Identity{Name: name}, nil
		}
		return Identity{}, herder.Errorf(herder.Unauthorised, "The user or the password is wrong")
	case method != "":
		return Identity{}, herder.Errorf(herder.Unauthorised, "This worker takes %s", c.ways())
	}
	if c.certs != nil {
		if id, known, err := c.certs.identify(r.TLS); known || err != nil {
			return id, err
		}
	}
	return Identity{}, herder.Errorf(herder.Unauthorised, "The request says nothing of who makes it: this worker takes %s", c.ways())
}

func (c *Control) ways() string {
	var out []string
	if c.tokens != nil {
		out = append(out, "bearer tokens of its OpenID provider")
	}
	if c.password != nil {
		out = append(out, "users with passwords")
	}
	if c.certs != nil {
		out = append(out, "client certificates")
	}
	return strings.Join(out, ", ")
}

// Challenge is the WWW-Authenticate header of an answer 401, "" for none.
func (c *Control) Challenge() string {
	switch {
	case c.tokens != nil:
		return `Bearer realm="connect"`
	case c.password != nil:
		return `Basic realm="connect"`
	}
	return ""
}
