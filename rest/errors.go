package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/millrace/millrace/herder"
)

// errorMessage is the body of every error (ErrorMessage).
type errorMessage struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// httpError is an error of the protocol, which no herder has seen. Without a
// message it is the one that JAX-RS makes of the status.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string {
	if e.message != "" {
		return e.message
	}
	return fmt.Sprintf("HTTP %d %s", e.status, http.StatusText(e.status))
}

var (
	errNoResource = &httpError{status: http.StatusNotFound}
	errNoMethod   = &httpError{status: http.StatusMethodNotAllowed}
)

// statuses of the kinds of a herder's errors (ConnectExceptionMapper).
var statuses = map[herder.Kind]int{
	herder.Internal:     http.StatusInternalServerError,
	herder.NotFound:     http.StatusNotFound,
	herder.Exists:       http.StatusConflict,
	herder.Conflict:     http.StatusConflict,
	herder.BadRequest:   http.StatusBadRequest,
	herder.BadConfig:    http.StatusBadRequest,
	herder.Forbidden:    http.StatusForbidden,
	herder.Unavailable:  http.StatusServiceUnavailable,
	herder.Timeout:      http.StatusInternalServerError,
	herder.Unauthorised: http.StatusUnauthorized,
}

// describe turns an error into a status and the message for the client.
func describe(err error) (int, string) {
	var protocol *httpError
	var known *herder.Error
	switch {
	case errors.As(err, &protocol):
		return protocol.status, protocol.Error()
	case errors.As(err, &known):
		if status, ok := statuses[known.Kind]; ok {
			return status, known.Message
		}
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusInternalServerError, "Request timed out"
	case errors.Is(err, context.Canceled):
		return http.StatusInternalServerError, "Request interrupted"
	}
	return http.StatusInternalServerError, err.Error()
}

// fail answers with an error. Only what is the worker's own fault is logged:
// the client knows the rest.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, message := describe(err)
	if status == http.StatusInternalServerError {
		s.log.Error("a REST request has failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	s.json(w, status, errorMessage{status, message})
}

// bare answers with an error of the protocol. Java's answers to these have no
// Content-Type, because no resource declared one.
func (s *Server) bare(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status, message := describe(err)
		text, _ := encode(errorMessage{status, message}) // two plain fields
		w.Header()["Content-Type"] = nil
		w.WriteHeader(status)
		_, _ = w.Write(text)
	})
}

// badURI answers as Java's HTTP server does to a path that it finds ambiguous,
// before any resource is looked for: with a page of HTML, or nothing at all for
// methods that do not show pages.
func badURI(w http.ResponseWriter, method, problem string) {
	w.Header().Set("Cache-Control", "must-revalidate,no-cache,no-store")
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead:
		w.Header().Set("Content-Type", "text/html;charset=iso-8859-1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(strings.ReplaceAll(badURIPage, "PROBLEM", problem)))
	default:
		w.Header()["Content-Type"] = nil
		w.WriteHeader(http.StatusBadRequest)
	}
}

// badURIPage is Jetty's, to the letter, because clients compare it.
const badURIPage = `<html>
<head>
<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>
<title>Error 400 PROBLEM</title>
</head>
<body>
<h2>HTTP ERROR 400 PROBLEM</h2>
<table>
<tr><th>URI:</th><td>/badURI</td></tr>
<tr><th>STATUS:</th><td>400</td></tr>
<tr><th>MESSAGE:</th><td>PROBLEM</td></tr>
</table>
<hr/><a href="https://jetty.org/">Powered by Jetty:// 12.0.34</a><hr/>

</body>
</html>
`
