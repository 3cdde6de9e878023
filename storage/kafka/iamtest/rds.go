package iamtest

import (
	"crypto/hmac"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// RDS checks tokens as a database of Amazon RDS does that authenticates by IAM.
type RDS struct {
	Endpoint string            // HOST:PORT, as clients know it
	Region   string            // of the database
	Keys     map[string]string // secret keys by access key
	Now      func() time.Time  // nil for time.Now
}

// Verify checks the token that a user logs in with: endpoint, user, region, time and signature.
func (r *RDS) Verify(user, token string) error {
	u, err := url.Parse("https://" + token)
	if err != nil {
		return fmt.Errorf("the token is no URL: %w", err)
	}
	c := claim{host: u.Host, params: map[string]string{}}
	for name, values := range u.Query() {
		c.params[name] = values[0]
	}
	scope := strings.Split(c.params["X-Amz-Credential"], "/")
	if len(scope) != 5 || scope[2] != r.Region || scope[3] != "rds-db" || scope[4] != "aws4_request" {
		return fmt.Errorf("the credential scope %v is not one of rds-db in %s", scope[min(1, len(scope)):], r.Region)
	}
	secret, known := r.Keys[scope[0]]
	switch {
	case !known:
		return fmt.Errorf("unknown access key %q", scope[0])
	case u.Host != r.Endpoint || strings.Trim(u.Path, "/") != "": // some signers leave the slash out
		return fmt.Errorf("signed for %s%s and not for %s", u.Host, u.Path, r.Endpoint)
	case c.params["Action"] != "connect" || c.params["DBUser"] != user:
		return fmt.Errorf("signed for %q by user %q and not to connect as %q", c.params["Action"], c.params["DBUser"], user)
	case c.params["X-Amz-Algorithm"] != algorithm || c.params["X-Amz-SignedHeaders"] != "host":
		return fmt.Errorf("another algorithm or other headers than host")
	}
	now := time.Now
	if r.Now != nil {
		now = r.Now
	}
	if err := inTime(c, scope[1], now()); err != nil {
		return err
	}
	if want := signature(c, secret, scope[1:]); !hmac.Equal([]byte(want), []byte(c.params["X-Amz-Signature"])) {
		return fmt.Errorf("the signature does not match")
	}
	return nil
}
