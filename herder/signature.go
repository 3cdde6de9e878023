package herder

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// The headers that carry the signature of a request between workers
// (InternalRequestSignature, KIP-507). The first is base64.
const (
	SignatureHeader          = "X-Connect-Authorization"
	SignatureAlgorithmHeader = "X-Connect-Request-Signature-Algorithm"
)

// SessionKey signs requests between the workers of a group. It comes from the
// config topic and is replaced from time to time.
type SessionKey struct {
	Key []byte
	// Algorithm signs (inter.worker.signature.algorithm), in Java's spelling.
	Algorithm string
}

// Signature is what a request between workers carried.
type Signature struct {
	Body      []byte // as received: it is what was signed
	Algorithm string
	MAC       []byte // decoded
}

// Sign returns the MAC of body, or false when the algorithm is not known.
func Sign(algorithm string, key, body []byte) ([]byte, bool) {
	var h func() hash.Hash
	switch algorithm {
	case "HmacSHA256":
		h = sha256.New
	case "HmacSHA1":
		h = sha1.New
	case "HmacSHA224":
		h = sha256.New224
	case "HmacSHA384":
		h = sha512.New384
	case "HmacSHA512":
		h = sha512.New
	default:
		return nil, false
	}
	m := hmac.New(h, key)
	m.Write(body)
	return m.Sum(nil), true
}

// Valid reports whether the signature was made with key.
func (s *Signature) Valid(key []byte) bool {
	want, ok := Sign(s.Algorithm, key, s.Body)
	return ok && hmac.Equal(want, s.MAC)
}
