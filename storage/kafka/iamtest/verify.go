// Package iamtest is the broker's side of IAM authentication on Amazon MSK, for tests: listeners that let a connection
// through to the embedded broker once it has signed for a known key, by AWS_MSK_IAM or OAUTHBEARER.
package iamtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "kafka-cluster"
	dateFormat = "20060102T150405Z"
	skew       = 5 * time.Minute // that AWS tolerates between clocks
)

// claim is what a client signed: the parameters of a presigned GET of / on host.
type claim struct {
	host   string
	params map[string]string // as in the query, with their case
}

// Identity says who signed.
type Identity struct {
	AccessKey, SessionToken string
	Mechanism               string
	UserAgent               string
}

// fromPayload reads the message of AWS_MSK_IAM, whose keys are all in lower case.
func fromPayload(b []byte) (claim, error) {
	var fields map[string]string
	if err := json.Unmarshal(b, &fields); err != nil {
		return claim{}, fmt.Errorf("the payload is not a JSON object of texts: %w", err)
	}
	if fields["version"] != "2020_10_22" {
		return claim{}, fmt.Errorf("unknown version %q", fields["version"])
	}
	c := claim{host: fields["host"], params: map[string]string{}}
	for _, name := range []string{
		"Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
		"X-Amz-Signature", "X-Amz-SignedHeaders", "User-Agent",
	} {
		if v, ok := fields[strings.ToLower(name)]; ok {
			c.params[name] = v
		}
	}
	return c, nil
}

// fromToken reads a bearer token, which is the presigned URL itself.
func fromToken(token string) (claim, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return claim{}, fmt.Errorf("the token is not base64url: %w", err)
	}
	u, err := url.Parse(string(text))
	if err != nil {
		return claim{}, err
	}
	c := claim{host: u.Host, params: map[string]string{}}
	for name, values := range u.Query() {
		c.params[name] = values[0]
	}
	return c, nil
}

// verify checks a claim as AWS does: action, host, scope, time and signature.
func (b *Broker) verify(c claim, host string) (Identity, error) {
	id := Identity{SessionToken: c.params["X-Amz-Security-Token"], UserAgent: c.params["User-Agent"]}
	scope := strings.Split(c.params["X-Amz-Credential"], "/")
	if len(scope) != 5 || scope[2] != b.Region || scope[3] != service || scope[4] != "aws4_request" {
		return id, fmt.Errorf("the credential scope %v is not one of %s in %s", scope[min(1, len(scope)):], service, b.Region)
	}
	id.AccessKey = scope[0]
	secret, known := b.secret(id.AccessKey)
	switch {
	case !known:
		return id, errors.New("the security token included in the request is invalid")
	case c.host != host:
		return id, fmt.Errorf("signed for the host %s and not for %s", c.host, host)
	case c.params["Action"] != "kafka-cluster:Connect":
		return id, fmt.Errorf("the action is %q", c.params["Action"])
	case c.params["X-Amz-Algorithm"] != algorithm || c.params["X-Amz-SignedHeaders"] != "host":
		return id, errors.New("another algorithm or other headers than host")
	}
	if err := inTime(c, scope[1], b.now()); err != nil {
		return id, err
	}
	if want := signature(c, secret, scope[1:]); !hmac.Equal([]byte(want), []byte(c.params["X-Amz-Signature"])) {
		return id, errors.New("the request signature we calculated does not match the signature you provided")
	}
	return id, nil
}

func inTime(c claim, day string, now time.Time) error {
	signed, err := time.Parse(dateFormat, c.params["X-Amz-Date"])
	if err != nil || !strings.HasPrefix(c.params["X-Amz-Date"], day) {
		return fmt.Errorf("the date is %q", c.params["X-Amz-Date"])
	}
	life, err := time.ParseDuration(c.params["X-Amz-Expires"] + "s")
	if err != nil {
		return fmt.Errorf("X-Amz-Expires is %q", c.params["X-Amz-Expires"])
	}
	switch {
	case signed.After(now.Add(skew)):
		return fmt.Errorf("signature not yet current: %s is still later than %s", signed, now.Add(skew))
	case now.After(signed.Add(life)):
		return fmt.Errorf("signature expired: %s is now earlier than %s", signed.Add(life), now)
	}
	return nil
}

// signature computes AWS Signature Version 4 of the presigned request anew.
func signature(c claim, secret string, scope []string) string {
	var query []string
	for name, value := range c.params {
		if name != "X-Amz-Signature" && name != "User-Agent" { // which is not signed
			query = append(query, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(query)
	canonical := "GET\n/\n" + strings.Join(query, "&") + "\nhost:" + c.host + "\n\nhost\n" + hexHash("")
	toSign := algorithm + "\n" + c.params["X-Amz-Date"] + "\n" + strings.Join(scope, "/") + "\n" + hexHash(canonical)
	key := []byte("AWS4" + secret)
	for _, part := range append(slices.Clone(scope), toSign) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// escape is the URI encoding of Signature Version 4, where a space is %20.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
