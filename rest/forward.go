package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
	"github.com/millrace/millrace/rest/client"
)

// passedOn are the headers that go with a forwarded request: who the user is,
// and another worker's signature, which holds because the body is the same.
var passedOn = []string{"Authorization", herder.SignatureHeader, herder.SignatureAlgorithmHeader}

// forward sends a request to the worker that must handle it, and its answer
// back. With an error nothing has been answered. A request makes at most two hops: the first is marked forward=true, the
// second forward=false, and a worker that would have to forward the latter
// answers 409 (HerderRequestHandler.completeOrForwardRequest).
func (s *Server) forward(ctx context.Context, w http.ResponseWriter, r *request, to *herder.NotTarget) error {
	query := r.URL.Query()
	marked := query.Has("forward")
	switch {
	case marked && !r.flag("forward", true):
		return herder.Errorf(herder.Conflict, "%s", herder.TooManyHopsMessage)
	case to.URL == "":
		return herder.Errorf(herder.Conflict, "%s", herder.NoLeaderMessage)
	}
	target, err := client.At(to.URL, r.URL.EscapedPath())
	if err != nil {
		return herder.Errorf(herder.Internal, "The address %q of the worker to ask is not a URL", to.URL)
	}
	query.Set("forward", strconv.FormatBool(!marked))
	target.RawQuery = query.Encode()
	a, err := s.sendOn(ctx, r, target)
	if err != nil {
		return err
	}
	s.log.Debug("forwarded a request", "method", r.Method, "worker", target.Host, "uri", shownURI(target), "status", a.Status)
	r.forwarded = true
	passBack(w, r.Request, a)
	return nil
}

// keyPatience is how long two workers may take to read the same session key.
const keyPatience = 2 * time.Second

// sendOn sends a request to another worker and, with access rules, says who has
// made it. A worker that has not read the newest session key yet, or has read it
// first, takes that for wrong and does nothing: the request is sent again.
func (s *Server) sendOn(ctx context.Context, r *request, to *url.URL) (client.Answer, error) {
	vouch := s.access != nil && r.who.Name != ""
	for begin := time.Now(); ; {
		header := passOn(r.Header)
		if vouch {
			if err := access.Vouch(header, r.who, r.Method, to.RequestURI(), r.body, s.cfg.SessionKey(), time.Now()); err != nil {
				return client.Answer{}, err
			}
		}
		a, err := s.client.Do(ctx, client.Request{Method: r.Method, URL: to.String(), Header: header, Body: r.payload()})
		if err != nil || !vouch || a.Status != http.StatusUnauthorized || time.Since(begin) >= keyPatience {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, nil
		case <-time.After(successorPause):
		}
	}
}

// successorPause is between attempts to find a worker that takes a request.
const successorPause = 250 * time.Millisecond

// waitForSuccessor reports, after a pause, whether a request is to be tried
// again because the worker that it was for could not be reached: the group takes
// a session to notice that it has gone. A request that may have got there is
// never repeated.
func (s *Server) waitForSuccessor(ctx context.Context, begin time.Time, err error) bool {
	if !client.Unreached(err) || time.Since(begin) >= s.cfg.ForwardWait {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(successorPause):
		return true
	}
}

// payload is the body to send on, nil when there is none.
func (r *request) payload() []byte {
	if len(r.body) == 0 {
		return nil
	}
	return r.body
}

func passOn(from http.Header) http.Header {
	to := http.Header{}
	for _, name := range passedOn {
		if values := from.Values(name); len(values) > 0 {
			to[http.CanonicalHeaderKey(name)] = values
		}
	}
	return to
}

// passBack writes another worker's answer as it is, but for the address of what
// was made: the client knows this worker's.
func passBack(w http.ResponseWriter, r *http.Request, a client.Answer) {
	w.Header()["Content-Type"] = a.Header["Content-Type"]
	if made, err := url.Parse(a.Header.Get("Location")); err == nil && made.Path != "" {
		w.Header().Set("Location", baseOf(r)+made.EscapedPath())
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that has gone cannot be told
}
