package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
	"github.com/millrace/millrace/storage/state"
)

// handler answers one kind of request: with an answer or an error, which
// resource.ServeHTTP writes.
type handler func(ctx context.Context, r *request) (answer, error)

// request is an HTTP request whose body has been read.
type request struct {
	*http.Request
	body []byte
	who  access.Identity // the zero one without access rules

	about     string // for the audit: the connector that the body names
	forwarded bool   // the answer is another worker's
}

// name decodes a variable of the path.
func (r *request) name(variable string) string {
	text, err := url.PathUnescape(mux.Vars(r.Request)[variable])
	if err != nil {
		return mux.Vars(r.Request)[variable] // canonical has refused what cannot be decoded
	}
	return text
}

func (r *request) connector() string { return r.name("connector") }

// taskID reads the task of the path. Something other than a number is a path
// that does not exist.
func (r *request) taskID() (state.TaskID, error) {
	n, err := strconv.ParseInt(r.name("task"), 10, 32)
	if err != nil {
		return state.TaskID{}, &httpError{status: http.StatusNotFound}
	}
	return state.TaskID{Connector: r.connector(), Task: int(n)}, nil
}

// flag reads a query parameter as Java's Boolean does: everything that is not
// true is false.
func (r *request) flag(name string, byDefault bool) bool {
	values, given := r.URL.Query()[name]
	if !given {
		return byDefault
	}
	return strings.EqualFold(values[0], "true")
}

// resource serves a path.
type resource struct {
	s       *Server
	methods methods
	auth    authenticator
}

// ServeHTTP checks in Jersey's order: method, types of body and answer,
// credentials.
func (x *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer x.s.recovered(w, r)
	method := r.Method
	if method == http.MethodHead {
		method = get
	}
	op, ok := x.methods[method]
	if !ok && method != http.MethodOptions {
		w.Header().Set("Allow", x.methods.allowed())
		x.s.bare(errNoMethod).ServeHTTP(w, r)
		return
	}
	if err := x.types(r, method); err != nil {
		x.s.bare(err).ServeHTTP(w, r)
		return
	}
	if x.s.access == nil && x.auth != nil && !internalRequest(r) && !x.auth.permits(r) {
		refuse(w)
		return
	}
	if !ok {
		x.options(w, r)
		return
	}
	x.s.run(w, r, op)
}

// types compares the types that a request has and wants with JSON. Java declares
// no type for what workers send each other.
func (x *resource) types(r *http.Request, method string) error {
	if given := r.Header.Get("Content-Type"); given != "" && method != http.MethodOptions && !internalRequest(r) {
		if t, _, err := mime.ParseMediaType(given); err != nil || t != "application/json" {
			return &httpError{status: http.StatusUnsupportedMediaType}
		}
	}
	if method != http.MethodOptions && !accepts(r, "application/json") {
		return &httpError{status: http.StatusNotAcceptable}
	}
	return nil
}

// accepts reports whether an Accept header allows a type.
func accepts(r *http.Request, want string) bool {
	given := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(given) == "" {
		return true
	}
	group, _, _ := strings.Cut(want, "/")
	for item := range strings.SplitSeq(given, ",") {
		t, params, err := mime.ParseMediaType(item)
		if err == nil && (t == want || t == "*/*" || t == group+"/*") && params["q"] != "0" {
			return true
		}
	}
	return false
}

// options answers OPTIONS: with the methods, as text for who accepts text.
func (x *resource) options(w http.ResponseWriter, r *http.Request) {
	allowed := x.methods.allowed()
	w.Header().Set("Allow", allowed)
	if !accepts(r, "text/plain") {
		w.Header().Set("Content-Type", "application/json")
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, strings.ReplaceAll(allowed, ",", ", "))
}

// run admits a request and has it answered, and writes down who changed what.
func (s *Server) run(w http.ResponseWriter, r *http.Request, op operation) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	counted := &counter{ResponseWriter: w}
	req := &request{Request: r}
	defer s.audit(req, op.need, counted)
	if err := s.admit(ctx, counted, req, op.need); err != nil {
		s.fail(counted, r, err)
		return
	}
	s.serveRequest(ctx, counted, req, op.do)
}

// serveRequest asks the handler and writes what comes of it. A request for
// another worker is sent there.
func (s *Server) serveRequest(ctx context.Context, w http.ResponseWriter, req *request, h handler) {
	r := req.Request
	for begin := time.Now(); ; {
		a, err := h(ctx, req)
		var other *herder.NotTarget
		if errors.As(err, &other) {
			if err = s.forward(ctx, w, req, other); err == nil {
				return
			}
			if s.waitForSuccessor(ctx, begin, err) {
				continue
			}
		}
		if err != nil {
			s.fail(w, r, err)
		} else {
			s.write(w, r, a)
		}
		return
	}
}

// readBody reads a body within the limits of size and, by the HTTP server's
// ReadTimeout, of time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &httpError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("The request is larger than %d bytes", large.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &httpError{status: http.StatusRequestTimeout, message: "The request did not arrive in time"}
	case err != nil:
		return nil, herder.Errorf(herder.BadRequest, "The request ended early: %w", err)
	}
	return body, nil
}

// recovered answers 500 where a handler has panicked. The answer has not been
// begun: handlers return before anything is written.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	if p := recover(); p != nil {
		s.log.Error("a request has failed by a programming error", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		s.fail(w, r, herder.Errorf(herder.Internal, "The worker failed to handle the request; its log says why"))
	}
}
