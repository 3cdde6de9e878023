package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
)

// need is what it takes to be allowed an operation. Nothing takes the zero need:
// an operation that was not given one is refused, once there are access rules.
type need struct {
	role access.Role
	of   scope
}

// scope says which connectors a role is needed for.
type scope uint8

const (
	_         scope = iota
	anybody         // no role, and no name
	workers         // the signature of another worker
	connector       // the connector in the path
	some            // any connector at all; for one that the body names, the handler asks permit
	all             // all connectors that there may ever be
)

// The needs of routes.go.
var (
	open      = need{access.None, anybody}
	signed    = need{access.None, workers}
	reads     = need{access.Read, connector}
	operates  = need{access.Operate, connector}
	edits     = need{access.Edit, connector}
	readsSome = need{access.Read, some}
	editsSome = need{access.Edit, some}
	readsAll  = need{access.Read, all}
	editsAll  = need{access.Edit, all}
)

// control reads the access rules.
func (s *Server) control() (*access.Control, error) {
	cfg := access.Config{Properties: s.cfg.Access, Logger: s.log}
	if s.auth != nil {
		cfg.Password = s.auth.user
	}
	switch strings.ToLower(strings.TrimSpace(s.cfg.TLS["ssl.client.auth"])) {
	case "required", "requested":
		cfg.AsksCertificates = slices.ContainsFunc(s.cfg.Listeners, isHTTPS)
	}
	return access.New(cfg)
}

// admit finds out who makes a request, reads its body and decides whether it may
// be answered. The body of a stranger is not read, and neither is that of
// somebody without a role.
func (s *Server) admit(ctx context.Context, w http.ResponseWriter, r *request, n need) error {
	forwarded := s.access != nil && access.Forwarded(r.Header)
	if s.access != nil && !forwarded && n.of != anybody && n.of != workers {
		if err := s.identify(ctx, w, r); err != nil {
			return err
		}
		if err := s.authorise(r, n); err != nil {
			return err
		}
	}
	var err error
	if r.body, err = s.readBody(w, r.Request); err != nil {
		return err
	}
	if len(r.body) > 0 && r.Header.Get("Content-Type") == "" && !internalRequest(r.Request) {
		return &httpError{status: http.StatusUnsupportedMediaType}
	}
	if s.access == nil {
		return nil
	}
	if n.of == workers {
		return s.signedByWorker()
	}
	if forwarded && n.of != anybody && n.of != workers {
		// The signature holds for the body, so that is read first.
		if r.who, err = access.Vouched(r.Header, r.Method, r.URL.RequestURI(), r.body, s.cfg.SessionKey(), time.Now()); err != nil {
			return err
		}
		return s.authorise(r, n)
	}
	return nil
}

// admitIdentified is admit for what takes no body and is never forwarded.
func (s *Server) admitIdentified(ctx context.Context, w http.ResponseWriter, r *request, n need) error {
	if err := s.identify(ctx, w, r); err != nil {
		return err
	}
	return s.authorise(r, n)
}

func (s *Server) identify(ctx context.Context, w http.ResponseWriter, r *request) (err error) {
	r.who, err = s.access.Identify(ctx, r.Request)
	if herder.KindOf(err) == herder.Unauthorised {
		if challenge := s.access.Challenge(); challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
	}
	return err
}

// authorise compares the role that somebody has with the one that it takes.
func (s *Server) authorise(r *request, n need) error {
	var has access.Role
	what := "any connector"
	switch n.of {
	case anybody:
		return nil
	case connector:
		return s.permit(r, n.role, r.connector())
	case some:
		has = s.access.Policy.Somewhere(r.who)
	case all:
		has, what = s.access.Policy.Everywhere(r.who), "all connectors"
	}
	return enough(r.who, has, n.role, what)
}

// permit compares the role that somebody has for one connector.
func (s *Server) permit(r *request, needed access.Role, connector string) error {
	if s.access == nil {
		return nil
	}
	return enough(r.who, s.access.Policy.For(r.who, connector), needed, "the connector "+connector)
}

func enough(who access.Identity, has, needed access.Role, what string) error {
	if needed == access.None || has < needed {
		return herder.Errorf(herder.Forbidden, "%s does not have the role %s for %s (rest.access.rules)", who.Name, needed, what)
	}
	return nil
}

// signedByWorker makes sure that there is a key by which the herder will check the
// signature: without one, as in a group that speaks an older protocol, it checks
// nothing.
func (s *Server) signedByWorker() error {
	if len(s.cfg.SessionKey().Key) == 0 {
		return herder.Errorf(herder.Unavailable, "There is no session key by which requests of other workers could be told from those of strangers: "+
			"with rest.access.rules all workers of the group need connect.protocol=sessioned")
	}
	return nil
}

// visible leaves out connectors that somebody may not read.
func (s *Server) visible(r *request, names []string) []string {
	if s.access == nil {
		return names
	}
	out := make([]string, 0, len(names))
	for _, name := range names {
		if s.access.Policy.For(r.who, name) >= access.Read {
			out = append(out, name)
		}
	}
	return out
}
