package rest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	emptySegment = regexp.MustCompile(`//`)
	parameters   = regexp.MustCompile(`;[^/]*`)
	dotSegment   = regexp.MustCompile(`(?i)/(\.|%2e)?%2e(/|;|$)|/%2e\.(/|;|$)`)
	dotParameter = regexp.MustCompile(`/\.\.?;`)
)

// ambiguous says what a server could understand in two ways in an encoded
// path: Java refuses such paths, and so must everything that decides by path
// whether a request is permitted (Jetty's UriCompliance).
func ambiguous(escaped, decoded string) string {
	lower := strings.ToLower(escaped)
	switch {
	case dotParameter.MatchString(escaped):
		return "Ambiguous URI path parameter"
	case dotSegment.MatchString(escaped):
		return "Ambiguous URI path segment"
	case strings.Contains(lower, "%2f"):
		return "Ambiguous URI path separator"
	case strings.Contains(lower, "%25"):
		return "Ambiguous URI path encoding"
	case emptySegment.MatchString(escaped):
		return "Ambiguous URI empty segment"
	case strings.Contains(decoded, `\`):
		return "Suspicious Path Character"
	case !utf8.ValidString(decoded):
		return "Bad UTF-8 encoding"
	case strings.ContainsFunc(decoded, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "Bad Request"
	}
	return ""
}

// canonical brings paths into the one form that routes are written in: without
// parameters and a slash at the end. Dot segments stay, and so lead nowhere.
func canonical(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		if problem := ambiguous(escaped, r.URL.Path); problem != "" {
			badURI(w, r.Method, problem)
			return
		}
		clean := "/" + strings.Trim(parameters.ReplaceAllString(escaped, ""), "/")
		if clean != escaped {
			decoded, err := url.PathUnescape(clean)
			if err != nil {
				badURI(w, r.Method, "Bad Request")
				return
			}
			u := *r.URL
			u.Path, u.RawPath = decoded, clean
			r2 := *r
			r2.URL = &u
			r = &r2
		}
		next.ServeHTTP(w, r)
	})
}
