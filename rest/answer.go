package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
)

// answer is what a handler has to say. Without a body the answer is empty.
type answer struct {
	status  int    // 200 by default
	body    any    // written as JSON
	created string // the name of a connector that was made
}

// write writes what a handler has answered.
func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.created != "" {
		w.Header().Set("Location", baseOf(r)+(&url.URL{Path: "/connectors/" + a.created}).EscapedPath())
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	s.json(w, a.status, a.body)
}

// baseOf is the address that a client has reached this server by.
func baseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (s *Server) json(w http.ResponseWriter, status int, body any) {
	text, err := encode(body)
	if err != nil {
		s.log.Error("an answer cannot be written as JSON", "error", err)
		status = http.StatusInternalServerError
		text = []byte(`{"error_code":500,"message":"The answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone cannot be told
}

// encode writes JSON as Jackson does, with <, > and & as they are.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
