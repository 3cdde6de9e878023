package kafka

import (
	"errors"
	"net/http"
)

// ErrDown says that a server whose address begins with https names one that does not.
var ErrDown = errors.New("its address begins with https, but it names one that does not")

// NeverDown follows redirections, but none from https to http: whoever sits between
// could answer in the server's place, and read what the request holds. It is for
// http.Client.CheckRedirect.
func NeverDown(r *http.Request, via []*http.Request) error {
	switch {
	case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
		return ErrDown
	case len(via) >= 10:
		return errors.New("it redirects without end")
	}
	return nil
}
