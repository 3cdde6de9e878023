package rest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
)

// cors are the rules for requests that a page of another site makes.
type cors struct {
	any     bool
	origins []*regexp.Regexp
	methods string
}

// parseCORS reads access.control.allow.origin, a list of * or regular
// expressions, and access.control.allow.methods; nil without an origin
// (Jetty's CrossOriginHandler).
func parseCORS(origins, methods string) (*cors, error) {
	c := &cors{methods: strings.Join(configdef.Elements(methods), ",")}
	if c.methods == "" {
		c.methods = "GET,POST,HEAD"
	}
	patterns := configdef.Elements(origins)
	if len(patterns) == 0 {
		return nil, nil
	}
	for _, p := range patterns {
		if p == "*" {
			c.any = true
			continue
		}
		re, err := regexp.Compile(`^(?i:` + p + `)$`)
		if err != nil {
			return nil, invalid("access.control.allow.origin", fmt.Sprintf("%q is not a regular expression", p))
		}
		c.origins = append(c.origins, re)
	}
	return c, nil
}

func (c *cors) allows(origin string) bool {
	if c.any {
		return true
	}
	for _, re := range c.origins {
		if re.MatchString(origin) {
			return true
		}
	}
	return false
}

// wrap adds the headers by which a browser decides. Every request is served,
// preflight requests included.
func (c *cors) wrap(next http.Handler) http.Handler {
	if c == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" && c.allows(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h.Set("Access-Control-Allow-Methods", c.methods)
				h.Set("Access-Control-Allow-Headers", "Content-Type")
				h.Set("Access-Control-Max-Age", "60")
			}
		}
		next.ServeHTTP(w, r)
	})
}
