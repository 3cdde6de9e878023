// Package client sends requests from one worker of a group to another: it
// forwards what a user asked of the wrong worker, and signs what workers ask of
// each other (RestClient, KIP-507).
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
)

// maxAnswer bounds what is read of an answer: those of workers are small, and
// the largest repeat a configuration that was sent.
const maxAnswer = 64 << 20

// Config of a Client.
type Config struct {
	// TLS is for addresses that begin with https; nil trusts what the system does.
	TLS *tls.Config
	// Timeout is that of one request, 90 s by default.
	Timeout time.Duration
}

// Client sends requests to other workers. Any goroutine may use it.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// New makes a Client.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 90 * time.Second
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = cfg.TLS
	transport.Proxy = nil // workers reach each other directly
	return &Client{
		timeout: cfg.Timeout,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close drops connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is what to ask another worker.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte // nil for none
}

// Answer is what it said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request. An error means that there is no answer, or none that a
// worker gives.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return Answer{}, herder.Errorf(herder.Internal, "IO Error trying to forward REST request: %w", err)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kafka-connect")
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.send(req)
}

func (c *Client) send(req *http.Request) (Answer, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, herder.Errorf(herder.Internal, "IO Error trying to forward REST request: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{}, herder.Errorf(herder.Internal, "IO Error trying to forward REST request: reading the answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode >= 300 && res.StatusCode < 400 {
		return Answer{}, herder.Errorf(herder.Internal, "Unexpected status code when handling forwarded request: %d", res.StatusCode)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: text}, nil
}

// At is the address of a path, encoded and as it is, at the worker with a base
// address: a segment . or .. is the name of a connector, and leads nowhere else.
func At(base, path string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, err
	case u.Host == "":
		return nil, errors.New("it names no host")
	}
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + path
	u.Path, err = url.PathUnescape(u.RawPath)
	return u, err
}

// Unreached reports whether an error of Do means that the request cannot have
// reached the other worker: there was no connection.
func Unreached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// PutTaskConfigs gives the leader, at workerURL, the task configurations of a
// connector. An error has the kind of the leader's answer.
func (c *Client) PutTaskConfigs(ctx context.Context, workerURL, connector string, configs []map[string]string, key herder.SessionKey) error {
	if configs == nil {
		configs = []map[string]string{}
	}
	body, err := json.Marshal(configs)
	if err != nil {
		return fmt.Errorf("writing the task configurations of %s: %w", connector, err)
	}
	return c.internal(ctx, http.MethodPost, workerURL, connector, "tasks", body, key)
}

// FenceZombies asks the leader, at workerURL, to fence off producers of earlier
// tasks of a source connector. An error has the kind of the leader's answer.
func (c *Client) FenceZombies(ctx context.Context, workerURL, connector string, key herder.SessionKey) error {
	return c.internal(ctx, http.MethodPut, workerURL, connector, "fence", nil, key)
}

func (c *Client) internal(ctx context.Context, method, base, connector, what string, body []byte, key herder.SessionKey) error {
	u, err := At(base, "/connectors/"+url.PathEscape(connector)+"/"+what)
	if err != nil {
		return fmt.Errorf("the leader's address %q is not a URL", base)
	}
	req := Request{Method: method, URL: u.String(), Header: http.Header{}, Body: body}
	if err := Sign(req.Header, key, body); err != nil {
		return err
	}
	answer, err := c.Do(ctx, req)
	if err != nil {
		return err
	}
	return answer.Err()
}

// Err is nil for an answer that grants the request.
func (a Answer) Err() error {
	if a.Status < 400 {
		return nil
	}
	var said struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(a.Body, &said) != nil || said.Message == "" {
		said.Message = fmt.Sprintf("the worker answered %d %s", a.Status, http.StatusText(a.Status))
	}
	return herder.Errorf(kindOf(a.Status), "%s", said.Message)
}

func kindOf(status int) herder.Kind {
	switch status {
	case http.StatusBadRequest:
		return herder.BadRequest
	case http.StatusUnauthorized:
		return herder.Unauthorised
	case http.StatusForbidden:
		return herder.Forbidden
	case http.StatusNotFound:
		return herder.NotFound
	case http.StatusConflict:
		return herder.Conflict
	case http.StatusServiceUnavailable:
		return herder.Unavailable
	}
	return herder.Internal
}
