package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// logged writes one line per request, without headers: those may hold passwords.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		counted := &counter{ResponseWriter: w}
		next.ServeHTTP(counted, r)
		s.log.Info("request", "client", r.RemoteAddr, "method", r.Method, "uri", shownURI(r.URL),
			"status", counted.status, "bytes", counted.bytes, "took", time.Since(began))
	})
}

// knownParameters are those that resources have. Others may hold anything, such as an
// access_token that a client sends in the wrong place.
var knownParameters = []string{"connectorsOnly", "expand", "forward", "includeTasks", "onlyFailed", "scope", "version"}

// shownURI is the URI of a request as logs show it: without the values of parameters
// that no resource knows, and without a user.
func shownURI(u *url.URL) string {
	shown := u.EscapedPath()
	if u.RawQuery == "" {
		return shown
	}
	pairs := strings.Split(u.RawQuery, "&")
	for i, pair := range pairs {
		if name, _, valued := strings.Cut(pair, "="); valued && !slices.Contains(knownParameters, name) {
			pairs[i] = name + "=[hidden]"
		}
	}
	return shown + "?" + strings.Join(pairs, "&")
}

// counter remembers what was answered.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
