package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/oauth"
)

// Schema is a schema as the registry gives it.
type Schema struct {
	Subject    string      `json:"subject,omitempty"`
	Version    int         `json:"version,omitempty"`
	ID         int         `json:"id,omitempty"`
	SchemaType string      `json:"schemaType,omitempty"` // "" means AVRO
	References []Reference `json:"references,omitempty"`
	Text       string      `json:"schema"`
}

// Reference names a version of another subject that a schema builds on: under
// Name it stands in the schema's text.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Client speaks to a registry. It belongs to one goroutine.
type Client struct {
	cfg  ClientConfig
	http *http.Client
	at   int // index of the URL that answered last
}

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	maxAnswer   = 64 << 20 // bytes of an answer
)

// NewClient makes a client. It does not connect.
func NewClient(cfg ClientConfig) *Client {
	c := &Client{cfg: cfg, http: httpClient(cfg)}
	if cfg.Randomize && len(cfg.URLs) > 0 {
		c.at = rand.IntN(len(cfg.URLs))
	}
	return c
}

func httpClient(cfg ClientConfig) *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   cfg.ConnectTimeout,
		TLSClientConfig:       cfg.TLS,
		ResponseHeaderTimeout: cfg.ReadTimeout,
		MaxIdleConnsPerHost:   1,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
	}
	if cfg.Proxy != nil {
		transport.Proxy = http.ProxyURL(cfg.Proxy)
	}
	return &http.Client{Transport: transport, Timeout: cfg.ConnectTimeout + cfg.ReadTimeout, CheckRedirect: kafka.NeverDown}
}

// Register puts a schema under a subject and returns its id; a schema that is
// there keeps its id.
func (c *Client) Register(ctx context.Context, subject string, s Schema, normalize bool) (id int, err error) {
	var out Schema
	err = c.call(ctx, http.MethodPost, versionsOf(subject)+normalizing(normalize), subject, s.body(), &out)
	return out.ID, err
}

// Lookup finds the id under which a subject has this very schema.
func (c *Client) Lookup(ctx context.Context, subject string, s Schema, normalize bool) (Schema, error) {
	var out Schema
	err := c.call(ctx, http.MethodPost, "/subjects/"+url.PathEscape(subject)+normalizing(normalize), subject, s.body(), &out)
	return out, err
}

// Latest is the latest version of a subject.
func (c *Client) Latest(ctx context.Context, subject string) (Schema, error) {
	var out Schema
	err := c.call(ctx, http.MethodGet, versionsOf(subject)+"/latest", subject, nil, &out)
	return out, err
}

// Version is one version of a subject.
func (c *Client) Version(ctx context.Context, subject string, version int) (Schema, error) {
	var out Schema
	err := c.call(ctx, http.MethodGet, versionsOf(subject)+"/"+strconv.Itoa(version), subject, nil, &out)
	return out, err
}

// ByID is the schema with an id; subject may be "" and helps registries with contexts.
func (c *Client) ByID(ctx context.Context, id int, subject string) (Schema, error) {
	path := "/schemas/ids/" + strconv.Itoa(id) + "?fetchMaxId=false"
	if subject != "" {
		path += "&subject=" + url.QueryEscape(subject)
	}
	var out Schema
	err := c.call(ctx, http.MethodGet, path, subject, nil, &out)
	out.ID = id
	return out, err
}

// VersionOf is the version that a schema has under a subject.
func (c *Client) VersionOf(ctx context.Context, subject string, s Schema) (int, error) {
	out, err := c.Lookup(ctx, subject, s, false)
	return out.Version, err
}

func versionsOf(subject string) string { return "/subjects/" + url.PathEscape(subject) + "/versions" }

func normalizing(on bool) string { return "?normalize=" + strconv.FormatBool(on) }

// body is what a request carries of a schema.
func (s Schema) body() []byte {
	b, _ := json.Marshal(struct { // strings and numbers alone: cannot fail
		Text       string      `json:"schema"`
		SchemaType string      `json:"schemaType,omitempty"`
		References []Reference `json:"references,omitempty"`
	}{s.Text, s.SchemaType, s.References})
	return b
}

// call sends a request, and again after a wait while the failure may pass.
func (c *Client) call(ctx context.Context, method, path, subject string, body []byte, out any) error {
	wait := c.cfg.RetryWait
	for try := 0; ; try++ {
		err := c.anywhere(ctx, method, path, body, out)
		if err == nil {
			return nil
		}
		if !passing(err) || try >= c.cfg.MaxRetries {
			return asConnect(err, method, subject)
		}
		jittered := wait/2 + rand.N(wait/2+1)
		select {
		case <-ctx.Done():
			return asConnect(ctx.Err(), method, subject)
		case <-time.After(jittered):
		}
		wait = min(2*wait, c.cfg.MaxRetryWait)
	}
}

// anywhere asks the URLs in turn until one answers, beginning with the one that answered last.
func (c *Client) anywhere(ctx context.Context, method, path string, body []byte, out any) error {
	var all []error
	for range c.cfg.URLs {
		err := c.send(ctx, c.cfg.URLs[c.at]+path, method, body, out)
		var refused *Error
		var token *oauth.Refused
		if err == nil || errors.As(err, &refused) || errors.As(err, &token) {
			return err
		}
		all = append(all, err)
		c.at = (c.at + 1) % len(c.cfg.URLs)
	}
	return errors.Join(all...)
}

func (c *Client) send(ctx context.Context, address, method string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range c.cfg.Header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", contentType)
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	if c.cfg.Auth != nil {
		if err := c.cfg.Auth.Authenticate(ctx, r); err != nil {
			return err
		}
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	case answer.StatusCode != http.StatusOK:
		return refusal(answer, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the answer of %s is not that of a schema registry: %w", address, err)
	}
	return nil
}
