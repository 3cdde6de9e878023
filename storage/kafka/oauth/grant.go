// Package oauth asks token end points for access tokens (RFC 6749, section 4), as Kafka's clients and those of a schema
// registry do.
//
// No error shows what may be secret: user, password and parameters of the end point's URL, or what it has answered but
// for the error codes of the RFC. Nothing is sent on to where an end point redirects.
package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Grant says who asks for what, and where.
type Grant struct {
	Endpoint   *url.URL
	ID, Secret string // of the client, as they go into the header; none without an ID
	// Form is what the end point is asked; it is made anew each time.
	Form   func() (url.Values, error)
	Client *http.Client // its CheckRedirect is not asked
}

// ClientCredentials is the form of the client credentials grant (section 4.4), for a scope or "".
func ClientCredentials(scope string) func() (url.Values, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return func() (url.Values, error) { return form, nil }
}

// Token is what an end point gives.
type Token struct {
	Text string
	Life time.Duration // from now; 0 where the end point does not say
}

// Refused says that the end point has answered, and given no token.
type Refused struct {
	Endpoint string // without what may be secret in it
	Status   int    // of HTTP
	Code     string // the error code of RFC 6749, 5.2; "" for any other
}

func (e *Refused) Error() string {
	said := ""
	switch {
	case e.Code != "":
		said = " (" + e.Code + ")"
	case e.Status/100 == 3:
		said = ": it redirects, and secrets are sent to no other address than the one that is set"
	}
	return fmt.Sprintf("the token end point %s answered %d %s%s", e.Endpoint, e.Status, http.StatusText(e.Status), said)
}

// Passing reports whether the same request may be answered by and by.
func (e *Refused) Passing() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}

// Token asks for a token. A Refused is in the error where the end point does not give one.
func (g *Grant) Token(ctx context.Context) (Token, error) {
	rq, err := g.request(ctx)
	if err != nil {
		return Token{}, err
	}
	shown := shown(g.Endpoint)
	client := *g.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	rs, err := client.Do(rq)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			err = withURL.Err // the URL may hold secrets
		}
		return Token{}, fmt.Errorf("asking the token end point %s: %w", shown, err)
	}
	defer rs.Body.Close()
	body, err := io.ReadAll(io.LimitReader(rs.Body, 1<<20))
	if err != nil {
		return Token{}, fmt.Errorf("reading the answer of the token end point %s: %w", shown, err)
	}
	if rs.StatusCode/100 != 2 {
		return Token{}, &Refused{shown, rs.StatusCode, errorCode(body)}
	}
	token, ok := parse(body)
	if !ok {
		return Token{}, fmt.Errorf("the answer of the token end point %s holds no access_token", shown)
	}
	return token, nil
}

func (g *Grant) request(ctx context.Context) (*http.Request, error) {
	form, err := g.Form()
	if err != nil {
		return nil, err
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.Endpoint.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if g.ID != "" {
		rq.SetBasicAuth(g.ID, g.Secret)
	}
	rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rq.Header.Set("Accept", "application/json")
	return rq, nil
}

func parse(body []byte) (Token, bool) {
	var answer struct {
		Token     string          `json:"access_token"`
		ExpiresIn json.RawMessage `json:"expires_in"` // some write the number as text
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" {
		return Token{}, false
	}
	seconds, err := strconv.ParseFloat(strings.Trim(string(answer.ExpiresIn), `"`), 64)
	if err != nil || !(seconds >= 0 && seconds <= 1e9) {
		seconds = 0
	}
	return Token{Text: answer.Token, Life: time.Duration(seconds * float64(time.Second))}, true
}

func errorCode(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	known := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
	if json.Unmarshal(body, &answer) == nil && slices.Contains(known, answer.Error) {
		return answer.Error
	}
	return ""
}

// shown is a URL without user, password and parameters.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
