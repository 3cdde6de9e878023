package access

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
)

// The headers by which a worker that forwards a request says who made it. The
// worker that the user has asked knows, by token or certificate; the next one is
// told, because a certificate does not travel. The session key of the group signs
// it together with what is asked, as it signs what workers ask of each other
// (KIP-507).
const (
	identityHeader  = "X-Millrace-Identity"           // base64 of an Identity as JSON
	timeHeader      = "X-Millrace-Identity-Time"      // Unix milliseconds
	signatureHeader = "X-Millrace-Identity-Signature" // ALGORITHM:base64
)

// forwardWindow is how far the clocks of two workers may be apart, and how long
// such a request can be repeated.
const forwardWindow = 5 * time.Minute

// Vouch adds to a request that is to be forwarded who has made it. uri is its
// path and query as the next worker sees them.
func Vouch(header http.Header, id Identity, method, uri string, body []byte, key herder.SessionKey, now time.Time) error {
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	header.Set(identityHeader, base64.StdEncoding.EncodeToString(text))
	header.Set(timeHeader, strconv.FormatInt(now.UnixMilli(), 10))
	mac, ok := herder.Sign(key.Algorithm, key.Key, vouched(header, method, uri, body))
	if !ok || len(key.Key) == 0 {
		return herder.Errorf(herder.Unavailable, "The request is for another worker, and this one has no session key yet to say who has made it; try again")
	}
	header.Set(signatureHeader, key.Algorithm+":"+base64.StdEncoding.EncodeToString(mac))
	return nil
}

// vouched is what the signature holds for.
func vouched(header http.Header, method, uri string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return []byte(strings.Join([]string{
		"millrace-identity-1", method, uri, header.Get(identityHeader), header.Get(timeHeader), hex.EncodeToString(sum[:]),
	}, "\n"))
}

// Forwarded reports whether another worker has sent a request on.
func Forwarded(header http.Header) bool { return header.Get(identityHeader) != "" }

// Vouched reads who made a request that another worker has sent on.
func Vouched(header http.Header, method, uri string, body []byte, key herder.SessionKey, now time.Time) (Identity, error) {
	if len(key.Key) == 0 {
		return Identity{}, herder.Errorf(herder.Unavailable, "This worker has no session key yet to tell who has made a forwarded request; try again")
	}
	algorithm, text, _ := strings.Cut(header.Get(signatureHeader), ":")
	mac, err := base64.StdEncoding.DecodeString(text)
	sig := herder.Signature{Body: vouched(header, method, uri, body), Algorithm: algorithm, MAC: mac}
	if err != nil || algorithm != key.Algorithm || !sig.Valid(key.Key) {
		return Identity{}, herder.Errorf(herder.Unauthorised, "The signature of a forwarded request is wrong")
	}
	sent, err := strconv.ParseInt(header.Get(timeHeader), 10, 64)
	if err != nil || now.Sub(time.UnixMilli(sent)).Abs() > forwardWindow {
		return Identity{}, herder.Errorf(herder.Unauthorised, "A forwarded request is too old, or the clocks of the workers are more than %s apart", forwardWindow)
	}
	plain, err := base64.StdEncoding.DecodeString(header.Get(identityHeader))
	var id Identity
	if err != nil || json.Unmarshal(plain, &id) != nil || id.Name == "" {
		return Identity{}, herder.Errorf(herder.Unauthorised, "A forwarded request does not say who has made it")
	}
	return id, nil
}
