package rest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/millrace/millrace/rest/access"
)

// audit writes down who wanted to change what, and what came of it: one line per
// request at the worker that the user has asked. Bodies and headers are not in
// it, so there is no secret. Reading is not written down, refusals are.
func (s *Server) audit(r *request, n need, answered *counter) {
	changes := n.role > access.Read && !strings.HasSuffix(r.URL.Path, "/config/validate")
	denied := answered.status == http.StatusUnauthorized || answered.status == http.StatusForbidden
	switch {
	case s.access == nil && !s.cfg.AuditAll, !changes && (!denied || s.access == nil):
		return
	case s.access != nil && r.who.Name != "" && access.Forwarded(r.Header): // the first worker has written it down
		return
	}
	level, result, what := slog.LevelInfo, "done", "change"
	if !changes {
		what = "request"
	}
	switch {
	case denied:
		level, result = slog.LevelWarn, "denied"
	case answered.status >= 400:
		level, result = slog.LevelWarn, "failed"
	}
	about := r.about
	if about == "" && mux.Vars(r.Request)["connector"] != "" {
		about = r.connector()
	}
	s.cfg.Audit.LogAttrs(context.WithoutCancel(r.Context()), level, what, slog.String("user", s.userOf(r)), slog.String("client", r.RemoteAddr),
		slog.String("method", r.Method), slog.String("path", r.URL.EscapedPath()), slog.String("connector", about),
		slog.String("result", result), slog.Int("status", answered.status), slog.Bool("forwarded", r.forwarded))
}

// userOf names who made a request, "" for somebody unknown.
func (s *Server) userOf(r *request) string {
	if r.who.Name == "" && s.access == nil && s.auth != nil {
		name, _ := s.auth.user(r.Request)
		return name
	}
	return r.who.Name
}
