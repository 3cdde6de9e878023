package rest

import (
	"net/http"
	"time"
)

// logged writes one line per request, without headers: those may hold passwords.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		counted := &counter{ResponseWriter: w}
		next.ServeHTTP(counted, r)
		s.log.Info("request", "client", r.RemoteAddr, "method", r.Method, "uri", r.URL.RequestURI(),
			"status", counted.status, "bytes", counted.bytes, "took", time.Since(began))
	})
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
